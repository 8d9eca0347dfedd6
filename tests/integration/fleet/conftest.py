"""A bare repository with one commit, and a pool of worktrees over it."""

from pathlib import Path

import pygit2
import pytest

from kyros.fleet.adapters.worktrees import PooledWorktrees
from kyros.kernel.ids import new_id

PROJECT = "prj_1"
WHO = pygit2.Signature("A", "a@kyros.invalid", 1, 0)


class Bare:
    """The project's repository as the forge keeps it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.git = pygit2.init_repository(str(path), bare=True, initial_head="main")
        self.sha = self.commit("main", {"README.md": b"hello\n", ".gitignore": b"*.tmp\nbuild/\n"}, [])

    def commit(self, branch: str, files: dict[str, bytes], parents: list[str]) -> str:
        index = pygit2.Index()
        if parents:
            index.read_tree(self.git[parents[0]].peel(pygit2.Tree))
        for path, content in files.items():
            index.add(pygit2.IndexEntry(path, self.git.create_blob(content), pygit2.enums.FileMode.BLOB))
        tree = index.write_tree(self.git)
        return str(self.git.create_commit(f"refs/heads/{branch}", WHO, WHO, "c", tree, parents))

    def head(self, branch: str) -> str:
        return str(self.git.references[f"refs/heads/{branch}"].target)

    def files(self, commit: str) -> dict[str, bytes]:
        tree = self.git[commit].peel(pygit2.Tree)
        found: dict[str, bytes] = {}

        def walk(prefix: str, tree: pygit2.Tree) -> None:
            for entry in tree:
                if isinstance(entry, pygit2.Tree):
                    walk(f"{prefix}{entry.name}/", entry)
                else:
                    found[f"{prefix}{entry.name}"] = entry.data

        walk("", tree)
        return found

    def holds(self, content: bytes) -> bool:
        """Whether any object of the repository is this content."""
        return pygit2.hash(content) in self.git


@pytest.fixture
def bare(tmp_path: Path) -> Bare:
    return Bare(tmp_path / "forge" / f"{PROJECT}.git")


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Where the pool keeps what runs left uncommitted; not there before anything is kept."""
    return tmp_path / "worktrees/kept"


@pytest.fixture
def pool(tmp_path: Path, bare: Bare) -> PooledWorktrees:
    return PooledWorktrees(
        tmp_path / "worktrees", lambda project: tmp_path / "forge" / f"{project}.git", new_id
    )
