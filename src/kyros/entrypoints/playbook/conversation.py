"""The conversation: banner, prompt, turns, approvals. Carries out what TASK.md spells out."""

import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from kyros import __version__
from kyros.entrypoints.playbook.blocks import (
    Block,
    DiffBlock,
    FileBlock,
    RunBlock,
    TaskUnreadable,
    parse_blocks,
)
from kyros.entrypoints.playbook.commands import run_command
from kyros.entrypoints.playbook.diffs import DiffRefused, apply_diff, parse_diff
from kyros.entrypoints.playbook.editor import Keyboard, read_message
from kyros.entrypoints.playbook.folder import Folder, PathRefused
from kyros.entrypoints.playbook.screen import (
    BLUE,
    BOLD,
    DIM,
    GREEN,
    PLAIN,
    RED,
    YELLOW,
    Screen,
    raw_keys,
)

_TASK = "TASK.md"
_TASK_LIMIT_BYTES = 10_000_000
_NOT_A_MODEL = "playbook is not a model: it only carries out the blocks that TASK.md spells out"


class TurnFailed(Exception):
    """The turn cannot go on; the message says why in one sentence."""


class Denied(TurnFailed):
    """The person said something other than yes; `answer` is what they said."""

    def __init__(self, request: str, answer: str) -> None:
        super().__init__(
            f"{request.splitlines()[0]} was denied; what came before it is done, nothing after it."
        )
        self.answer = answer


@dataclass
class Tally:
    """What a turn has done so far."""

    written: int = 0
    applied: int = 0
    run: int = 0

    def __str__(self) -> str:
        return (
            f"{_count(self.written, 'file')} written, {_count(self.applied, 'diff')} applied, "
            f"{_count(self.run, 'command')} run."
        )


def converse() -> int:
    """Talk until Ctrl-D; the exit code is 0."""
    screen, keyboard, trusted = Screen(), Keyboard(), set[str]()
    signal.signal(signal.SIGTERM, _quit)
    with raw_keys():
        _banner(screen)
        while True:
            try:
                prompt = read_message(screen, keyboard, "> ")
            except KeyboardInterrupt:
                screen.raw(f"\n{DIM}Ctrl-D quits.{PLAIN}\n")
                continue
            except EOFError:
                screen.raw("\n")
                return 0
            if prompt.strip() == "/quit":
                return 0
            if prompt.strip():
                _turn(screen, prompt, Approvals(screen, keyboard, trusted))


def carry_out_once(prompt: str) -> int:
    """One turn without questions; the exit code is 0 if it succeeded."""
    return 0 if _turn(Screen(), prompt, AllowAll()) else 1


class AllowAll:
    """One-shot mode: the person said --yes."""

    def ask(self, kind: str, subject: str, screen: Screen) -> None:
        screen.say(f"{BOLD}[Tool Request]{PLAIN} {kind} - {_indented(subject)}")


class Approvals:
    """Asks for every write and command, until the kind is trusted for the session."""

    def __init__(self, screen: Screen, keyboard: Keyboard, trusted: set[str]) -> None:
        self._screen = screen
        self._keyboard = keyboard
        self._trusted = trusted

    def ask(self, kind: str, subject: str, screen: Screen) -> None:
        """Raises Denied unless the answer is y or t."""
        screen.rest()
        screen.say(f"{BOLD}[Tool Request]{PLAIN} {kind} - {_indented(subject)}")
        if kind in self._trusted:
            return
        self._keyboard.forget()
        letters = f"{PLAIN}/".join((f"{GREEN}y", f"{RED}n", f"{YELLOW}t"))
        answer = read_message(screen, self._keyboard, f"Allow this action? [{letters}{PLAIN}]: ").strip()
        if answer not in ("y", "Y", "t", "T"):
            raise Denied(f"{kind} - {subject}", answer)
        if answer in ("t", "T"):
            self._trusted.add(kind)


def _turn(screen: Screen, prompt: str, approvals: Approvals | AllowAll) -> bool:
    """One prompt to its end; says how it went."""
    tally = Tally()
    try:
        screen.work("Thinking...")
        _carry_out(screen, prompt, approvals, tally)
    except Denied as denied:
        screen.rest()
        said = f"Your answer {denied.answer!r} is" if denied.answer else "An empty answer is"
        screen.say(f"{said} no approval: playbook takes it as a message and has no reply to it.")
        return _failed(screen, str(denied))
    except (TurnFailed, TaskUnreadable, PathRefused, DiffRefused) as failure:
        return _failed(screen, str(failure))
    except OSError as error:
        return _failed(screen, f"{error.filename or 'The folder'}: {error.strerror}.")
    except (KeyboardInterrupt, EOFError):
        return _failed(screen, f"cancelled; {tally}")
    screen.rest()
    screen.say(f"{GREEN}Done:{PLAIN} {tally}")
    return True


def _failed(screen: Screen, reason: str) -> bool:
    screen.rest()
    screen.say(f"{RED}✗ Failed:{PLAIN} {' '.join(reason.split())}")
    return False


def _carry_out(screen: Screen, prompt: str, approvals: Approvals | AllowAll, tally: Tally) -> None:
    if _TASK.casefold() not in prompt.casefold():
        raise TurnFailed(f"{_NOT_A_MODEL}; say: Read TASK.md and implement the feature.")
    folder = Folder(Path.cwd())
    blocks = parse_blocks(_read_task(folder))
    if not blocks:
        raise TurnFailed(
            f"{_NOT_A_MODEL}, and it has nothing to carry out here: there is no ```LANG file=PATH, "
            "no ```diff and no ```sh run block."
        )
    _check_all(blocks, folder)
    screen.say(f"{_TASK} spells out {_count(len(blocks), 'block')}; I carry them out in order.")
    for block in blocks:
        _carry_out_block(block, screen, approvals, folder, tally)


def _check_all(blocks: list[Block], folder: Folder) -> None:
    """Every path of every block, before anything is written."""
    for block in blocks:
        for path in _paths(block):
            try:
                folder.check(path)
            except PathRefused as refusal:
                raise TurnFailed(f"Line {block.line} of {_TASK}: {refusal} Nothing was written.") from refusal


def _paths(block: Block) -> list[str]:
    if isinstance(block, FileBlock):
        return [block.path]
    if isinstance(block, DiffBlock):
        return [path for file in parse_diff(block.text) for path in file.paths()]
    return []


def _carry_out_block(
    block: Block, screen: Screen, approvals: Approvals | AllowAll, folder: Folder, tally: Tally
) -> None:
    if isinstance(block, FileBlock):
        approvals.ask("fs_write", block.path, screen)
        screen.work(f"Writing {block.path}")
        folder.write(block.path, block.text.encode("utf-8", "surrogateescape"))
        tally.written += 1
    elif isinstance(block, DiffBlock):
        approvals.ask("fs_write", ", ".join(_paths(block)), screen)
        screen.work(f"Applying the diff of line {block.line}")
        apply_diff(parse_diff(block.text), folder)
        tally.applied += 1
    elif isinstance(block, RunBlock):
        approvals.ask("execute_bash", block.text.strip("\n"), screen)
        _run(block, screen, tally)


def _run(block: Block, screen: Screen, tally: Tally) -> None:
    screen.work(f"Running {block.text.strip().splitlines()[0] if block.text.strip() else 'nothing'}")
    code = run_command(block.text, Path.cwd(), screen.quote, screen.beat)
    if code:
        how = f"ended with exit code {code}" if code > 0 else f"was ended by signal {-code}"
        raise TurnFailed(f"the command of line {block.line} {how}.")
    tally.run += 1


def _read_task(folder: Folder) -> str:
    content = folder.read(_TASK)
    if content is None:
        raise TurnFailed(f"there is no {_TASK} in {Path.cwd()}; write one and try again.")
    if len(content) > _TASK_LIMIT_BYTES:
        raise TurnFailed(f"{_TASK} is larger than {_TASK_LIMIT_BYTES // 1_000_000} MB; make it smaller.")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise TurnFailed(
            f"{_TASK} is not UTF-8 (byte {error.start}); save it as UTF-8 and try again."
        ) from error


def _banner(screen: Screen) -> None:
    screen.say(f"{BOLD}playbook{PLAIN} {__version__}")
    screen.say(f"{BLUE}Model:{PLAIN} none (playbook carries out {_TASK} to the letter; it is not a model)")
    screen.say(f"{DIM}Enter sends · Ctrl-C cancels · Ctrl-D quits{PLAIN}")
    screen.say()


def _indented(subject: str) -> str:
    """The first line beside the request, the others below it, four spaces in."""
    clean = "".join(sign if sign == "\n" or sign.isprintable() else "�" for sign in subject)
    return clean.replace("\n", "\n    ")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _quit(_: int, __: FrameType | None) -> None:
    sys.exit(143)
