"""Following a run's recording: what is there, what comes, and when it ends."""

import asyncio
import json
from pathlib import Path

from kyros.delegation.api.following import End, Following, Output, Size
from kyros.engine.fake import FakeBus
from kyros.fleet.adapters.recordings import CastFiles
from tests.unit.delegation.conftest import House


def record(folder: Path, run_id: str, *lines: object) -> None:
    with (folder / f"{run_id}.cast").open("a") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)


async def test_it_shows_what_is_there_and_what_comes_until_the_run_ends(house: House, tmp_path: Path) -> None:
    run, bus = await house.delegate(), FakeBus()
    record(tmp_path, run.id, {"version": 2, "width": 90, "height": 30}, [0, "o", "one"])
    pieces = Following(house.runs, CastFiles(tmp_path), bus).follow(run.id, 0)
    assert await anext(pieces) == Size(90, 30)
    first = await anext(pieces)
    assert isinstance(first, Output)
    assert first.data == b"one"
    coming = asyncio.ensure_future(anext(pieces))
    await asyncio.wait([coming], timeout=0.7)  # longer than it waits for a nudge before it looks again
    record(tmp_path, run.id, [1, "o", "two"])
    bus.publish(f"log:{run.id}", b"")
    second = await coming
    assert isinstance(second, Output)
    assert second.data == b"two"
    await house.walker().look(run.id)
    assert isinstance(await anext(pieces), End)


async def test_everybody_who_follows_ends_when_the_server_does(house: House, tmp_path: Path) -> None:
    run, bus = await house.delegate(), FakeBus()
    record(tmp_path, run.id, [0, "o", "one"])
    following = Following(house.runs, CastFiles(tmp_path), bus)
    pieces = following.follow(run.id, 0)
    await anext(pieces)
    coming = asyncio.ensure_future(anext(pieces, None))
    await asyncio.sleep(0)
    following.hang_up()
    async with asyncio.timeout(10):
        assert await coming is None
        assert [piece async for piece in following.follow(run.id, 0)] == []
