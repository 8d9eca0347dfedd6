"""The steps a worker walks: lease, worktree, turn, checks, commit, push, report. Each may be begun again."""

from dataclasses import replace
from pathlib import Path

from kyros.collab.model import Fence, Task, TaskStatus, Writer
from kyros.collab.service.leases import Leases
from kyros.collab.service.tasks import Tasks
from kyros.delegation.model import (
    TASK_FILE,
    ProjectSettings,
    Reason,
    Run,
    RunStatus,
    StepName,
    commit_message,
    parse_settings,
    prompt_of,
    report_of,
    waits_for,
)
from kyros.delegation.model.settings import SETTINGS_FILE
from kyros.delegation.ports import RunStore
from kyros.delegation.service.steps import Made, Steps, failed, resources_of, writer_of
from kyros.drivers.model import ResultKind
from kyros.fleet.model import BUDGET_EVIDENCE, LIMIT_EVIDENCE, Approval, Turn, TurnOrder, sort_changes
from kyros.fleet.ports import Machine, SecretScanner, Turns, Worktrees
from kyros.fleet.service import Blocked, Fleet, Limits
from kyros.forge.model import Check, Verdict
from kyros.forge.ports import Forge
from kyros.kernel.clock import from_text

_ENDINGS = {
    ResultKind.FAILED: Reason.AGENT_FAILED,
    ResultKind.BLOCKED: Reason.AGENT_BLOCKED,
    ResultKind.LOST: Reason.AGENT_LOST,
    ResultKind.TIMED_OUT: Reason.AGENT_TIMED_OUT,
    ResultKind.CANCELLED: Reason.STOPPED,
}
GO_ON = (
    "\n\nYou were stopped before, in the middle of this task. The folder is as you left it: look at what is "
    "there, and go on from it.\n"
)
_CHECK = "checks"
_LEFT_OUT = 50


class WorkSteps:
    def __init__(
        self,
        *,
        runs: RunStore,
        tasks: Tasks,
        leases: Leases,
        forge: Forge,
        fleet: Fleet,
        turns: Turns,
        worktrees: Worktrees,
        machine: Machine,
        scanner: SecretScanner,
        limits: Limits,
        lease_ttl_seconds: float,
        check_timeout_seconds: float,
    ) -> None:
        self._runs = runs
        self._tasks = tasks
        self._leases = leases
        self._forge = forge
        self._fleet = fleet
        self._turns = turns
        self._worktrees = worktrees
        self._machine = machine
        self._scanner = scanner
        self._limits = limits
        self._lease_ttl_seconds = lease_ttl_seconds
        self._check_timeout_seconds = check_timeout_seconds

    def steps(self) -> Steps:
        return {
            StepName.LEASE: self.lease,
            StepName.WORKTREE: self.worktree,
            StepName.TURN: self.turn,
            StepName.CHECKS: self.checks,
            StepName.COMMIT: self.commit,
            StepName.PUSH: self.push,
            StepName.REPORT: self.report,
        }

    async def lease(self, run: Run, task: Task) -> Made:
        held = await self._leases.acquire(resources_of(run), run.id, self._lease_ttl_seconds)
        if task.status in (TaskStatus.QUEUED, TaskStatus.BLOCKED):
            writer = Writer(run.agent, Fence(held[0].resource, run.id, held[0].fencing_token))
            await self._tasks.move(task.id, TaskStatus.CLAIMED, writer, f"run {run.id}")
        tokens = {lease.resource: lease.fencing_token for lease in held}
        return Made({"fencing_tokens": tokens}, f"{task.id} and its branch")

    async def worktree(self, run: Run, task: Task) -> Made:
        start = await self._forge.head_of(run.project_id, run.branch)
        if start is None:
            raise failed(Reason.BRANCH_MOVED, f"The branch {run.branch} is gone from the forge.")
        path = await self._lay_out(run, start)
        return Made({"start_sha": start, "path": str(path)}, f"{path.name} at {start[:10]}")

    async def turn(self, run: Run, task: Task) -> Made:
        start = str(run.step(StepName.WORKTREE).data["start_sha"])
        why = await self._put_off_by(run)
        goes_on = why is not None
        if run.step(StepName.TURN).attempt > 1:
            await self._machine.stop_all_of(run.id)
            if not goes_on:  # cut off earlier: nothing of that try may leak into this
                await self._lay_out(run, start)
        path = await self._worktrees.path_of(run.id)
        if path is None:
            raise failed(Reason.INTERNAL, "The worktree is gone.")
        await self._tasks.move(task.id, TaskStatus.IN_PROGRESS, await self._writer(run), f"run {run.id}")
        prompt = prompt_of(task) + (GO_ON if goes_on else "")
        order = TurnOrder(
            run.id, run.agent, prompt, path, run.timeout_seconds, why or "delegation", run.project_id,
            run.task_id, run.budget, task.budget,
        )  # fmt: skip
        turn = await self._fleet.turn(order, await self._blocked(run))
        if turn.result_kind not in (ResultKind.OK, ResultKind.COMPACTED):
            if turn.evidence == LIMIT_EVIDENCE:
                await self._limits.check(run.agent)
            ending = _ENDINGS[turn.result_kind or ResultKind.LOST]
            raise failed(Reason.BUDGET if _by_budget(turn) else ending, turn.note or turn.evidence)
        changes = await self._worktrees.changes(run.id, start)
        sorted_out = sort_changes(changes)
        nothing_new = all(path == TASK_FILE for path in sorted_out.committed)
        if nothing_new and not _has_code(run):
            raise failed(Reason.NO_CHANGES, f"{run.agent} said it was done, but no file differs.")
        left_out = [*sorted_out.large, *sorted_out.secrets, *sorted_out.junk][:_LEFT_OUT]
        data = {"paths": list(sorted_out.committed), "left_out": left_out, "turn_id": turn.id}
        return Made(data, f"{_count(len(changes), 'file')} touched; {turn.note or turn.evidence}")

    async def checks(self, run: Run, task: Task) -> Made:
        settings = await self._settings(run)
        pull_id = str(run.step(StepName.PULL_REQUEST).data["pull_id"])
        if settings.check_command is None:
            check = Check(_CHECK, Verdict.NOT_CONFIGURED, "this project names no check command")
        else:
            await self._forge.report_check(
                pull_id, Check(_CHECK, Verdict.PENDING, f"running `{settings.check_command}`"), run.agent
            )
            check = await self._run_check(run, settings.check_command, settings.check_timeout_seconds)
        await self._forge.report_check(pull_id, check, run.agent)
        await self._runs.note_facts(run.id, {"checks": check.verdict.value})
        return Made({"verdict": check.verdict}, check.summary)

    async def commit(self, run: Run, task: Task) -> Made:
        start = str(run.step(StepName.WORKTREE).data["start_sha"])
        paths = _texts(run.step(StepName.TURN).data["paths"])
        left_out = _texts(run.step(StepName.TURN).data["left_out"])
        path = await self._worktrees.path_of(run.id)
        assert path is not None, "the worktree is lent until the report"
        if found := await self._scanner.scan(path, paths):
            places = ", ".join(f"{one.path}:{one.line} ({one.kind})" for one in found[:5])
            raise failed(Reason.SECRET_FOUND, f"What looks like a secret stands in {places}.")
        turn = await self._last_turn(run)
        sha = await self._worktrees.commit(
            run.id,
            start,
            paths,
            commit_message(task, run.id, run.agent),
            (f"{run.agent} (Kyros)", "agent@kyros.invalid"),
            int(from_text(turn.ended_at or turn.started_at).timestamp()),
        )
        if sha == start and not _has_code(run):
            raise failed(Reason.NO_CHANGES, "After the checks no file differs from the branch.")
        note = f"{sha[:10]}: {_count(len(paths), 'file')}"
        return Made(
            {"sha": sha, "left_out": left_out}, note + (f", {len(left_out)} left out" if left_out else "")
        )

    async def push(self, run: Run, task: Task) -> Made:
        start = str(run.step(StepName.WORKTREE).data["start_sha"])
        sha = str(run.step(StepName.COMMIT).data["sha"])
        await self._worktrees.push(run.id, run.branch, sha, start)
        return Made({"sha": sha}, f"{run.branch} is at {sha[:10]}")

    async def report(self, run: Run, task: Task) -> Made:
        pull_id = str(run.step(StepName.PULL_REQUEST).data["pull_id"])
        pull = await self._forge.pull(pull_id)
        sha = str(run.step(StepName.PUSH).data["sha"])
        check = next(one for one in pull.checks if one.name == _CHECK)
        left_out = _texts(run.step(StepName.COMMIT).data["left_out"])
        body = report_of(task, await self._last_turn(run), check, left_out)
        await self._forge.update_pull(pull_id, "kyros", body)
        await self._forge.report_check(pull_id, replace(check, head_sha=sha), "kyros")
        await self._worktrees.give_back(run.id)
        await self._tasks.move(
            task.id, TaskStatus.REVIEW, await self._writer(run), f"pull request #{pull.number}"
        )
        return Made({"verdict": check.verdict}, f"#{pull.number} is ready for review; {check.summary}")

    async def _put_off_by(self, run: Run) -> str | None:
        """`budget` or `limit` where one ended the last turn: its folder is as it was left, and the agent goes
        on in it."""
        turns = await self._turns.of_run(run.id)
        if not turns or await self._worktrees.path_of(run.id) is None:
            return None
        if _by_budget(turns[-1]):
            return "budget"
        return "limit" if turns[-1].evidence == LIMIT_EVIDENCE else None

    async def _writer(self, run: Run) -> Writer:
        return await writer_of(run, run.agent, self._leases, self._lease_ttl_seconds)

    async def _blocked(self, run: Run) -> Blocked:
        """While a person is asked, the run is blocked and says what for."""
        fence = (await self._writer(run)).fence

        async def blocked(asked: Approval | None) -> None:
            assert fence is not None, "a run at work holds its task"
            to = RunStatus.RUNNING if asked is None else RunStatus.BLOCKED
            await self._runs.move(run.id, to, "kyros", fence, None, waits_for(asked) if asked else None)

        return blocked

    async def _lay_out(self, run: Run, sha: str) -> Path:
        bare = await self._forge.clone_path(run.project_id)
        return await self._worktrees.lend(run.id, run.project_id, bare, run.branch, sha, run.agent)

    async def _settings(self, run: Run) -> ProjectSettings:
        base_sha = str(run.step(StepName.BRANCH).data["base_sha"])
        settings = parse_settings(await self._forge.read_file(run.project_id, base_sha, SETTINGS_FILE))
        if settings.check_command is None:
            return replace(settings, check_command=await self._runs.project_checks(run.project_id))
        return settings

    async def _run_check(self, run: Run, command: str, timeout_seconds: float | None) -> Check:
        path = await self._worktrees.path_of(run.id)
        assert path is not None, "the worktree is lent until the report"
        if run.step(StepName.CHECKS).attempt > 1:
            await self._machine.stop_all_of(run.id)
        limit = timeout_seconds or self._check_timeout_seconds
        result = await self._machine.check(run.id, command, path, limit)
        if result.exit_code is None:
            verdict, summary = Verdict.TIMED_OUT, f"`{command}` was stopped after {limit:g} s"
        elif result.exit_code == 0:
            verdict, summary = Verdict.PASSED, f"`{command}` passed"
        else:
            verdict, summary = Verdict.FAILED, f"`{command}` exited with {result.exit_code}"
        return Check(_CHECK, verdict, summary, result.output[-50_000:], "", result.duration_ms)

    async def _last_turn(self, run: Run) -> Turn:
        wanted = run.step(StepName.TURN).data["turn_id"]
        return next(turn for turn in await self._turns.of_run(run.id) if turn.id == wanted)


def _by_budget(turn: Turn) -> bool:
    return turn.result_kind is ResultKind.BLOCKED and turn.evidence == BUDGET_EVIDENCE


def _texts(value: object) -> list[str]:
    assert isinstance(value, list)
    return value


def _has_code(run: Run) -> bool:
    """Whether the branch had code before this turn: an earlier attempt's. Then nothing new is no failure."""
    return run.step(StepName.WORKTREE).data["start_sha"] != run.step(StepName.BRANCH).data["head_sha"]


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
