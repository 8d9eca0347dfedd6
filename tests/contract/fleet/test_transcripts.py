"""What every transcript promises."""

from pathlib import Path

import pytest

from kyros.drivers.model import Entry, EntryKind
from kyros.fleet.adapters import transcripts as adapter
from kyros.fleet.adapters.transcripts import JsonlTranscriptFiles, JsonlTranscripts
from kyros.fleet.fake import FakeTranscripts
from kyros.fleet.model import Line
from kyros.fleet.model.transcript import CUT, LINE_BYTES, TEXT_SIGNS, encode
from kyros.fleet.ports import TranscriptFiles, Transcripts

AT = "2026-11-20T12:00:00.000000Z"
SAID = Entry(EntryKind.MESSAGE, "fine 🦉\nline", "", {})
CALLED = Entry(
    EntryKind.TOOL_CALL, "edit a.py", "c1", {"name": "edit", "input": {"path": "a.py", "n": [1, None]}}
)


@pytest.fixture(params=["fake", "files"])
def both(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Transcripts, TranscriptFiles]:
    if request.param == "fake":
        fake = FakeTranscripts()
        return fake, fake
    folder = tmp_path / "recordings"
    return JsonlTranscripts(folder), JsonlTranscriptFiles(folder)


def test_lines_read_back_in_order_numbered_over_all_turns(both: tuple[Transcripts, TranscriptFiles]) -> None:
    transcripts, files = both
    for turn in ("turn_1", "turn_2"):
        transcript = transcripts.open("run_1")
        transcript.note(turn, AT, SAID)
        transcript.note(turn, AT, CALLED)
        transcript.close()
    assert files.read("run_1", 0, 10, None) == [
        Line(1, AT, "turn_1", SAID),
        Line(2, AT, "turn_1", CALLED),
        Line(3, AT, "turn_2", SAID),
        Line(4, AT, "turn_2", CALLED),
    ]
    assert [line.seq for line in files.read("run_1", 1, 2, None)] == [2, 3]
    assert [line.seq for line in files.read("run_1", 0, 10, "turn_2")] == [3, 4]
    assert files.read("run_1", 4, 10, None) == []
    assert files.read("run_2", 0, 10, None) == []


def test_long_texts_are_cut_and_say_so(both: tuple[Transcripts, TranscriptFiles]) -> None:
    transcripts, files = both
    transcript = transcripts.open("run_1")
    transcript.note("turn_1", AT, Entry(EntryKind.TOOL_RESULT, "x" * 70_000, "", {"a": ["y" * 70_000]}))
    transcript.note("turn_1", AT, Entry(EntryKind.TOOL_RESULT, "", "", {"a": ["y" * 60_000] * 20}))
    transcript.close()
    first, second = files.read("run_1", 0, 10, None)
    assert first.entry.text == "x" * TEXT_SIGNS + CUT
    assert first.entry.details == {"a": ["y" * TEXT_SIGNS + CUT]}
    assert second.entry.details == {"cut": True}
    assert len(encode(second)) < LINE_BYTES


def test_a_line_torn_by_a_kill_spoils_none_after_it(tmp_path: Path) -> None:
    transcripts, files = JsonlTranscripts(tmp_path), JsonlTranscriptFiles(tmp_path)
    transcripts.open("run_1").note("turn_1", AT, SAID)
    with (tmp_path / "run_1.jsonl").open("ab") as file:
        file.write(b'{"seq": 2, "at": "2026')
    assert [line.seq for line in files.read("run_1", 0, 10, None)] == [1]
    transcripts.open("run_1").note("turn_2", AT, CALLED)
    assert [(line.seq, line.turn_id) for line in files.read("run_1", 0, 10, None)] == [
        (1, "turn_1"),
        (2, "turn_2"),
    ]


def test_a_full_transcript_says_so_once_and_keeps_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "LIMIT_BYTES", 300)
    transcript = JsonlTranscripts(tmp_path).open("run_1")
    for _ in range(9):
        transcript.note("turn_1", AT, SAID)
    transcript.note("turn_1", AT, Entry(EntryKind.END, "done"))
    texts = [line.entry.text for line in JsonlTranscriptFiles(tmp_path).read("run_1", 0, 99, None)]
    assert texts[-2:] == [adapter.FULL, "done"]
    assert texts.count(adapter.FULL) == 1
    assert len(texts) < 8
