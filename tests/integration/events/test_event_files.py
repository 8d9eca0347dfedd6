"""events.jsonl on a real disk: written, cut off by crashes, split, read back and audited."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import orjson
import pytest

from kyros.events.adapters import JsonlArchive, JsonlFile, JsonlLines
from kyros.events.errors import EventFileTaken
from kyros.events.fake import FakeEventLog
from kyros.events.model import EVERYTHING, Event, EventFilter, NewEvent
from kyros.events.model.line import NO_LINE, digest_of_line, line_of
from kyros.events.service.verify import Verdict, verify
from kyros.kernel.errors import DiskFull

FAR = 10**9


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "events"


def file_in(folder: Path, size_bytes: int = 2**26, chained: bool = True) -> JsonlFile:
    return JsonlFile(folder, size_bytes=size_bytes, chained=chained)


@pytest.fixture
async def file(folder: Path) -> AsyncIterator[JsonlFile]:
    file = file_in(folder)
    await file.open()
    yield file
    await file.close()


def facts(first: int, count: int, actor: str = "ann", **details: object) -> list[Event]:
    return [
        Event(
            n, f"2026-11-20T12:{n // 60 % 60:02d}:{n % 60:02d}.000000Z", "task_moved", actor, "T-1", details
        )
        for n in range(first, first + count)
    ]


def lines(folder: Path, name: str = "events.jsonl") -> list[bytes]:
    return (folder / name).read_bytes().splitlines()


async def found(folder: Path, after: int = 0, limit: int = FAR, match: EventFilter = EVERYTHING) -> list[int]:
    scan = await JsonlArchive(folder).scan(after, FAR, limit, match)
    return [event.id for event in scan.events]


async def test_every_line_is_the_event_and_names_the_line_before(file: JsonlFile, folder: Path) -> None:
    await file.append(facts(1, 2, note="grün ✓\n", b=1, a=2))
    await file.append(facts(3, 1))
    written = lines(folder)
    assert [orjson.loads(line)["id"] for line in written] == [1, 2, 3]
    assert written[0].startswith(
        b'{"id":1,"ts":"2026-11-20T12:00:01.000000Z","event":"task_moved","actor":"ann"'
    )
    assert '"details":{"a":2,"b":1,"note":"grün ✓\\n"}' in written[0].decode()
    prevs = [orjson.loads(line)["prev"] for line in written]
    assert prevs == [NO_LINE, digest_of_line(written[0]), digest_of_line(written[1])]
    assert await file.last() == facts(3, 1)[0]


async def test_without_the_chain_lines_name_nobody(folder: Path) -> None:
    file = file_in(folder, chained=False)
    await file.open()
    await file.append(facts(1, 2))
    await file.close()
    assert lines(folder) == [line_of(event) for event in facts(1, 2)]


async def test_it_goes_on_where_it_stood(folder: Path) -> None:
    for first in (1, 4):
        file = file_in(folder)
        assert await file.open() is None
        await file.append(facts(first, 3))
        await file.close()
    assert await fault(folder) is None
    assert await found(folder) == [1, 2, 3, 4, 5, 6]


async def test_what_it_has_already_is_passed_over(file: JsonlFile, folder: Path) -> None:
    await file.append(facts(1, 5))
    await file.append(facts(1, 5))
    await file.append(facts(4, 4))
    assert [orjson.loads(line)["id"] for line in lines(folder)] == [1, 2, 3, 4, 5, 6, 7]


async def test_a_caller_that_is_cancelled_leaves_a_whole_file(file: JsonlFile, folder: Path) -> None:
    writing = asyncio.create_task(file.append(facts(1, 3000)))
    await asyncio.sleep(0)
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    await file.append(facts(1, 3001))
    assert await found(folder) == list(range(1, 3002))


async def test_only_one_process_writes(file: JsonlFile, folder: Path) -> None:
    other = file_in(folder)
    with pytest.raises(EventFileTaken):
        await other.open()
    await file.close()
    await other.open()
    await other.close()


@pytest.mark.parametrize("torn", [b"{", b'{"id":3,"ts":"2026-', line_of(facts(3, 1)[0])])
async def test_a_torn_last_line_is_cut_off_and_told(folder: Path, torn: bytes) -> None:
    file = file_in(folder)
    await file.open()
    await file.append(facts(1, 2))
    await file.close()
    whole = (folder / "events.jsonl").read_bytes()
    (folder / "events.jsonl").write_bytes(whole + torn)
    repair = await file.open()
    assert repair is not None
    assert (repair.file, repair.offset, repair.cut_bytes) == ("events.jsonl", len(whole), len(torn))
    assert repair.kept is None
    assert (folder / "events.jsonl").read_bytes() == whole
    await file.append(facts(3, 1))
    await file.close()
    assert await fault(folder) is None


async def test_holes_of_a_power_cut_are_cut_off_and_kept_beside(folder: Path) -> None:
    file = file_in(folder)
    await file.open()
    await file.append(facts(1, 4))
    await file.close()
    path = folder / "events.jsonl"
    one, two, three, four = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(one + two + b"\0" * (len(three) - 1) + b"\n" + four)
    repair = await file.open()
    await file.close()
    assert repair is not None
    assert repair.offset == len(one + two)
    assert path.read_bytes() == one + two
    assert repair.kept is not None
    assert (folder / repair.kept).read_bytes().endswith(four)


async def test_a_file_that_is_all_torn_begins_anew(folder: Path) -> None:
    folder.mkdir()
    (folder / "events.jsonl").write_bytes(b"\0" * 5000)
    file = file_in(folder)
    assert await file.open() is not None
    assert await file.last() is None
    await file.append(facts(1, 1))
    await file.close()
    assert await fault(folder) is None


async def test_a_line_that_can_be_read_is_never_cut(folder: Path) -> None:
    file = file_in(folder)
    await file.open()
    await file.append(facts(1, 3))
    await file.close()
    path = folder / "events.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"ann"', b'"bob"', 1))
    assert await file.open() is None
    await file.close()
    assert b'"bob"' in path.read_bytes()


async def test_a_full_disk_leaves_no_half_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = file_in(folder)
    await file.open()
    await file.append(facts(1, 2))
    whole, real = (folder / "events.jsonl").read_bytes(), os.write

    def full(descriptor: int, data: bytes) -> int:
        if len(data) <= 10:
            raise OSError(28, "No space left on device")
        return real(descriptor, bytes(data)[: len(data) // 2])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(DiskFull):
            await file.append(facts(3, 5))
    assert (folder / "events.jsonl").read_bytes() == whole
    await file.append(facts(3, 5))
    await file.close()
    assert await fault(folder) is None


async def split(folder: Path, count: int = 100, **rest: object) -> list[str]:
    """A log over many small segments; returns their names."""
    file = file_in(folder, size_bytes=4096)
    await file.open()
    for first in range(1, count + 1, 7):
        await file.append(facts(first, min(7, count + 1 - first), **rest))
    await file.close()
    return sorted(path.name for path in folder.glob("events-*.jsonl"))


async def test_a_full_file_becomes_a_segment_named_by_its_first_event(folder: Path) -> None:
    names = await split(folder)
    assert len(names) == 3
    assert all(orjson.loads(lines(folder, name)[0])["id"] == int(name[7:19]) for name in names)
    assert all((folder / name).stat().st_size < 4096 + 7 * 300 for name in names)
    assert await fault(folder) is None
    index = orjson.loads((folder / "index.json").read_bytes())["segments"]
    assert [entry["file"] for entry in index] == names
    assert [entry["first"] for entry in index[1:]] == [entry["last"] + 1 for entry in index[:-1]]
    assert all(entry["size_bytes"] == (folder / entry["file"]).stat().st_size for entry in index)


async def test_a_crash_between_segment_and_index_is_made_good(folder: Path) -> None:
    await split(folder)
    whole = (folder / "index.json").read_bytes()
    for broken in (None, b"", b"[1", orjson.dumps({"segments": orjson.loads(whole)["segments"][:2]})):
        (folder / "index.json").unlink()
        if broken is not None:
            (folder / "index.json").write_bytes(broken)
        file = file_in(folder, size_bytes=4096)
        await file.open()
        await file.close()
        assert (folder / "index.json").read_bytes() == whole


async def test_a_crash_right_after_a_file_became_a_segment_loses_no_place(folder: Path) -> None:
    file = file_in(folder)
    await file.open()
    await file.append(facts(1, 5))
    await file.close()
    (folder / "events.jsonl").rename(folder / "events-000000000001.jsonl")
    await file.open()
    assert await file.last() == facts(5, 1)[0]
    await file.append(facts(6, 2))
    await file.close()
    assert await fault(folder) is None
    assert await found(folder) == list(range(1, 8))


@pytest.mark.parametrize("after", [0, 1, 6, 7, 8, 50, 98, 99, 100, 500])
async def test_reading_goes_on_from_any_number(folder: Path, after: int) -> None:
    await split(folder)
    assert await found(folder, after) == list(range(after + 1, 101))
    assert await found(folder, after, 3) == list(range(after + 1, 101))[:3]


async def test_a_scan_stops_before_a_number_and_says_how_far_it_came(folder: Path) -> None:
    await split(folder)
    archive = JsonlArchive(folder)
    scan = await archive.scan(10, 40, 100, EVERYTHING)
    assert ([event.id for event in scan.events], scan.reached) == (list(range(11, 40)), 39)
    scan = await archive.scan(10, 40, 5, EVERYTHING)
    assert ([event.id for event in scan.events], scan.reached) == ([11, 12, 13, 14, 15], 15)
    scan = await archive.scan(10, 40, 5, EventFilter(actor="nobody"))
    assert (scan.events, scan.reached) == ([], 39)


async def test_segments_in_which_nothing_can_match_are_not_read(folder: Path) -> None:
    names = await split(folder, project_id="p_1")
    for name in names:
        (folder / name).unlink()
        (folder / name).mkdir()  # opening it fails
    for match in (
        EventFilter(actor="bob"),
        EventFilter(event="rare"),
        EventFilter(task="T-9"),
        EventFilter(projects=frozenset({"p_2"})),
        EventFilter(since="2027-01-01T00:00:00.000000Z"),
    ):
        scan = await JsonlArchive(folder).scan(0, FAR, 9, match)
        assert scan.events == []
    with pytest.raises(IsADirectoryError):
        await found(folder)


async def test_lines_that_are_longer_than_a_read_are_found_all_the_same(folder: Path) -> None:
    file = file_in(folder)
    await file.open()
    for n in range(1, 30):
        await file.append(facts(n, 1, note="x" * (n % 5 * 200_000)))
    await file.close()
    for after in range(0, 30, 4):
        assert await found(folder, after) == list(range(after + 1, 30))
    again = file_in(folder)
    assert await again.open() is None
    assert await again.last() == facts(29, 1, note="x" * (29 % 5 * 200_000))[0]
    await again.close()


async def test_what_is_being_written_is_read_up_to_its_last_whole_line(file: JsonlFile, folder: Path) -> None:
    await file.append(facts(1, 3))
    with (folder / "events.jsonl").open("ab") as more:
        more.write(line_of(facts(4, 1)[0])[:20])
    assert await found(folder) == [1, 2, 3]
    verdict = await audit(folder, facts(1, 3))
    assert (verdict.fault, verdict.last) == (None, 3)


async def test_a_file_that_becomes_a_segment_while_it_is_read_is_read_once(folder: Path) -> None:
    file = file_in(folder)
    await file.open()
    await file.append(facts(1, 5))
    await file.close()
    os.link(folder / "events.jsonl", folder / "events-000000000001.jsonl")
    assert await found(folder) == [1, 2, 3, 4, 5]
    assert await fault(folder) is None


async def test_a_line_put_in_later_never_leads_back(folder: Path) -> None:
    file = file_in(folder)
    await file.open()
    await file.append(facts(1, 5))
    await file.close()
    with (folder / "events.jsonl").open("ab") as more:
        more.write(line_of(facts(2, 1)[0]) + b"\n" + line_of(facts(6, 1)[0]) + b"\n")
    assert await found(folder) == [1, 2, 3, 4, 5, 6]


async def test_no_file_is_no_event(folder: Path) -> None:
    assert await found(folder) == []
    assert (await audit(folder, [])).fault is None


# The audit


async def log_of(events: Sequence[Event]) -> FakeEventLog:
    log = FakeEventLog()
    for event in events:
        await log.append(NewEvent(event.event, event.actor, event.target, event.details))
        log._events[-1] = event
    return log


async def audit(folder: Path, held: Sequence[Event]) -> Verdict:
    return await verify(JsonlLines(folder), await log_of(held))


async def fault(folder: Path) -> str | None:
    """What an audit finds against a log that holds just these lines; None is nothing."""
    events = (await JsonlArchive(folder).scan(0, FAR, FAR, EVERYTHING)).events
    found = (await audit(folder, events)).fault
    return None if found is None else f"{found.file}:{found.line} {found.reason}"


async def test_an_untouched_history_is_found_whole(folder: Path) -> None:
    await split(folder)
    verdict = await audit(folder, facts(1, 102))
    assert verdict.fault is None
    assert (verdict.first, verdict.last, verdict.chained, verdict.unchained) == (1, 100, 100, 0)
    assert (verdict.compared, verdict.waiting) == (100, 2)
    assert verdict.head == digest_of_line(lines(folder)[-1])


async def test_a_changed_line_is_named_even_when_nobody_holds_its_event(folder: Path) -> None:
    await split(folder)
    path = folder / "events.jsonl"
    first = orjson.loads(lines(folder)[0])["id"]
    path.write_bytes(path.read_bytes().replace(b'"ann"', b'"eve"', 1))
    log = await log_of(facts(1, 100))
    await log.forget(99, 99)
    found = (await verify(JsonlLines(folder), log)).fault
    assert found is not None
    assert (found.file, found.line, found.event_id) == ("events.jsonl", 2, first + 1)
    assert "prev" in found.reason


async def test_a_line_that_differs_from_the_log_is_named(folder: Path) -> None:
    file = file_in(folder, chained=False)
    await file.open()
    await file.append([*facts(1, 4), *facts(5, 1, "eve"), *facts(6, 2)])
    await file.close()
    found = (await audit(folder, facts(1, 7))).fault
    assert found is not None
    assert (found.file, found.line, found.event_id) == ("events.jsonl", 5, 5)
    assert "something else" in found.reason


async def test_lines_the_log_does_not_have_are_named(folder: Path) -> None:
    await split(folder, 20)
    found = (await audit(folder, facts(1, 15))).fault
    assert found is not None
    assert (found.event_id, found.reason) == (16, "the log has no such event")


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (lambda it: [*it[:3], *it[4:]], "event 4 should stand here"),
        (lambda it: [*it[:3], it[4], it[3], *it[5:]], "event 4 should stand here"),
        (lambda it: [*it[:3], it[2], *it[3:]], "event 4 should stand here"),
        (lambda it: [*it[:3], b"{}", *it[3:]], "it is no event"),
        (lambda it: [*it[:3], it[3].replace(b":", b": ", 1), *it[4:]], "not written as Kyros writes it"),
        (lambda it: [*it[:3], it[3][:-1] + b',"more":1}', *it[4:]], "it is no event"),
    ],
)
async def test_lines_gone_swapped_doubled_or_added_are_named(folder: Path, harm: object, reason: str) -> None:
    assert callable(harm)
    file = file_in(folder)
    await file.open()
    await file.append(facts(1, 8))
    await file.close()
    path = folder / "events.jsonl"
    path.write_bytes(b"".join(line + b"\n" for line in harm(lines(folder))))
    found = (await audit(folder, facts(1, 8))).fault
    assert found is not None
    assert found.line == 4
    assert reason in found.reason


async def test_a_segment_that_is_gone_or_changed_is_named(folder: Path) -> None:
    names = await split(folder)
    (folder / names[1]).rename(folder / "away")
    found = (await audit(folder, facts(1, 100))).fault
    assert found is not None
    assert (found.file, found.line) == (names[2], 1)
    (folder / "away").rename(folder / names[1])
    index = orjson.loads((folder / "index.json").read_bytes())
    index["segments"][0]["digest"] = "0" * 64
    (folder / "index.json").write_bytes(orjson.dumps(index))
    found = (await audit(folder, facts(1, 100))).fault
    assert found is not None
    assert found.reason == f"{names[0]} is not what index.json says of it"


async def test_where_the_oldest_segments_were_taken_away_the_rest_is_still_proven(folder: Path) -> None:
    names = await split(folder)
    (folder / names[0]).unlink()
    verdict = await audit(folder, facts(1, 100))
    assert verdict.fault is None
    assert verdict.first == int(names[1][7:19])


async def test_a_chain_switched_off_and_on_again_goes_on(folder: Path) -> None:
    for first, chained in ((1, True), (4, False), (7, True)):
        file = file_in(folder, chained=chained)
        await file.open()
        await file.append(facts(first, 3))
        await file.close()
    verdict = await audit(folder, facts(1, 9))
    assert (verdict.fault, verdict.chained, verdict.unchained) == (None, 6, 3)
