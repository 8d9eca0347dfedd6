"""Tasks in a history: made, changed, moved, by people who may or may not hold them."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from kyros.collab.model import ChecklistItem, Fence, NewTask, Priority, Task, TaskChange, TaskStatus, Writer
from kyros.collab.ports import Board
from kyros.collab.service import tasks
from tests.contract.collab.history_model import LINE, MOVES, Item
from tests.contract.collab.history_sides import Side
from tests.contract.collab.history_steps import KEY, WHO, Rule, Steps

TASK = st.sampled_from(["T-1", "T-1", "T-2", "T-2", "T-3", "T-4"])
FENCE = st.sampled_from(["none", "none", "none", "own", "old"])
TAG = st.sampled_from(["own", "own", "own", "shown", "all", "list", "old", "old-all", "weak", "none"])
CHECKLIST = st.lists(st.tuples(st.sampled_from(["tested", "told"]), st.booleans()), max_size=2)
DEPENDS_ON = st.lists(st.sampled_from(["T-1", "T-2", "T-3", "T-9"]), max_size=2, unique=True)
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "title": st.sampled_from(["a", "b"]),
        "checklist": CHECKLIST,
        "depends_on": DEPENDS_ON,
        "priority": st.sampled_from(["low", "normal"]),
    },
)


class TaskRules(Steps):
    @precondition(lambda self: len(self.world.tasks) < 5)
    @rule(who=WHO, depends_on=DEPENDS_ON, checklist=CHECKLIST, key=KEY)
    def create(self, who: str, depends_on: list[str], checklist: list[Any], key: str | None) -> None:
        items = tuple(ChecklistItem(*one) for one in checklist)
        new = NewTask("p", "a", "", "", (), checklist=items, depends_on=tuple(depends_on))
        wrong = self.world.dependencies_are_wrong(None, depends_on)

        async def plain(side: Side) -> Any:
            return _made(await side.tasks.create(new, who))

        made = self.once(
            who, key, ("create", depends_on, checklist), wrong, plain,
            lambda side: lambda board: _made(tasks.create(board, new, who)),
        )  # fmt: skip
        if made is not None:
            assert made == f"T-{len(self.world.tasks) + 1}"
            self.world.create(Item(made, "a", depends_on, checklist), who)

    @rule(who=WHO, task_id=TASK, change=CHANGES, tag=TAG, fence=FENCE, key=KEY)
    def patch(
        self, who: str, task_id: str, change: dict[str, Any], tag: str, fence: str, key: str | None
    ) -> None:
        header, wrong = self.if_match(task_id, tag)
        wanted, writer, token = _change(change), *self.writer(who, task_id, fence)
        item = self.world.tasks.get(task_id)
        if item is None:
            wrong = {"task_not_found"}
        else:
            wrong = wrong | self.world.writer_is_wrong(item, who, token)
            wrong = wrong | self.world.patch_is_wrong(item, change)

        async def plain(side: Side) -> Any:
            return _made(await side.tasks.patch(task_id, wanted, writer, header))

        def rule_of(side: Side) -> Rule:
            def work(board: Board) -> Any:
                task = tasks.get(board, task_id)
                tasks.match(board, task, header)
                return _made(tasks.patch(board, task, wanted, writer).task)

            return work

        if self.once(who, key, ("patch", task_id, change), wrong, plain, rule_of) is not None:
            assert item is not None
            self.world.patch(item, change, who)
        elif "stale_etag" in wrong and self.refusal.code == "stale_etag":
            assert self.refusal.facts["etag"] == self.state["shown"][task_id][0]

    @rule(
        who=WHO, task_id=TASK, to=st.sampled_from(["on"] * 9 + list(MOVES)), fence=FENCE, key=KEY,
        note=st.sampled_from(["", "so"]),
    )  # fmt: skip
    def move(self, who: str, task_id: str, to: str, fence: str, key: str | None, note: str) -> None:
        item = self.world.tasks.get(task_id)
        if to == "on":
            to = LINE[LINE.index(item.status) + 1] if item and item.status in LINE[:-1] else "queued"
        writer, token = self.writer(who, task_id, fence)
        wrong = {"task_not_found"}
        if item is not None:
            wrong = self.world.writer_is_wrong(item, who, token) | self.world.move_is_wrong(item, to)

        async def plain(side: Side) -> Any:
            return _made(await side.tasks.transition(task_id, TaskStatus(to), writer, note))

        def rule_of(side: Side) -> Rule:
            return lambda board: _made(
                tasks.transition(board, tasks.get(board, task_id), TaskStatus(to), writer, note).now.task
            )

        if self.once(who, key, ("move", task_id, to, note), wrong, plain, rule_of) is not None:
            assert item is not None
            self.world.move(item, to, who, note=note)

    @rule(who=WHO, task_id=TASK, depends_on=DEPENDS_ON)
    def wait_for(self, who: str, task_id: str, depends_on: list[str]) -> None:
        """On the version that is there."""
        self.patch(who, task_id, {"depends_on": depends_on}, "own", "none", None)

    @rule(who=WHO, task_id=TASK, far=st.integers(2, 6))
    def carry_on(self, who: str, task_id: str, far: int) -> None:
        """Along the line, as work goes."""
        for _ in range(far):
            self.move(who, task_id, "on", "own", None, "")
            self.look()

    @rule(task_id=TASK, run=st.sampled_from(["running", "running", "succeeded", None]))
    def another_room_notes_its_run(self, task_id: str, run: str | None) -> None:
        item = self.world.tasks.get(task_id)

        def work(board: Board) -> bool:
            tasks.note_facts(board, task_id, {"run_status": run})
            return True

        wrong = set() if item else {"task_not_found"}
        self.attempt(wrong, lambda side: side.store.write(work))
        if item is not None and item.run != run:
            item.run, item.version = run, item.version + 1

    def if_match(self, task_id: str, tag: str) -> tuple[str | None, set[str]]:
        """A header, and what is wrong with it."""
        now, whole = self.state["tasks"].get(task_id), self.state["revisions"]["tasks"].etag
        own = now[0] if now else '"1-00"'
        good = {"own": own, "all": whole, "list": f'"x", {own}', "shown": own}
        if tag == "shown" and now:
            good["shown"] = self.state["shown"][task_id][0]
        if tag in good:
            return good[tag], set()
        if tag == "none":
            return None, {"precondition_required"}
        older = [one for one in self.old_tags.get("*" if tag == "old-all" else task_id, []) if one != own]
        older = [one for one in older if one != whole]
        bad = f"W/{own}" if tag == "weak" or not older else older[-1]
        return bad, {"stale_etag"}

    def writer(self, who: str, task_id: str, fence: str) -> tuple[Writer, int | None]:
        """Without a lease ever, there is no token to show."""
        name = f"task:{task_id}"
        last = self.world.tokens.get(name)
        token = {"none": None, "own": last, "old": last and max(1, last - 1)}[fence]
        return Writer(who, None if token is None else Fence(name, who, token)), token


def _made(task: Task) -> str:
    return task.id


def _change(change: dict[str, Any]) -> TaskChange:
    fields = dict(change)
    if "checklist" in fields:
        fields["checklist"] = tuple(ChecklistItem(*one) for one in fields["checklist"])
    if "depends_on" in fields:
        fields["depends_on"] = tuple(fields["depends_on"])
    if "priority" in fields:
        fields["priority"] = Priority(fields["priority"])
    return TaskChange(fields)
