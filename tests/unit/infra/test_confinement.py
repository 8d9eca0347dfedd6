"""The command line of a sandbox, from values alone."""

from pathlib import Path

from kyros.infra.sandbox import Confinement, Kind, Limits, Mount, Tools, bubblewrap

TOOLS = Tools(Path("/usr/bin/bwrap"), Path("/usr/bin/env"), Path("/usr/bin/prlimit"))


def words(**changes: object) -> list[str]:
    given = {
        "worktree": Path("/k/w/slot"),
        "home": Path("/k/agents/run/home"),
        "user": (1000, 100),
        **changes,
    }
    return bubblewrap(TOOLS, Confinement(**given))  # type: ignore[arg-type]


def places(argv: list[str]) -> list[str]:
    kinds = {kind.value: 1 if kind in (Kind.EMPTY, Kind.DEVICES, Kind.PROCESSES) else 2 for kind in Kind}
    return [argv[at + kinds[word]] for at, word in enumerate(argv) if word in kinds]


def test_what_lies_deeper_lies_on_top() -> None:
    argv = words(
        readable=[Mount(Kind.READ, Path("/k/forge/p.git"), Path("/k/forge/p.git"))],
        hidden=[Mount(Kind.EMPTY, Path("/k"))],
    )
    order = places(argv)
    assert order.index("/k") < order.index("/k/w/slot")
    assert order.index("/k") < order.index("/k/forge/p.git")
    assert order.index("/tmp") < order.index("/k/agents/run/home")
    assert argv[argv.index("--remount-ro") : argv.index("--chdir")] == [
        "--remount-ro", "/", "--remount-ro", "/dev", "--remount-ro", "/k",
    ]  # fmt: skip


def test_the_network_is_a_matter_of_policy() -> None:
    assert "--unshare-net" not in words(network=True)
    assert "--unshare-net" in words(network=False)


def test_the_terminal_stays_the_programs_and_its_end_is_ours() -> None:
    argv = words()
    assert "--new-session" not in argv
    assert "--die-with-parent" in argv
    assert argv[-1] == "--"


def test_only_limits_that_are_set_are_handed_on() -> None:
    assert words()[-2:] == ["--core=0", "--"]
    limits = Limits(memory_bytes=100, cpu_seconds=9, processes=5, open_files=7, file_bytes=8)
    argv = words(limits=limits, threads_are_counted_here=True)
    assert argv[argv.index("--core=0") + 1 : -1] == [
        "--data=200",
        "--cpu=9",
        "--nofile=7",
        "--fsize=8",
        "--nproc=20",
    ]
    assert "--nproc=20" not in words(limits=limits)
    assert argv[argv.index("--tmpfs") - 2 : argv.index("--tmpfs")] == ["--size", "50"]
