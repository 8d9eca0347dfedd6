"""A forge in memory, for the tests of the rooms above: commits are snapshots of files."""

import difflib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kyros.forge.errors import (
    BaseNotFound,
    BranchExists,
    BranchMoved,
    FileExists,
    MergeConflict,
    ProjectNotFound,
    PullNotFound,
    PullNotOpen,
    RepositoryNotFound,
    UpstreamRefused,
)
from kyros.forge.model import Adopted, Branch, Check, Commit, NewPull, Project, Pull, PullState
from kyros.kernel.clock import Clock, to_text
from kyros.kernel.ids import NewId

Files = Mapping[str, bytes]


@dataclass(frozen=True)
class _Snapshot:
    files: Files
    parents: tuple[str, ...]


class FakeForge:
    """ports.Forge without git. `add_source` and `push` stand for what people and agents do outside."""

    def __init__(self, clock: Clock, new_id: NewId) -> None:
        self.pushed: list[tuple[str, str]] = []
        self.read_only_sources: set[str] = set()
        self._clock = clock
        self._new_id = new_id
        self._sources: dict[str, tuple[str, Files]] = {}
        self._projects: dict[str, Project] = {}
        self._pulls: dict[str, Pull] = {}
        self._snapshots: dict[str, _Snapshot] = {}
        self._branches: dict[tuple[str, str], str] = {}
        self._opened: set[tuple[str, str]] = set()

    def add_source(self, source: str, files: Files, branch: str = "main") -> None:
        """A repository somewhere, with one commit."""
        self._sources[source] = (branch, dict(files))

    def push(self, project_id: str, branch: str, changes: Mapping[str, bytes | None]) -> str:
        """One more commit on a branch; None takes a file away. Returns its sha."""
        old = self._branches[project_id, branch]
        files = {**self._snapshots[old].files, **changes}
        kept = {path: content for path, content in files.items() if content is not None}
        self._branches[project_id, branch] = sha = self._record(kept, (old,), "push")
        return sha

    async def adopt(self, source: str) -> Adopted:
        if source not in self._sources:
            raise RepositoryNotFound(f"There is no repository {source}: check the path or address.")
        known = next((project for project in self._projects.values() if project.source == source), None)
        return Adopted(known or self._new_project(source))

    async def project(self, ref: str) -> Project:
        for project in self._projects.values():
            if ref in (project.id, project.name):
                return project
        raise ProjectNotFound(f"There is no project {ref}.", project=ref)

    async def projects(self) -> Sequence[Project]:
        return sorted(self._projects.values(), key=lambda project: project.name)

    async def read_file(self, project_id: str, ref: str, path: str) -> bytes | None:
        sha = self._branches.get((project_id, ref), ref)
        if sha not in self._snapshots:
            raise BaseNotFound(f"There is no branch or commit {ref}.", ref=ref)
        return self._snapshots[sha].files.get(path)

    async def has_file(self, project_id: str, ref: str, path: str) -> bool:
        return await self.read_file(project_id, ref, path) is not None

    async def base_of(self, project_id: str, branch: str) -> str:
        return self._base(await self.project(project_id), branch)

    async def open_branch(
        self, project_id: str, name: str, base: str, files: Files, commit: Commit
    ) -> Branch:
        project = await self.project(project_id)
        there = self._branches.get((project.id, name))
        if there is not None:
            return self._same_branch(there, name, base, files, commit)
        base_sha = self._base(project, base)
        below = self._snapshots[base_sha].files
        for path in files:
            if path in below:
                raise FileExists(f"{base} of {project.name} already has {path}.", path=path)
        sha = self._record({**below, **files}, (base_sha,), repr(commit))
        self._branches[project.id, name] = sha
        self._opened.add((project.id, name))
        return Branch(name, sha, base, base_sha)

    async def head_of(self, project_id: str, branch: str) -> str | None:
        return self._branches.get((project_id, branch))

    async def branches(self, project_id: str, prefix: str) -> Sequence[str]:
        mine = (name for project, name in self._branches if project == project_id)
        return sorted(name for name in mine if name.startswith(prefix))

    async def clone_path(self, project_id: str) -> Path:
        return Path("/fake/forge") / f"{(await self.project(project_id)).id}.git"

    async def open_pull(self, pull: NewPull, actor: str) -> Pull:
        project = await self.project(pull.project_id)
        base_sha, head_sha = self._base(project, pull.base), self._base(project, pull.head)
        mine = [other for other in self._pulls.values() if other.project_id == project.id]
        for other in mine:
            if other.head == pull.head and other.state is PullState.OPEN:
                return other
        now = to_text(self._clock())
        opened = Pull(
            self._new_id("pull"), project.id, project.name, len(mine) + 1, pull.title, pull.body,
            PullState.OPEN, pull.head, pull.base, head_sha, self._merge_base(base_sha, head_sha), None, (),
            now, now,
        )  # fmt: skip
        self._pulls[opened.id] = opened
        return opened

    async def pull(self, ref: str) -> Pull:
        def names(pull: Pull) -> tuple[str, ...]:
            return pull.id, f"{pull.project_name}#{pull.number}", f"#{pull.number}", str(pull.number)

        found = [pull for pull in self._pulls.values() if ref in names(pull)]
        if len(found) != 1:
            raise PullNotFound(f"There is no one pull request {ref}.", pull=ref)
        return found[0]

    async def pulls(
        self, state: PullState | None, project_id: str | None, limit: int, before: str | None = None
    ) -> Sequence[Pull]:
        wanted = [
            pull
            for pull in self._behind(before)
            if state in (None, pull.state) and project_id in (None, pull.project_id)
        ]
        return wanted[:limit]

    async def has_pull(self, project_id: str, head: str) -> bool:
        return any((pull.project_id, pull.head) == (project_id, head) for pull in self._pulls.values())

    def _behind(self, before: str | None) -> list[Pull]:
        newest_first = list(reversed(self._pulls.values()))
        ids = [pull.id for pull in newest_first]
        return newest_first[ids.index(before) + 1 :] if before in ids else newest_first

    async def update_pull(self, pull_id: str, actor: str, body: str | None = None) -> Pull:
        pull = await self.pull(pull_id)
        head = self._branches.get((pull.project_id, pull.head), pull.head_sha)
        if pull.state is PullState.OPEN and head != pull.head_sha:
            base = self._branches[pull.project_id, pull.base]
            pull = replace(pull, head_sha=head, base_sha=self._merge_base(base, head))
        return self._keep(pull if body is None else replace(pull, body=body))

    async def report_check(self, pull_id: str, check: Check, actor: str) -> Pull:
        pull = await self.pull(pull_id)
        others = [other for other in pull.checks if other.name != check.name]
        checks = tuple(sorted([*others, check], key=lambda check: check.name))
        return self._keep(replace(pull, checks=checks))

    async def diff(self, pull_id: str) -> str:
        pull = await self.pull(pull_id)
        old = self._snapshots[pull.base_sha].files
        new = self._snapshots[pull.merge_sha or pull.head_sha].files
        return "".join(
            _file_diff(path, old.get(path), new.get(path))
            for path in sorted({*old, *new})
            if old.get(path) != new.get(path)
        )

    async def merge(self, pull_id: str, actor: str, commit: Commit, drop: Sequence[str] = ()) -> Pull:
        pull = await self.pull(pull_id)
        if pull.state is PullState.MERGED:
            return pull
        name = f"{pull.project_name}#{pull.number}"
        if pull.state is not PullState.OPEN:
            raise PullNotOpen(f"Pull request {name} is {pull.state}: it cannot be merged.", pull_id=pull.id)
        if self._branches.get((pull.project_id, pull.head)) != pull.head_sha:
            await self.update_pull(pull.id, actor)
            raise BranchMoved(f"The branch of pull request {name} has moved: look at its diff again.")
        base = self._branches[pull.project_id, pull.base]
        files = self._merged_files(pull, base, drop)
        sha = self._record(files, (base, pull.head_sha), repr(commit))
        self._branches[pull.project_id, pull.base] = sha
        return self._keep(replace(pull, state=PullState.MERGED, base_sha=base, merge_sha=sha))

    async def close(self, pull_id: str, actor: str) -> Pull:
        pull = await self.pull(pull_id)
        if pull.state is PullState.MERGED:
            raise PullNotOpen(f"Pull request {pull.project_name}#{pull.number} is merged.", pull_id=pull.id)
        return self._keep(replace(pull, state=PullState.CLOSED))

    async def delete_merged_branch(self, project_id: str, branch: str) -> bool:
        head = self._branches.get((project_id, branch))
        if head is None:
            return True
        mine = [pull for pull in self._pulls.values() if pull.project_id == project_id]
        in_use = any(pull.state is PullState.OPEN and branch in (pull.head, pull.base) for pull in mine)
        merged = any(
            pull.state is PullState.MERGED and pull.head == branch and pull.head_sha == head for pull in mine
        )
        if in_use or not merged or (project_id, branch) not in self._opened:
            return False
        del self._branches[project_id, branch]
        return True

    async def push_upstream(self, project_id: str, branch: str) -> None:
        project = await self.project(project_id)
        self._base(project, branch)
        if project.source in self.read_only_sources:
            raise UpstreamRefused(f"{project.source} is a working clone, which Kyros never writes to.")
        self.pushed.append((project.id, branch))

    def _new_project(self, source: str) -> Project:
        branch, files = self._sources[source]
        stem = source.rstrip("/").rpartition("/")[2].removesuffix(".git") or "project"
        taken = {project.name for project in self._projects.values()}
        names = [stem, *(f"{stem}-{number}" for number in range(2, len(taken) + 2))]
        name = next(name for name in names if name not in taken)
        project = Project(self._new_id("project"), name, source, branch, to_text(self._clock()))
        self._projects[project.id] = project
        self._branches[project.id, branch] = self._record(files, (), source)
        return project

    def _base(self, project: Project, name: str) -> str:
        sha = self._branches.get((project.id, name))
        if sha is None:
            known = ", ".join(sorted(branch for owner, branch in self._branches if owner == project.id))
            raise BaseNotFound(
                f"{project.name} has no branch {name!r}: name one with --base ({known}).", base=name
            )
        return sha

    def _same_branch(self, sha: str, name: str, base: str, files: Files, commit: Commit) -> Branch:
        parents = self._snapshots[sha].parents
        below = self._snapshots[parents[0]].files if parents else {}
        if not parents or sha != _sha({**below, **files}, parents[:1], repr(commit)):
            raise BranchExists(f"There is a branch {name} already: choose another name.", branch=name)
        return Branch(name, sha, base, parents[0])

    def _merged_files(self, pull: Pull, base: str, drop: Sequence[str]) -> Files:
        ours, theirs = self._snapshots[base].files, self._snapshots[pull.head_sha].files
        parted = self._snapshots[self._merge_base(base, pull.head_sha)].files
        merged, conflicts = {}, []
        for path in sorted({*ours, *theirs}):
            here, there, before = ours.get(path), theirs.get(path), parted.get(path)
            if path in drop and before is None:
                there = before
            if here != there and before not in (here, there):
                conflicts.append(path)
            content = there if here == before else here
            if content is not None:
                merged[path] = content
        if conflicts:
            raise MergeConflict(f"It conflicts with {pull.base} in {', '.join(conflicts)}.", paths=conflicts)
        return merged

    def _merge_base(self, base: str, head: str) -> str:
        on_base = set(self._ancestors(base))
        return next((sha for sha in self._ancestors(head) if sha in on_base), base)

    def _ancestors(self, sha: str) -> Iterator[str]:
        waiting = [sha]
        while waiting:
            yield (sha := waiting.pop(0))
            waiting += self._snapshots[sha].parents

    def _record(self, files: Files, parents: tuple[str, ...], words: str) -> str:
        sha = _sha(files, parents, words)
        self._snapshots[sha] = _Snapshot(dict(files), parents)
        return sha

    def _keep(self, pull: Pull) -> Pull:
        if pull != self._pulls[pull.id]:
            self._pulls[pull.id] = replace(pull, updated_at=to_text(self._clock()))
        return self._pulls[pull.id]


def _sha(files: Files, parents: tuple[str, ...], words: str) -> str:
    return hashlib.sha1(
        repr((sorted(files.items()), parents, words)).encode(), usedforsecurity=False
    ).hexdigest()


def _file_diff(path: str, old: bytes | None, new: bytes | None) -> str:
    head = f"diff --git a/{path} b/{path}\n"
    if old is None:
        head += "new file mode 100644\n"
    if new is None:
        head += "deleted file mode 100644\n"
    if b"\0" in (old or b"") + (new or b""):
        return f"{head}Binary files a/{path} and b/{path} differ\n"
    before, after = ((side or b"").decode(errors="replace").splitlines(keepends=True) for side in (old, new))
    here, there = (
        f"a/{path}" if old is not None else "/dev/null",
        f"b/{path}" if new is not None else "/dev/null",
    )
    lines = difflib.unified_diff(before, after, here, there)
    return head + "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )
