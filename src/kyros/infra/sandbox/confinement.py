"""What one program may see, reach and use, as values, and the command line that makes it so. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

_TWICE, _THREADS = 2, 4


@dataclass(frozen=True)
class Limits:
    """None: no limit. Memory, processes and CPU time are of all the processes together, the rest of each."""

    memory_bytes: int | None = None
    cpu_seconds: int | None = None
    processes: int | None = None
    open_files: int | None = None
    file_bytes: int | None = None

    def of_each(self, most: Mapping[str, int], threads: int | None = None) -> dict[str, int]:
        """What the kernel holds every single process to, by the resource's name; nothing above `most`.

        `data` is what a process may write to: what a Node program only reserves does not count. It stops, at
        twice the memory, a process that grows too quickly to be watched.
        """
        wanted = {
            "data": self.memory_bytes and self.memory_bytes * _TWICE,
            "cpu": self.cpu_seconds,
            "nofile": self.open_files,
            "fsize": self.file_bytes,
            "nproc": threads,
        }
        return {name: min(value, most.get(name, value)) for name, value in wanted.items() if value}


@dataclass(frozen=True)
class Tools:
    """Absolute paths of the programs a sandbox is made with."""

    bwrap: Path
    env: Path
    prlimit: Path


class Kind(StrEnum):
    READ = "--ro-bind"
    WRITE = "--bind"
    LINK = "--symlink"
    EMPTY = "--tmpfs"
    DEVICES = "--dev"
    PROCESSES = "--proc"


@dataclass(frozen=True)
class Mount:
    """`source` is a path of the host, or a link's target; None where nothing comes from outside."""

    kind: Kind
    place: Path
    source: Path | None = None

    def words(self, memory_bytes: int | None) -> list[str]:
        size = ["--size", str(memory_bytes // _TWICE)] if self.kind is Kind.EMPTY and memory_bytes else []
        source = [str(self.source)] if self.source else []
        return [*size, self.kind.value, *source, str(self.place)]


@dataclass(frozen=True)
class Confinement:
    """`worktree` and `home` are writable and stand where they stand outside; `readable` is the rest that
    is there; `hidden` is masked in all that but the worktree. `user` is (uid, gid) as seen inside."""

    worktree: Path
    home: Path
    user: tuple[int, int]
    readable: Sequence[Mount] = ()
    hidden: Sequence[Mount] = ()
    network: bool = True
    limits: Limits = field(default_factory=Limits)
    most: Mapping[str, int] = field(default_factory=dict)
    """What Kyros is held to itself, by the resource's name: more cannot be set."""
    threads_are_counted_here: bool = False
    """The kernel counts processes by user namespace (Linux 5.14); before, it counted all the user's."""


_PRIVATE = (
    Mount(Kind.PROCESSES, Path("/proc")),
    Mount(Kind.DEVICES, Path("/dev")),
    Mount(Kind.EMPTY, Path("/dev/shm")),  # noqa: S108 - inside, and empty
    Mount(Kind.EMPTY, Path("/tmp")),  # noqa: S108
    Mount(Kind.LINK, Path("/var/tmp"), Path("../tmp")),  # noqa: S108
)
_SIGNALS = "INT,QUIT,TERM"


def bubblewrap(tools: Tools, confinement: Confinement) -> list[str]:
    """The words before the program's own.

    bwrap itself ignores what is meant for the program: it would end by Ctrl-C, and everything inside with it.
    The program gets its signals as members of the same group do. `--new-session` would take its terminal's
    keys and size from it. It guards against pushing keystrokes into that terminal (TIOCSTI): ours is made for
    this one program, nobody else reads from it, and with pipes there is none.
    """
    uid, gid = confinement.user
    mounts = [
        *_PRIVATE,
        *confinement.readable,
        Mount(Kind.WRITE, confinement.home, confinement.home),
        *confinement.hidden,
        Mount(Kind.WRITE, confinement.worktree, confinement.worktree),
    ]
    laid = [
        word
        for mount in sorted(mounts, key=lambda one: len(one.place.parts))  # what lies deeper lies on top
        for word in mount.words(confinement.limits.memory_bytes)
    ]
    masks = [one.place for one in confinement.hidden if one.kind is Kind.EMPTY]
    sealed = [word for place in (Path("/"), Path("/dev"), *masks) for word in ("--remount-ro", str(place))]
    return [
        str(tools.env), f"--ignore-signal={_SIGNALS}", str(tools.bwrap),
        "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try",
        *([] if confinement.network else ["--unshare-net"]),
        "--die-with-parent", "--uid", str(uid), "--gid", str(gid),
        *laid, *sealed, "--chdir", str(confinement.worktree), "--",
        str(tools.env), f"--default-signal={_SIGNALS}", str(tools.prlimit), *_limits(confinement), "--",
    ]  # fmt: skip


def _limits(confinement: Confinement) -> list[str]:
    limits, threads = confinement.limits, None
    if limits.processes and confinement.threads_are_counted_here:
        threads = limits.processes * _THREADS
    held = limits.of_each(confinement.most, threads)
    return ["--core=0", *(f"--{name}={value}" for name, value in held.items())]
