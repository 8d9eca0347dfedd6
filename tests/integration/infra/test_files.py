"""Files that are whole or absent, and the lock of a home."""

import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from kyros.infra.files import HomeLock, HomeTaken, HomeUnusable, prepare_home, replace_file
from kyros.kernel.errors import DiskFull
from kyros.kernel.settings import read_settings


def test_a_home_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    home = prepare_home(tmp_path / "data" / ".kyros")
    assert home.is_dir()
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert list(home.iterdir()) == []
    assert prepare_home(home) == home


def test_a_relative_home_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert prepare_home(Path("home")) == tmp_path / "home"


def test_a_home_behind_a_link_goes_by_its_real_path(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    (tmp_path / "disk").mkdir()
    assert prepare_home(tmp_path / "link/kyros") == tmp_path / "disk/kyros"
    assert read_settings(tmp_path / "link/kyros").home == tmp_path / "disk/kyros"


@pytest.mark.parametrize("where", ["file/home", "file", "~nobody-of-that-name/home"])
def test_a_home_that_cannot_be_is_refused_with_advice(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(HomeUnusable, match="--home"):
        prepare_home(Path(where) if where.startswith("~") else tmp_path / where)


def test_a_home_on_a_system_that_refuses_files_is_refused() -> None:
    with pytest.raises(HomeUnusable, match="cannot be written"):
        prepare_home(Path("/proc/kyros"))


def test_a_home_on_a_full_disk_is_refused_as_full(tmp_path: Path, full_disk: Path) -> None:
    with pytest.raises(DiskFull, match="free some space"):
        prepare_home(full_disk)


def test_a_replaced_file_is_whole_and_has_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    replace_file(path, b"old")
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    replace_file(path, b"new", 0o600)
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_readers_see_the_old_or_the_new_never_half(tmp_path: Path) -> None:
    path = tmp_path / "state"
    contents = [bytes([letter]) * 300_000 for letter in b"ab"]
    replace_file(path, contents[0])
    stop, seen = threading.Event(), set()

    def read() -> None:
        while not stop.is_set():
            seen.add(path.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for n in range(60):
        replace_file(path, contents[n % 2])
    stop.set()
    reader.join()
    assert seen <= set(contents)


def test_a_failed_replacement_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    (folder / "kept").write_text("old")
    with pytest.raises(OSError, match=os.strerror(errno.EISDIR)):
        replace_file(folder, b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["state"]
    assert (folder / "kept").read_text() == "old"


def test_a_replacement_on_a_full_disk_leaves_the_old_file(full_disk: Path) -> None:
    path = full_disk / "state"
    with pytest.raises(DiskFull, match="free some space"):
        replace_file(path, bytes(1_000_000))
    assert path.read_bytes() == b"old"
    assert [found.name for found in full_disk.iterdir() if found.name.startswith(".state")] == []


@pytest.fixture
def full_disk(small_disk: Path) -> Path:
    """Not a free block on it, and one file."""
    (small_disk / "state").write_bytes(b"old")
    with pytest.raises(OSError, match="space"):
        (small_disk / "filler").write_bytes(bytes(4_000_000))
    return small_disk


OWNER = """
import sys
from pathlib import Path
from kyros.infra.files import HomeLock

lock = HomeLock(Path(sys.argv[1]))
lock.take()
print("taken", flush=True)
sys.stdin.read()
"""


def test_a_home_has_one_owner_and_is_free_when_it_is_killed(tmp_path: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "taken\n"
        with pytest.raises(HomeTaken, match=f"process {owner.pid}"):
            HomeLock(tmp_path).take(patience_seconds=0)
    finally:
        owner.kill()
        owner.communicate()
    lock = HomeLock(tmp_path)
    lock.take()
    assert (tmp_path / "kyros.lock").read_text() == str(os.getpid())
    lock.release()
    lock.release()
    HomeLock(tmp_path).take(patience_seconds=0)
