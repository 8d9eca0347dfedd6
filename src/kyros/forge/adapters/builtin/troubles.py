"""Troubles of git and libgit2 in the forge's words; patience with locks, and an end to stale ones."""

import errno
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import pygit2

from kyros.forge.errors import GitBusy, GitMissing, RepositoryNotFound, UpstreamRefused
from kyros.infra import git
from kyros.infra.files import nearly_full
from kyros.infra.git import Failure, classify, readable
from kyros.kernel.errors import DiskFull, KyrosError

T = TypeVar("T")

STALE_SECONDS = 60
"""A ref is locked for milliseconds. A lock this old belongs to a process that was killed."""

_WAITS_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16)

_ADVICE = {
    Failure.UNREACHABLE: "check the address and the network, then try again",
    Failure.NOT_OURS: (
        "if you trust it, run `git config --global --add safe.directory` with that path "
        "as the user Kyros runs as"
    ),
    Failure.DAMAGED: "run `git fsck` there and mend it first",
    Failure.UNREADABLE: "hand over a clone of it in git's usual format (SHA-1, no extensions)",
    Failure.DENIED: (
        "set up a git credential helper, or an SSH key and known_hosts, for the user Kyros runs as"
    ),
    Failure.DECLINED: "ask whoever keeps it what it takes",
    Failure.REJECTED: "fetch and merge what is there first, then try again",
}


@contextmanager
def named(where: str | Path) -> Iterator[None]:
    """Raise the forge's error for any trouble that git or libgit2 has with `where`: text that a person
    gave, or the path of our own repository."""
    try:
        yield
    except git.GitMissing as error:
        raise GitMissing(error.message) from error
    except (git.GitPassing, git.GitFailed) as error:
        failure = Failure(str(error.facts["failure"]))
        raise _trouble(str(where), failure, str(error.facts.get("reason", error.message))) from error
    except (pygit2.GitError, OSError) as error:
        failure = Failure.DISK_FULL if _is_full(where, error) else classify(str(error))
        raise _trouble(str(where), failure, readable(str(error))) from error


def patiently(bare: Path, work: Callable[[], T]) -> T:
    """Run libgit2 work on the forge's own repository, waiting out the locks of others."""
    for seconds in _WAITS_SECONDS:
        try:
            return work()
        except (pygit2.GitError, OSError) as error:
            if classify(str(error)) is not Failure.LOCKED:
                raise
        time.sleep(seconds)
    break_stale_locks(bare)
    return work()


def break_stale_locks(bare: Path) -> None:
    """Remove ref locks that a killed process left."""
    for lock in [bare / "packed-refs.lock", bare / "HEAD.lock", *(bare / "refs").rglob("*.lock")]:
        with suppress(FileNotFoundError):
            if time.time() - lock.stat().st_mtime > STALE_SECONDS:
                lock.unlink()


def _is_full(where: str | Path, error: Exception) -> bool:
    """libgit2 fails to write a large blob without a word, and what is read then is an older error's text:
    so on a disk with hardly any room no explanation but that one is believed."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return isinstance(where, Path) and classify(str(error)) is not Failure.LOCKED and nearly_full(where)


def _trouble(where: str, failure: Failure, reason: str) -> KyrosError:
    if failure is Failure.DISK_FULL:
        return DiskFull("The disk is full: free some space and try again; nothing acknowledged was lost.")
    if failure in (Failure.LOCKED, Failure.TIMED_OUT):
        return GitBusy(f"Git is busy with {where} ({reason}): try again in a moment.")
    if failure is Failure.NOT_FOUND:
        return RepositoryNotFound(
            f"There is no git repository at {where}, or not for us ({reason}): check the address."
        )
    advice = _ADVICE.get(failure, "mend that, then try again")
    return UpstreamRefused(f"Git could not work with {where} ({reason}): {advice}.", failure=failure.value)
