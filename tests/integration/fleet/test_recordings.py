"""Recordings: append-only, whole lines, resumable, bounded."""

import json
from pathlib import Path

import pytest

from kyros.fleet.adapters import recordings
from kyros.fleet.adapters.recordings import CastFiles, CastRecordings, FileShelf


def write(folder: Path, *chunks: bytes) -> list[str]:
    nudged: list[str] = []
    recording = CastRecordings(folder, nudged.append).open("run_1", 120, 40)
    for chunk in chunks:
        recording.write(chunk)
    recording.close()
    return nudged


def events(folder: Path) -> list[list[object]]:
    _, *lines = (folder / "run_1.cast").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_a_recording_is_asciicast_v2(tmp_path: Path) -> None:
    assert write(tmp_path, b"hello\r\n") == ["run_1"]
    header = json.loads((tmp_path / "run_1.cast").read_text().splitlines()[0])
    assert (header["version"], header["width"], header["height"]) == (2, 120, 40)
    assert [event[1:] for event in events(tmp_path)] == [["o", "hello\r\n"]]


def test_a_letter_cut_in_two_is_one_letter(tmp_path: Path) -> None:
    write(tmp_path, "ü".encode()[:1], "ü".encode()[1:])
    assert "".join(str(event[2]) for event in events(tmp_path)) == "ü"


def test_a_later_turn_is_appended_with_growing_times(tmp_path: Path) -> None:
    write(tmp_path, b"one")
    write(tmp_path, b"two")
    first, second = events(tmp_path)
    assert (first[2], second[2]) == ("one", "two")
    assert float(str(second[0])) >= float(str(first[0])) >= 0


def test_reading_goes_on_where_it_stopped_and_waits_for_whole_lines(tmp_path: Path) -> None:
    write(tmp_path, b"one", b"two")
    files = CastFiles(tmp_path)
    lines = files.read_lines("run_1", 0, 1_000_000)
    assert len(lines) == 3
    assert files.read_lines("run_1", lines[1][0], 1_000_000) == lines[2:]
    with (tmp_path / "run_1.cast").open("ab") as file:
        file.write(b'[1, "o", "half')
    assert files.read_lines("run_1", lines[2][0], 1_000_000) == []
    assert files.read_lines("run_2", 0, 10) == []


def test_a_recording_past_its_limit_says_so_and_grows_no_more(tmp_path: Path) -> None:
    limit = recordings._LIMIT_BYTES
    recording = CastRecordings(tmp_path, lambda run: None).open("run_1", 80, 24)
    recording._size = limit - 10
    recording.write(b"x" * 100)
    size = (tmp_path / "run_1.cast").stat().st_size
    recording.write(b"y" * 100)
    recording.close()
    assert (tmp_path / "run_1.cast").stat().st_size == size
    assert events(tmp_path)[-1][1:] == ["m", "recording is full"]


def test_a_line_torn_by_a_kill_spoils_none_after_it(tmp_path: Path) -> None:
    write(tmp_path, b"one")
    with (tmp_path / "run_1.cast").open("ab") as file:
        file.write(b'[1, "o", "ha')
    write(tmp_path, b"two")
    whole = CastFiles(tmp_path).read_lines("run_1", 0, 1_000_000)
    assert json.loads(whole[-1][1])[2] == "two"
    assert len(whole) == 4


async def test_files_go_before_it_is_written_down_so_that_a_full_disk_has_room(tmp_path: Path) -> None:
    write(tmp_path, b"one")
    (tmp_path / "run_1.gone").mkdir()  # nothing can be written there
    with pytest.raises(OSError, match="run_1"):
        await FileShelf(tmp_path).drop("run_1", "2026-11-20T12:00:00.000000Z")
    assert await FileShelf(tmp_path).list() == []


async def test_the_shelf_lists_both_files_of_a_run_and_drops_them_for_good(tmp_path: Path) -> None:
    write(tmp_path, b"one")
    (tmp_path / "run_1.jsonl").write_bytes(b"x" * 10)
    (tmp_path / "run_2.jsonl").write_bytes(b"x" * 5)
    shelf, files = FileShelf(tmp_path), CastFiles(tmp_path)
    sizes = {one.run_id: one.size_bytes for one in await shelf.list()}
    assert sizes == {"run_1": (tmp_path / "run_1.cast").stat().st_size + 10, "run_2": 5}
    assert files.gone_since("run_1") is None
    for _ in range(2):
        await shelf.drop("run_1", "2026-11-20T12:00:00.000000Z")
    assert files.gone_since("run_1") == "2026-11-20T12:00:00.000000Z"
    assert (files.path_of("run_1"), [one.run_id for one in await shelf.list()]) == (None, ["run_2"])
    assert await FileShelf(tmp_path / "none").list() == []
