"""Which folders a program needs to be able to start: links, interpreters, packages, virtual environments."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

_LINKS_AT_MOST = 40
_SHEBANG_BYTES = 512
_BESIDE = ("lib", "libexec", "lib64")


def needed_by(program: Path, path: str) -> set[Path]:
    """What must be readable for `program` (absolute) to start, should it lie outside the system's folders.
    `path` is the PATH its interpreter is found on."""
    needed: set[Path] = set()
    waiting, seen = [program], set[Path]()
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        chain = list(_chain(one))
        for link in chain:
            needed |= installation_of(link)
            waiting += _interpreter_of_venv(link)
        waiting += _interpreter_of(chain[-1], path)
    return needed


def folders_of(path: str) -> set[Path]:
    """What must be readable to start programs of PATH: each folder with the installation it belongs to."""
    folders = (Path(part) for part in path.split(os.pathsep) if part.startswith("/"))
    found: set[Path] = set()
    for folder in folders:
        if folder.is_dir():
            found |= installation_of(folder / "any")
            for python in _interpreter_of_venv(folder / "any"):
                found |= {root for link in _chain(python) for root in installation_of(link)}
    return found


def installation_of(program: Path) -> set[Path]:
    """The smallest folder that holds what `program` comes with; the file alone where the folder is a home."""
    for above in reversed(program.parents):
        if above.name == "node_modules" or (above / "pyvenv.cfg").is_file():
            return {above}
    folder, prefix = program.parent, program.parent.parent
    if _holds_everything(folder):
        return {program}
    if folder.name in ("bin", "sbin", "shims") and any((prefix / name).is_dir() for name in _BESIDE):
        return {folder} if _holds_everything(prefix) else {prefix}
    return {folder}


def _holds_everything(folder: Path) -> bool:
    """Whether more than an installation is in it: the root, a home, ~/.local."""
    home = Path.home()
    return folder in (home, home / ".local", Path("/"), *home.parents)


def _chain(path: Path) -> Iterator[Path]:
    """The path, and each that it is a link to, one step at a time."""
    for _ in range(_LINKS_AT_MOST):
        yield path
        if not path.is_symlink():
            return
        path = Path(os.path.normpath(path.parent / path.readlink()))


def _interpreter_of_venv(program: Path) -> list[Path]:
    for above in program.parents:
        if (above / "pyvenv.cfg").is_file():
            return [above / "bin/python"]
    return []


def _interpreter_of(program: Path, path: str) -> list[Path]:
    """What a script's first line names."""
    try:
        with program.open("rb") as file:
            head = file.read(_SHEBANG_BYTES)
    except OSError:
        return []
    if not head.startswith(b"#!"):
        return []
    words = os.fsdecode(head[2:].split(b"\n")[0]).split()
    named = [word for word in words if not word.startswith("-") and "=" not in word]
    if named and Path(named[0]).name == "env":
        named = [found for word in named[1:2] if (found := shutil.which(word, path=path))]
    return [Path(named[0])] if named and named[0].startswith("/") else []
