"""`events.jsonl` and the segments it grows out of; beside them the human log.

    events.jsonl                     the newest lines; only ever added to
    events-000000012001.jsonl        a full one, named by its first event; never written again
    index.json                       of each full one: numbers, times, size, digest, who and what is in it
    events.lock                      whoever holds its lock may write

Numbers have no gaps and lines lie in their order, so a line is found by halving, without an index.
"""
