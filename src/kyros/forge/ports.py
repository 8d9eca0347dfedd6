"""One port for every forge: built-in git, later GitHub and Gitea. And the rows the built-in one keeps."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from kyros.forge.model import Adopted, Branch, Check, Commit, NewPull, Project, Pull, PullState


class Forge(Protocol):
    """Every call is idempotent: repeated after a crash it finds what it made and returns it."""

    async def adopt(self, source: str) -> Adopted:
        """Find or make the project of a path or URL and bring it up to date from there.

        The source is only read. Raises RepositoryNotFound, RepositoryEmpty, UpstreamRefused, GitMissing.
        """
        ...

    async def project(self, ref: str) -> Project:
        """By id or name. Raises ProjectNotFound."""
        ...

    async def projects(self) -> Sequence[Project]: ...

    async def read_file(self, project_id: str, ref: str, path: str) -> bytes | None:
        """A file at a branch or commit; None if there is none. Raises FileTooLarge."""
        ...

    async def has_file(self, project_id: str, ref: str, path: str) -> bool:
        """Whether it is there, without reading it."""
        ...

    async def base_of(self, project_id: str, branch: str) -> str:
        """The commit a new branch would begin at; a branch only the source has is taken from there.
        Raises BaseNotFound naming the existing ones."""
        ...

    async def open_branch(
        self, project_id: str, name: str, base: str, files: Mapping[str, bytes], commit: Commit
    ) -> Branch:
        """Branch from `base` with one commit that adds `files`.

        The same commit already there -> returned. Raises BaseNotFound, BranchExists, FileExists.
        """
        ...

    async def head_of(self, project_id: str, branch: str) -> str | None: ...

    async def branches(self, project_id: str, prefix: str) -> Sequence[str]:
        """The forge's own, sorted, whose names begin so."""
        ...

    async def clone_path(self, project_id: str) -> Path:
        """Where worktrees on this machine fetch from and push to: a bare repository."""
        ...

    async def open_pull(self, pull: NewPull, actor: str) -> Pull:
        """Numbered per project; an open pull of the same head is returned as it is."""
        ...

    async def pull(self, ref: str) -> Pull:
        """By id, by `name#number`, or by bare number where only one project has it. Raises PullNotFound."""
        ...

    async def pulls(
        self, state: PullState | None, project_id: str | None, limit: int, before: str | None = None
    ) -> Sequence[Pull]:
        """Newest first, from behind the pull `before` on."""
        ...

    async def has_pull(self, project_id: str, head: str) -> bool:
        """Whether any pull, open or not, is of this branch."""
        ...

    async def update_pull(self, pull_id: str, actor: str, body: str | None = None) -> Pull:
        """Read the head branch again, and take a new body if there is one."""
        ...

    async def report_check(self, pull_id: str, check: Check, actor: str) -> Pull:
        """The newest verdict of a name replaces the older."""
        ...

    async def diff(self, pull_id: str) -> str:
        """Unified diff, merge base to head; of a merged pull as it was merged."""
        ...

    async def merge(self, pull_id: str, actor: str, commit: Commit, drop: Sequence[str] = ()) -> Pull:
        """Merge commit on the base without the files `drop` (unless the base has them already).

        Already merged -> returned. Raises MergeConflict, PullNotOpen.
        """
        ...

    async def close(self, pull_id: str, actor: str) -> Pull:
        """Close without merging; the branch stays."""
        ...

    async def delete_merged_branch(self, project_id: str, branch: str) -> bool:
        """Delete it only if a merged pull carries its very head; says whether it is gone."""
        ...

    async def push_upstream(self, project_id: str, branch: str) -> None:
        """Fast-forward the branch at the source. A non-bare local clone is never written:
        that, and a refusal of the remote, raise UpstreamRefused with what to run instead."""
        ...


class ProjectStore(Protocol):
    """Rows of projects and of the branches Kyros opened. Each change appends its event in the same
    transaction; a change that is there already appends nothing."""

    async def add_project(self, project: Project) -> Project:
        """Takes the first free of `app`, `app-2`, `app-3` … as its name; the row of the same source
        is returned as it is."""
        ...

    async def set_default_base(self, project_id: str, default_base: str) -> Project: ...

    async def project(self, ref: str) -> Project:
        """By id or name. Raises ProjectNotFound."""
        ...

    async def project_from(self, sources: Sequence[str]) -> Project | None:
        """The project of any of these ways to write one source."""
        ...

    async def projects(self) -> Sequence[Project]:
        """By name."""
        ...

    async def add_branch(self, project_id: str, branch: Branch) -> None: ...

    async def has_branch(self, project_id: str, name: str) -> bool:
        """Whether Kyros opened it: only such branches are ever deleted."""
        ...

    async def remove_branch(self, project_id: str, name: str, sha: str) -> None: ...


class PullStore(Protocol):
    """Rows of pull requests and checks; events as in ProjectStore. All but `add_pull` raise PullNotFound."""

    async def add_pull(self, pull_id: str, pull: NewPull, head_sha: str, base_sha: str, actor: str) -> Pull:
        """Gives it the project's next number; an open pull of the same head is returned as it is."""
        ...

    async def pull(self, ref: str) -> Pull:
        """By id, `name#number` or bare number."""
        ...

    async def pulls(
        self, state: PullState | None, project_id: str | None, limit: int, before: str | None = None
    ) -> Sequence[Pull]:
        """Newest first, from behind the pull `before` on."""
        ...

    async def pulls_touching(self, project_id: str, branch: str) -> Sequence[Pull]:
        """Every pull with this branch as head or base."""
        ...

    async def revise(self, pull_id: str, head_sha: str, base_sha: str, body: str, actor: str) -> Pull: ...

    async def put_check(self, pull_id: str, check: Check, actor: str) -> Pull: ...

    async def mark_merged(
        self, pull_id: str, head_sha: str, base_sha: str, merge_sha: str, actor: str
    ) -> Pull: ...

    async def mark_closed(self, pull_id: str, actor: str) -> Pull:
        """Raises PullNotOpen for a merged one."""
        ...


class ForgeStore(ProjectStore, PullStore, Protocol):
    """What the built-in forge remembers beside its repositories."""
