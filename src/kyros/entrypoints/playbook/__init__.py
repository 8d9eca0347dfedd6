"""The built-in agent that needs no model: carries out TASK.md to the letter. Standard library only."""

import sys

HELP = """Usage: playbook                  talk to it in this terminal
       playbook --yes "PROMPT"   carry out one prompt and approve everything it asks

playbook is not a model. Told to read TASK.md, it carries out what stands there: blocks fenced as
```LANG file=PATH are written, ```diff blocks applied, ```sh run blocks executed, in that order of
appearance and nowhere but in this folder.
"""


def main() -> None:
    """Exit codes: 0 done or quit, 1 failed, 2 usage."""
    arguments = sys.argv[1:]
    if arguments in (["--help"], ["-h"]):
        print(HELP, end="")
        raise SystemExit(0)
    if arguments and (arguments[0] != "--yes" or len(arguments) != 2):
        print(HELP, end="", file=sys.stderr)
        raise SystemExit(2)
    raise SystemExit(_converse() if not arguments else _carry_out_once(arguments[1]))


def _converse() -> int:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        print('playbook needs a terminal to talk; without one, use: playbook --yes "PROMPT"', file=sys.stderr)
        return 2
    from kyros.entrypoints.playbook.conversation import converse

    return converse()


def _carry_out_once(prompt: str) -> int:
    from kyros.entrypoints.playbook.conversation import carry_out_once

    return carry_out_once(prompt)
