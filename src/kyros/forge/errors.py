"""What a forge refuses, each with what to do."""

from kyros.kernel.errors import Busy, Conflict, Invalid, NotFound, Upstream


class ProjectNotFound(NotFound):
    code = "project_not_found"


class PullNotFound(NotFound):
    code = "pull_not_found"


class RepositoryNotFound(NotFound):
    code = "repository_not_found"


class RepositoryEmpty(Invalid):
    """No commit yet, or HEAD is unborn: there is nothing to branch from."""

    code = "repository_empty"


class BaseNotFound(NotFound):
    code = "base_not_found"


class BranchNameInvalid(Invalid):
    """Git would not take it as the name of a branch."""

    code = "branch_name_invalid"


class BranchExists(Conflict):
    code = "branch_exists"


class FileExists(Conflict):
    """The base already has a file that the branch was to begin with (TASK.md)."""

    code = "file_exists"


class FileTooLarge(Invalid):
    """Over what is read into memory (1 MiB)."""

    code = "file_too_large"


class BranchMoved(Conflict):
    """Somebody else pushed; nothing was overwritten."""

    code = "branch_moved"


class MergeConflict(Conflict):
    """facts: paths."""

    code = "merge_conflict"


class PullNotOpen(Conflict):
    code = "pull_not_open"


class UpstreamRefused(Upstream):
    code = "upstream_refused"


class GitBusy(Busy):
    """A lock file or another passing trouble of git: worth another try."""

    code = "git_busy"


class GitMissing(Upstream):
    code = "git_missing"


def no_project(ref: str) -> ProjectNotFound:
    """In the same words for whom it is hidden from."""
    return ProjectNotFound(
        f"There is no project {ref}: name a known one, or hand over its repository by path or URL.",
        project=ref,
    )


def no_pull(ref: str) -> PullNotFound:
    """In the same words for whom it is hidden from."""
    return PullNotFound(
        f"There is no pull request {ref}: give its id, PROJECT#NUMBER, or its number.", pull=ref
    )
