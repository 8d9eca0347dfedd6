"""kill -9 at any moment while many write: what was acknowledged is there, once, and nothing is half there.

Twelve kills by default, KYROS_TEST_KILLS for more (`make test-crash`); KYROS_TEST_SEED to try the same again.
"""

import json
import os
import random
import secrets
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import psutil
import pytest

from kyros.entrypoints.home import Home
from tests.integration.system.aftermath import (
    check_collections,
    check_deeds,
    check_files,
    check_files_show,
    check_leases,
    check_tasks,
    story_of,
)
from tests.integration.system.crowd import Deed, Hand, Place, Tail
from tests.integration.system.house import START_SECONDS, Kyros, words_of
from tests.integration.system.test_main_job import kyros_command

KILLS = int(os.environ.get("KYROS_TEST_KILLS", "12"))
SEED = int(os.environ.get("KYROS_TEST_SEED", secrets.randbelow(10**9)))
HANDS = 5
IN_A_ROW = 3
"""A server that dies young more often is given up by its supervisor."""
ENVIRONMENT = {
    "KYROS_RATE_READ": "900000/second",
    "KYROS_RATE_WRITE": "900000/second",
    "KYROS_EVENT_FILE_BYTES": "20000",
}
"""Small segments, so that one ends every few kills."""


@pytest.mark.timeout(120 + 15 * KILLS)
async def test_what_was_acknowledged_is_there_once_however_often_it_is_killed(kyros: Kyros) -> None:
    print(f"seed {SEED}, {KILLS} kills: KYROS_TEST_SEED={SEED} KYROS_TEST_KILLS={KILLS}")
    began = time.monotonic()
    place = Place()
    kyros.start(**ENVIRONMENT)
    place.moved_to(str(kyros.http.base_url))
    tail = Tail(place, (kyros.home / "operator.token").read_text().strip())
    hands = [Hand(place, f"hand-{n}", n, register(kyros, f"hand-{n}"), SEED) for n in range(HANDS)]
    for _ in range(4):
        assert kyros.post("/api/collab/tasks", {"title": "shared", "project_id": "app"}).status_code == 201
    with at_work(place, [tail, *hands]):
        kills = Killer(kyros, place, hands, random.Random(SEED)).kill(KILLS)
        assert place.wait_for(20), "nobody was told anything any more"
        place.end()
        for hand in hands:
            hand.join(60)
        last = kyros.get("/api/collab/events", limit="1", cursor=str(max(tail.seen) - 1))["items"][0]["id"]
        kyros.wait(lambda: tail.trouble or tail.seen[-1] >= last, 30)
    assert [one.trouble for one in [tail, *hands] if one.trouble] == []
    assert kyros.stop() == 0

    deeds = [deed for hand in hands for deed in hand.deeds]
    story = await story_of(kyros.home / "kyros.db")
    check_deeds(deeds, story.events)
    check_tasks(story)
    check_leases(story)
    check_collections(story)
    check_files(Home(kyros.home), story)
    numbers = [event.id for event in story.events]
    assert numbers == list(range(1, len(numbers) + 1))
    assert tail.seen == numbers[: len(tail.seen)]
    assert len(tail.seen) >= last
    verdict = kyros_command(kyros, "event", "verify", "--json")
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr
    assert json.loads(verdict.stdout) | {"last": len(numbers), "waiting": 0, "unchained": 0} == json.loads(
        verdict.stdout
    )
    report(kills, deeds, tail, len(numbers), time.monotonic() - began)


class Killer:
    def __init__(self, kyros: Kyros, place: Place, hands: Sequence[Hand], dice: random.Random) -> None:
        self.kyros, self.place, self.hands, self.random = kyros, place, hands, dice
        self.young = 0

    def kill(self, times: int) -> Counter[str]:
        done: Counter[str] = Counter()
        for number in range(times):
            if number and number % 20 == 0:
                print(f"{number} kills, {self.place.acknowledged} answers", flush=True)
            what = self.random.choice(["server", "server", "server", "tree", "tree at start", "worker"])
            if what in ("server", "worker") and self.young >= IN_A_ROW:
                what = "tree"
            assert self.place.wait_for(self.random.randint(1, 60)), f"no write went through before {what}"
            self.strike(what)
            done[what] += 1
        return done

    def strike(self, what: str) -> None:
        if what in ("server", "worker"):
            self.young += 1
            victim = self.kyros.child(what)
            victim.kill()
            self.kyros.wait(lambda: not victim.is_running() or victim.status() == psutil.STATUS_ZOMBIE, 10)
            self.kyros.wait(self.kyros.answers, START_SECONDS)
            self.kyros.wait(self.both_are_there, START_SECONDS)
            return
        self.young = 0
        self.kyros.kill()
        answered = [deed for hand in self.hands for deed in list(hand.deeds)]
        check_files_show(Home(self.kyros.home), answered)
        if what == "tree at start":
            self.cut_short()
        self.kyros.start(**ENVIRONMENT)
        self.place.moved_to(str(self.kyros.http.base_url))

    def cut_short(self) -> None:
        """Started, and killed at some moment before it answers."""
        self.kyros.close()
        process = self.kyros.process = self.kyros.launch("--port", "0", **ENVIRONMENT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(self.random.uniform(0.2, 2.5))
        self.kyros.kill()

    def both_are_there(self) -> bool:
        roles = [word for one in self.kyros.children() for word in words_of(one)]
        return {"kyros.entrypoints.server", "kyros.entrypoints.worker"} <= set(roles)


@contextmanager
def at_work(place: Place, crowd: list[Tail | Hand]) -> Iterator[None]:
    """All of them, ended however this ends."""
    for one in crowd:
        one.start()
    try:
        yield
    finally:
        place.end()
        for one in crowd:
            if isinstance(one, Tail):
                one.stop()
            one.join(60)


def register(kyros: Kyros, name: str) -> str:
    answer = kyros.post("/api/collab/agents", {"name": name})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["token"])


def report(kills: Counter[str], deeds: list[Deed], tail: Tail, events: int, seconds: float) -> None:
    told = Counter("done" if one.is_done else "refused" if one.is_refused else "unknown" for one in deeds)
    print(f"{sum(kills.values())} kills {dict(kills)} in {seconds:.0f} s")
    kinds = dict(Counter(one.kind for one in deeds))
    print(f"{dict(told)} of {kinds}; {events} events, tail cut {tail.breaks} times")
