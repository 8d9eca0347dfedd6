"""The built-in forge: git's part through libgit2 in threads, the rest as rows."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import pygit2

from kyros.forge.adapters.builtin.adoption import Adoption
from kyros.forge.adapters.builtin.branches import find_base, open_branch
from kyros.forge.adapters.builtin.diffs import diff_text, merge_base
from kyros.forge.adapters.builtin.merging import diff_ends, merge
from kyros.forge.adapters.builtin.refs import HEADS, UPSTREAM, delete, list_refs, tip
from kyros.forge.adapters.builtin.shelf import Shelf
from kyros.forge.adapters.builtin.trees import find_blob, find_entry
from kyros.forge.adapters.builtin.troubles import named, patiently
from kyros.forge.errors import BaseNotFound, BranchMoved, FileTooLarge, PullNotOpen
from kyros.forge.model import (
    Adopted,
    Branch,
    Check,
    Commit,
    NewPull,
    Project,
    Pull,
    PullState,
)
from kyros.forge.ports import ForgeStore
from kyros.kernel.clock import Clock
from kyros.kernel.ids import NewId

T = TypeVar("T")
_READ_BYTES = 1024 * 1024


class BuiltinForge:
    """ports.Forge over bare repositories in `folder` and rows in `store`."""

    def __init__(
        self, folder: Path, store: ForgeStore, clock: Clock, new_id: NewId, transfer_seconds: float = 900
    ) -> None:
        self._shelf = Shelf(folder.absolute())
        self._store = store
        self._new_id = new_id
        self._adoption = Adoption(self._shelf, store, clock, new_id, transfer_seconds)

    async def adopt(self, source: str) -> Adopted:
        return await self._adoption.adopt(source)

    async def project(self, ref: str) -> Project:
        return await self._store.project(ref)

    async def projects(self) -> Sequence[Project]:
        return await self._store.projects()

    async def read_file(self, project_id: str, ref: str, path: str) -> bytes | None:
        def read(repository: pygit2.Repository) -> bytes | None:
            blob = find_blob(_tree_at(repository, ref, path), path)
            return None if blob is None else _read(repository, blob.id, path)

        return await self._with(await self._store.project(project_id), read)

    async def has_file(self, project_id: str, ref: str, path: str) -> bool:
        project = await self._store.project(project_id)
        return await self._with(
            project, lambda repository: find_entry(_tree_at(repository, ref, path), path) is not None
        )

    async def base_of(self, project_id: str, branch: str) -> str:
        project = await self._store.project(project_id)
        return await self._with(project, lambda _: find_base(self._shelf, project, branch))

    async def open_branch(
        self, project_id: str, name: str, base: str, files: Mapping[str, bytes], commit: Commit
    ) -> Branch:
        project = await self._store.project(project_id)
        branch = await self._with(
            project, lambda _: open_branch(self._shelf, project, name, base, files, commit)
        )
        await self._store.add_branch(project.id, branch)
        return branch

    async def head_of(self, project_id: str, branch: str) -> str | None:
        project = await self._store.project(project_id)
        return await self._with(project, lambda repository: tip(repository, HEADS + branch))

    async def branches(self, project_id: str, prefix: str) -> Sequence[str]:
        project = await self._store.project(project_id)
        return await self._with(
            project,
            lambda repository: sorted(one for one in list_refs(repository, HEADS) if one.startswith(prefix)),
        )

    async def clone_path(self, project_id: str) -> Path:
        return self._shelf.path((await self._store.project(project_id)).id)

    async def open_pull(self, pull: NewPull, actor: str) -> Pull:
        project = await self._store.project(pull.project_id)

        def ends(repository: pygit2.Repository) -> tuple[str, str]:
            base = find_base(self._shelf, project, pull.base)
            head = tip(repository, HEADS + pull.head)
            if head is None:
                raise BaseNotFound(f"{project.name} has no branch {pull.head!r}: open it first.")
            return head, merge_base(repository, base, head)

        head_sha, base_sha = await self._with(project, ends)
        return await self._store.add_pull(self._new_id("pull"), pull, head_sha, base_sha, actor)

    async def pull(self, ref: str) -> Pull:
        return await self._store.pull(ref)

    async def pulls(
        self, state: PullState | None, project_id: str | None, limit: int, before: str | None = None
    ) -> Sequence[Pull]:
        return await self._store.pulls(state, project_id, limit, before)

    async def has_pull(self, project_id: str, head: str) -> bool:
        touching = await self._store.pulls_touching(project_id, head)
        return any(pull.head == head for pull in touching)

    async def update_pull(self, pull_id: str, actor: str, body: str | None = None) -> Pull:
        pull = await self._store.pull(pull_id)

        def ends(repository: pygit2.Repository) -> tuple[str, str]:
            base, head = tip(repository, HEADS + pull.base), tip(repository, HEADS + pull.head)
            if pull.state is not PullState.OPEN or base is None or head in (None, pull.head_sha):
                return pull.head_sha, pull.base_sha
            assert head is not None
            return head, merge_base(repository, base, head)

        head_sha, base_sha = await self._with(await self._store.project(pull.project_id), ends)
        return await self._store.revise(
            pull.id, head_sha, base_sha, pull.body if body is None else body, actor
        )

    async def report_check(self, pull_id: str, check: Check, actor: str) -> Pull:
        return await self._store.put_check(pull_id, check, actor)

    async def diff(self, pull_id: str) -> str:
        pull = await self._store.pull(pull_id)
        project = await self._store.project(pull.project_id)
        return await self._with(
            project, lambda repository: diff_text(repository, *diff_ends(repository, pull))
        )

    async def merge(self, pull_id: str, actor: str, commit: Commit, drop: Sequence[str] = ()) -> Pull:
        pull = await self._store.pull(pull_id)
        if pull.state is PullState.MERGED:
            return pull
        if pull.state is not PullState.OPEN:
            name = f"{pull.project_name}#{pull.number}"
            raise PullNotOpen(f"Pull request {name} is {pull.state}: it cannot be merged.", pull_id=pull.id)
        project = await self._store.project(pull.project_id)
        try:
            made = await self._with(project, lambda repository: merge(repository, pull, commit, drop))
        except BranchMoved:
            await self.update_pull(pull.id, actor)  # what moved can be looked at now, and merged next time
            raise
        return await self._store.mark_merged(pull.id, made.head_sha, made.base_sha, made.merge_sha, actor)

    async def close(self, pull_id: str, actor: str) -> Pull:
        return await self._store.mark_closed(pull_id, actor)

    async def delete_merged_branch(self, project_id: str, branch: str) -> bool:
        project = await self._store.project(project_id)
        head = await self.head_of(project.id, branch)
        if head is not None and not await self._is_safe_to_delete(project, branch, head):
            return False
        if head is not None:
            gone = await self._with(project, lambda repository: delete(repository, HEADS + branch, head))
            if not gone:
                return False
        await self._store.remove_branch(project.id, branch, head or "")
        return True

    async def push_upstream(self, project_id: str, branch: str) -> None:
        project = await self._store.project(project_id)
        head = await self.head_of(project.id, branch)
        if head is None:
            raise BaseNotFound(f"{project.name} has no branch {branch!r} to push.", branch=branch)
        upstream = await self._adoption.find(project.source)
        await upstream.push(self._shelf.path(project.id), branch)
        await self._with(
            project,
            lambda repository: repository.create_reference_direct(UPSTREAM + branch, head, True),
        )

    async def _is_safe_to_delete(self, project: Project, branch: str, head: str) -> bool:
        """Kyros opened it, a merged pull carries this very head, the base has it, no other pull needs it."""
        touching = await self._store.pulls_touching(project.id, branch)
        merged = [
            pull
            for pull in touching
            if pull.head == branch and pull.state is PullState.MERGED and pull.head_sha == head
        ]
        in_use = any(pull.state is PullState.OPEN for pull in touching)
        if not merged or in_use or not await self._store.has_branch(project.id, branch):
            return False

        def is_on_base(repository: pygit2.Repository) -> bool:
            bases = [tip(repository, HEADS + pull.base) for pull in merged]
            return any(
                base is not None and (base == head or repository.descendant_of(base, head)) for base in bases
            )

        return await self._with(project, is_on_base)

    async def _with(self, project: Project, work: Callable[[pygit2.Repository], T]) -> T:
        """Run `work` on the project's repository in a thread, waiting out the locks of others."""
        bare = self._shelf.path(project.id)

        def run() -> T:
            with named(bare):
                return patiently(bare, lambda: work(self._shelf.open(project.id)))

        return await asyncio.to_thread(run)


def _tree_at(repository: pygit2.Repository, ref: str, path: str) -> pygit2.Tree:
    sha = tip(repository, HEADS + ref) or tip(repository, UPSTREAM + ref) or _commit(repository, ref)
    if sha is None:
        raise BaseNotFound(f"There is no branch or commit {ref[:80]!r} to read {path} from.", ref=ref)
    return repository[sha].peel(pygit2.Tree)


def _read(repository: pygit2.Repository, blob: pygit2.Oid, path: str) -> bytes:
    _, size = repository.odb.read_header(blob)  # the size is known without unpacking it
    if size > _READ_BYTES:
        raise FileTooLarge(f"{path} has {size} bytes; at most {_READ_BYTES} are read: make it smaller.")
    found = repository[blob]
    assert isinstance(found, pygit2.Blob)
    return found.data


def _commit(repository: pygit2.Repository, sha: str) -> str | None:
    """`sha` itself if it is the whole name of a commit that is there."""
    if len(sha) != 40 or not all(letter in "0123456789abcdef" for letter in sha):
        return None
    return sha if isinstance(repository.get(sha), pygit2.Commit) else None
