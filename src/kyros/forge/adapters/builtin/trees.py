"""Trees edited in the object store, without a checkout or an index: only the folders on the way change."""

from collections.abc import Mapping

import pygit2
from pygit2.enums import FileMode

from kyros.kernel.errors import Invalid


def find_blob(tree: pygit2.Tree, path: str) -> pygit2.Blob | None:
    """The file at `path`; None for a folder, a submodule or nothing."""
    found = find_entry(tree, path)
    return found if isinstance(found, pygit2.Blob) else None


def find_entry(tree: pygit2.Tree, path: str) -> pygit2.Object | None:
    try:
        return tree[path]
    except KeyError:
        return None


def add_files(repository: pygit2.Repository, tree: pygit2.Tree, files: Mapping[str, bytes]) -> pygit2.Oid:
    """The tree with `files` written into it. Raises Invalid for a path git would not store."""
    grown = tree
    for path, content in files.items():
        parts = path.split("/")
        if any(part.lower() in ("", ".", "..", ".git") or "\0" in part for part in parts):
            raise Invalid(f"{path!r} is not a path inside a repository.", path=path)
        blob = repository.create_blob(content)
        written = repository[_with_blob(repository, grown, parts, blob)]
        assert isinstance(written, pygit2.Tree)
        grown = written
    return grown.id


def _with_blob(
    repository: pygit2.Repository, tree: pygit2.Tree | None, parts: list[str], blob: pygit2.Oid
) -> pygit2.Oid:
    builder = repository.TreeBuilder() if tree is None else repository.TreeBuilder(tree)
    name, *rest = parts
    if not rest:
        builder.insert(name, blob, FileMode.BLOB)
        return builder.write()
    below = None if tree is None else find_entry(tree, name)
    folder = below if isinstance(below, pygit2.Tree) else None
    builder.insert(name, _with_blob(repository, folder, rest, blob), FileMode.TREE)
    return builder.write()
