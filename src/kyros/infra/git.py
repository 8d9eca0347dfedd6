"""The git program: found, run in a clean environment, and its failures named. Knows no forge.

What libgit2 does as well is done there; this is for what only git can: remotes, and copying a clone.
"""

import asyncio
import os
import re
import shutil
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

import pygit2

from kyros.kernel.errors import Busy, DiskFull, Invalid, KyrosError, Upstream

PROTOCOLS = ("http", "https", "ssh", "git", "file")

_SETTINGS = (
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("protocol.ext.allow", "never"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("submodule.recurse", "false"),
    ("fetch.recurseSubmodules", "no"),
)
_REMOTE_ENV = re.compile(
    r"HOME|USER|LOGNAME|SSH_AUTH_SOCK|XDG_(CONFIG|RUNTIME|DATA)_(HOME|DIR)|DBUS_SESSION_BUS_ADDRESS"
    r"|(?i:(http|https|all|no)_proxy)|SSL_CERT_(FILE|DIR)|GIT_SSH|GIT_SSH_COMMAND|GIT_SSL_\w+"
)
_REMOTE_CONFIG = re.compile(r"(credential|http|url)\.|core\.sshcommand$|ssh\.variant$")
_USERINFO = re.compile(r"(?<=://)[^/@\s'\"]+@")
_COMPLAINTS = ("!", "fatal:", "error:", "ERROR:")
_GRACE_SECONDS = 2.0


def sync_what_is_written() -> None:
    """From now on libgit2 puts objects and refs of this process on the disk before it says they are there."""
    pygit2.option(pygit2.enums.Option.ENABLE_FSYNC_GITDIR, True)


class GitMissing(Upstream):
    code = "git_missing"


class GitPassing(Busy):
    """A lock file, a time-out or the network: worth another try. facts: failure."""

    code = "git_busy"


class GitFailed(Upstream):
    """git refused, for a cause that stays. facts: failure."""

    code = "git_failed"


class Failure(StrEnum):
    """Why git failed, as far as its words tell."""

    LOCKED = "locked"
    TIMED_OUT = "timed_out"
    UNREACHABLE = "unreachable"
    NOT_FOUND = "not_found"
    NOT_OURS = "not_ours"
    DAMAGED = "damaged"
    UNREADABLE = "unreadable"
    DENIED = "denied"
    REJECTED = "rejected"
    DECLINED = "declined"
    DISK_FULL = "disk_full"
    OTHER = "other"


_SIGNS: Mapping[Failure, Sequence[str]] = {
    Failure.DISK_FULL: ("no space left on device", "disk quota exceeded"),
    Failure.LOCKED: (
        r"\.lock': file exists",
        "cannot lock ref",
        "failed to lock",
        "unable to lock",
        "is locked",
    ),
    Failure.DECLINED: (r"\[remote rejected\]", "hook declined"),
    Failure.REJECTED: (r"\[rejected\]", "non-fast-?forward"),
    Failure.NOT_OURS: ("dubious ownership", "not owned by current user"),
    Failure.DAMAGED: ("object not found", "bad object", "corrupt", "doesn't exist on the repository"),
    Failure.UNREADABLE: (
        "unknown object format",
        "unknown repository (extension|version)",
        "unsupported ext",
    ),
    Failure.DENIED: (
        "authentication failed",
        "could not read (username|password)",
        "terminal prompts disabled",
        "permission denied",
        "host key verification failed",
        r"error: 40[13]\b",
    ),
    Failure.NOT_FOUND: (
        "not found",
        "does not exist",
        "not appear to be a git repository",
        r"error: 404\b",
        "no such (file|repository)",
        "not exported",
    ),
    Failure.UNREACHABLE: (
        "could not resolve",
        "connection (refused|reset|timed out|closed)",
        "(failed to|couldn't|unable to) connect",
        "network is unreachable",
        "no route to host",
        "unable to (look up|access)",
        "early eof",
        "hung up unexpectedly",
    ),
}
"""Words of git and libgit2 in the C locale. The order matters: the first cause with a sign wins."""


def classify(text: str) -> Failure:
    """The cause that these words speak of."""
    words = text.lower()
    for failure, signs in _SIGNS.items():
        if any(re.search(sign, words) for sign in signs):
            return failure
    return Failure.OTHER


def readable(text: str) -> str:
    """The one line of git's complaint that a person needs: no prefix, no credentials, no full stop."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = [line for sign in _COMPLAINTS for line in lines if line.startswith(sign)] or lines[-1:]
    line = re.sub(rf"^({'|'.join(_COMPLAINTS)}) ", "", told[0]) if told else "it said nothing"
    return _USERINFO.sub("", line)[:300].rstrip(". ")


def find_git() -> str:
    """Absolute path of git. Raises GitMissing."""
    program = shutil.which("git")
    if program is None:
        raise GitMissing(
            "git is not on the PATH: install it (`apt install git`, `brew install git`), then try again."
        )
    return program


def local_env() -> dict[str, str]:
    """For work on this machine's repositories: nobody's configuration, no hooks, no prompts."""
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    fixed = {
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
        "GIT_ALLOW_PROTOCOL": ":".join(PROTOCOLS),
    }
    return kept | fixed | _as_env(_SETTINGS)


async def remote_env(credentials: tuple[str, str] | None = None) -> dict[str, str]:
    """local_env and what reaching a remote takes: home, SSH agent, proxies, the user's own settings for
    credentials, HTTP and SSH. `credentials` (user, password) stand in for the credential helpers; they
    travel in the environment only, never on a command line."""
    kept = {name: value for name, value in os.environ.items() if _REMOTE_ENV.fullmatch(name)}
    settings = [*await _users_settings(), *_SETTINGS]
    secret: dict[str, str] = {}
    if credentials is not None:
        secret = {"KYROS_GIT_USER": credentials[0], "KYROS_GIT_PASSWORD": credentials[1]}
        answer = r'printf "username=%s\npassword=%s\n" "$KYROS_GIT_USER" "$KYROS_GIT_PASSWORD"'
        # the empty helper first: those of the user would be asked to store what we were lent
        settings += [
            ("credential.helper", ""),
            ("credential.helper", f'!f() {{ test "$1" = get && {answer}; }}; f'),
        ]
    return local_env() | kept | secret | _as_env(settings)


async def run_git(
    command: str,
    *options: str,
    operands: Sequence[str] = (),
    env: Mapping[str, str],
    timeout_seconds: float,
    cwd: Path | None = None,
) -> str:
    """`git COMMAND OPTIONS -- OPERANDS`; returns what it printed.

    What comes from outside goes into `operands`, which can never be read as options.
    Raises GitMissing, GitPassing, GitFailed, DiskFull, and Invalid for an operand that tries.
    """
    for operand in operands:
        if operand.startswith("-") or re.search(r"[\x00-\x1f\x7f]", operand):
            raise Invalid(
                f"{operand!r} cannot be handed to git: it begins with a dash or has control characters."
            )
    separated = ["--", *operands] if operands else []
    process = await asyncio.create_subprocess_exec(
        find_git(), command, *options, *separated, cwd=cwd, env=dict(env), start_new_session=True,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(timeout_seconds):
            out, err = await process.communicate()
    except TimeoutError as error:
        raise GitPassing(
            f"git {command} was stopped after {timeout_seconds:g} s: try again, the other side may be slow.",
            failure=Failure.TIMED_OUT,
        ) from error
    finally:
        await _end(process)
    if process.returncode != 0:
        raise failure_of(f"git {command}", err.decode(errors="replace"))
    return out.decode(errors="surrogateescape")


def failure_of(what: str, text: str) -> KyrosError:
    """The error for a complaint of git or libgit2 about `what`."""
    failure = classify(text)
    if failure is Failure.DISK_FULL:
        return DiskFull("The disk is full: free some space and try again; nothing acknowledged was lost.")
    kind = GitPassing if failure in (Failure.LOCKED, Failure.UNREACHABLE) else GitFailed
    return kind(f"{what} failed: {readable(text)}.", failure=failure, reason=readable(text))


async def _users_settings() -> list[tuple[str, str]]:
    """What git itself reads for this user, less what could change how we work."""
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") or name.startswith("GIT_CONFIG")
    }
    listed = await run_git(
        "config", "--null", "--list", "--includes", env=env | {"GIT_DIR": os.devnull}, timeout_seconds=10
    )
    pairs = (entry.partition("\n") for entry in listed.split("\0") if entry)
    return [(key, value if found else "true") for key, found, value in pairs if _REMOTE_CONFIG.match(key)]


def _as_env(settings: Sequence[tuple[str, str]]) -> dict[str, str]:
    env = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (key, value) in enumerate(settings):
        env |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return env


async def _end(process: asyncio.subprocess.Process) -> None:
    """TERM first, so that git takes its lock files away, then KILL; the whole group."""
    for number, seconds in ((signal.SIGTERM, _GRACE_SECONDS), (signal.SIGKILL, None)):
        if process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), seconds)
