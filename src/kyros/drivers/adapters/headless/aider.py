"""aider's plain output, and the analytics log that it writes among it: the terminal sign and the figures."""

import re
from collections.abc import Iterator

from kyros.drivers.adapters.headless.record import Record
from kyros.drivers.adapters.messages import Event, mapping, money, shown, text_of, whole

_MODEL = re.compile(r"^(?:Main model|Model): (\S+)")
_TROUBLE = re.compile(r"^(litellm\.\S*(?:Error|Exception)\b.*|.*API provider is not able to authenticate.*)")


def read(event: Event, record: Record) -> Iterator[str]:
    """A message is answered, then edits are applied and perhaps more is asked: only `exit` ends the turn.
    The prompt's count includes what a cache had, of which nothing is said."""
    kind, facts = text_of(event.get("event")), mapping(event.get("properties"))
    if kind == "message_send":
        record.trouble = None
        record.add(
            input_tokens=whole(facts.get("prompt_tokens")),
            output_tokens=whole(facts.get("completion_tokens")),
            cost_usd=money(facts.get("cost")) or None,  # 0: no price known
        )
    elif kind == "message_send_exception":
        record.trouble = " ".join(text_of(facts.get("exception")).split()) or "it could not ask the model"
    elif kind == "exit":
        yield from _exit(text_of(facts.get("reason")), record)


def read_line(line: str, record: Record) -> Iterator[str]:
    """It goes on after an error that it can try again, so an error is only trouble until the end."""
    if match := _MODEL.match(line):
        record.model = match.group(1)
    if match := _TROUBLE.match(line):
        record.trouble = match.group(1).strip()
    yield from shown(line)


def _exit(reason: str, record: Record) -> Iterator[str]:
    if record.trouble is None and not reason.startswith("Completed"):
        record.trouble = reason or "it ended before its time"
    if record.trouble is None and record.output_tokens is None:
        record.trouble = "the model gave no answer"
    if record.trouble is None:
        record.is_done = True
    else:
        record.failure = record.trouble
        yield f"✗ {record.failure}"
