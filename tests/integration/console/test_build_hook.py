"""The build hook: when the console is built anew, when it is not, and what is said without npm."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("hatchling", reason="the build hook needs hatchling beside it")
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def hook() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def console(tmp_path: Path) -> Path:
    console = tmp_path / "console"
    (console / "src").mkdir(parents=True)
    for name in ("index.html", "package.json", "package-lock.json", "vite.config.ts", "src/main.tsx"):
        (console / name).write_text(name)
    return console


@pytest.fixture
def static(tmp_path: Path) -> Path:
    static = tmp_path / "static"
    static.mkdir()
    (static / "index.html").write_text("built before")
    return static


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with an npm that notes its calls and nothing else."""
    programs = tmp_path / "bin"
    programs.mkdir()
    npm = programs / "npm"
    npm.write_text(f'#!/bin/sh\necho "$1" >> {programs}/calls\n')
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    return programs


def test_a_build_from_the_same_sources_is_kept(
    hook: ModuleType, console: Path, static: Path, programs: Path
) -> None:
    hook.build(console, static)
    hook.build(console, static)
    assert (programs / "calls").read_text().split() == ["ci", "run"]


@pytest.mark.parametrize("change", ["content", "name"])
def test_changed_sources_are_built_anew(
    hook: ModuleType, console: Path, static: Path, programs: Path, change: str
) -> None:
    hook.build(console, static)
    source = console / "src" / "main.tsx"
    if change == "content":
        source.write_text("other")
    else:
        source.rename(console / "src" / "other.tsx")
    hook.build(console, static)
    assert (programs / "calls").read_text().split() == ["ci", "run"] * 2


def test_installed_packages_do_not_count_as_sources(hook: ModuleType, console: Path) -> None:
    before = hook.digest_of(console)
    installed = console / "tools" / "openapi" / "node_modules"
    installed.mkdir(parents=True)
    (installed / "package.js").write_text("x")
    assert hook.digest_of(console) == before


def test_a_built_console_without_sources_is_taken_as_it_is(
    hook: ModuleType, tmp_path: Path, static: Path, programs: Path
) -> None:
    hook.build(tmp_path / "nowhere", static)
    assert not (programs / "calls").exists()


def test_without_npm_the_way_out_is_named(
    hook: ModuleType, console: Path, static: Path, programs: Path
) -> None:
    (programs / "npm").unlink()
    with pytest.raises(SystemExit, match="KYROS_SKIP_CONSOLE=1"):
        hook.build(console, static)
