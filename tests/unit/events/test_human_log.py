"""The human log: sentences, groups, and titles that try to be Markdown."""

from typing import Any

import pytest

from kyros.events.model import Event
from kyros.events.model.human_log import human_log, plain, sentence
from kyros.events.model.sentences import SENTENCES


def event(name: str, number: int = 1, actor: str = "ann", target: str = "T-100", /, **details: Any) -> Event:
    return Event(number, f"2026-11-20T12:{number:02d}:05.000000Z", name, actor, target, details)


def test_events_are_grouped_by_task_and_by_who_did_it() -> None:
    told = human_log(
        [
            event("task_created", 1, title="Greet people"),
            event("task_moved", 2, "codex", old_status="queued", new_status="claimed", note=""),
            event("signed_in", 3, "bob", "bob"),
            event("run_created", 4, "ann", "run_1", run_id="run_1", task_id="T-100", agent="codex"),
            event("lease_acquired", 5, "codex", "task:T-100", fencing_token=3),
        ]
    )
    assert told == (
        "## 2026-11-20 12:01 to 2026-11-20 12:05 UTC: events 1 to 5\n\n"
        "### T-100: Greet people\n\n"
        "**ann**\n\n"
        "- 12:01:05 made the task: Greet people.\n"
        "- 12:04:05 handed the task to `codex`: run `run_1`.\n\n"
        "**codex**\n\n"
        "- 12:02:05 moved the task from queued to claimed.\n"
        "- 12:05:05 took the lease on `task:T-100`, fencing token 3.\n\n"
        "### Without a task\n\n"
        "**bob**\n\n"
        "- 12:03:05 signed in.\n"
    )


def test_nothing_is_told_of_nothing() -> None:
    assert human_log([]) == ""


def test_an_event_without_a_sentence_of_its_own_is_told_by_its_facts() -> None:
    assert sentence(event("moon_rose", size="full", at=[1, 2])) == (
        "`moon_rose` on `T-100`: `size` full, `at` 1, 2."
    )
    many = sentence(event("moon_rose", **{f"n{n}": n for n in range(10)}))
    assert many.endswith("`n5` 5, and 4 more.")


def test_a_reported_event_never_reads_like_kyros_own() -> None:
    told = sentence(event("pull_merged", reported=True, number=7, head="x", base="main"))
    assert told.startswith("reported `pull_merged` on `T-100`: ")
    assert "merged the pull request" not in told
    group = human_log([event("task_created", 1, title="True"), event("e", 2, title="Forged", reported=True)])
    assert "### T-100: True" in group


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("# Heading", "\\# Heading"),
        ("[link](http://evil.example)", "\\[link\\](http\\://evil.example)"),
        ("www.evil.example", "www\\.evil.example"),
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("a\n\n## b\r\n- c", "a \\#\\# b - c"),
        ("**bold** _it_ `code`", "\\*\\*bold\\*\\* \\_it\\_ \\`code\\`"),
        ("![](x) &lt;", "\\!\\[\\](x) &amp;lt;"),
        ("\x1b[31mred\u202egnihtyreve\u200b\x00", "\\[31mred gnihtyreve".replace("\\[", " \\[").strip()),
        ("@everyone a|b $x$ ~~y~~", "\\@everyone a\\|b \\$x\\$ \\~\\~y\\~\\~"),
        ("x" * 500, "x" * 159 + "…"),
    ],
)
def test_what_came_from_outside_is_text_and_nothing_else(hostile: str, shown: str) -> None:
    assert plain(hostile) == shown


def test_hostile_names_stay_on_their_line() -> None:
    told = human_log(
        [event("task_created", 1, "a\n# b", title="x\n- y"), event("`e`\n#", 2, "ann", "`\n# z")]
    )
    assert [line for line in told.splitlines() if line.startswith("#")] == [
        "## 2026-11-20 12:01 to 2026-11-20 12:02 UTC: events 1 to 2",
        "### T-100: x - y",
        "### Without a task",
    ]


def test_it_is_bounded_whatever_the_details_hold() -> None:
    deep: Any = "x" * 10_000
    for _ in range(50):
        deep = {"a": deep, "b": [deep] * 2}
    assert len(sentence(event("e", one=deep, two=["y" * 9000] * 100))) < 1_000


@pytest.mark.parametrize("name", SENTENCES)
def test_every_sentence_can_be_told_without_any_detail(name: str) -> None:
    assert sentence(event(name, reason=None))
    told = sentence(event(name, **dict.fromkeys(("note", "reason", "title", "number"), "{0} {x}")))
    assert "{0} {x}" not in told
