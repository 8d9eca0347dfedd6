"""Turns values of several rooms into the views of the API."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta

from kyros.collab.api.task_bodies import BudgetView
from kyros.collab.service.tasks import Tasks
from kyros.delegation.api.views import (
    CheckView,
    DelegationView,
    EntryView,
    ProfileView,
    ProjectView,
    PullView,
    RunView,
    StepView,
    TurnView,
)
from kyros.delegation.model import STEP_TITLES, Run, Step
from kyros.delegation.ports import RunStore
from kyros.delegation.service import HandedOver
from kyros.drivers.ports import Profiles
from kyros.fleet.api import approval_view
from kyros.fleet.model import Line, Turn
from kyros.fleet.ports import Pauses, Turns
from kyros.forge.model import Project, Pull
from kyros.forge.ports import Forge
from kyros.kernel.clock import from_text, to_text


class Presenter:
    def __init__(
        self,
        *,
        runs: RunStore,
        tasks: Tasks,
        forge: Forge,
        turns: Turns,
        profiles: Profiles,
        pauses: Pauses,
        default_agent: str,
    ) -> None:
        self._default_agent = default_agent
        self._runs = runs
        self._tasks = tasks
        self._forge = forge
        self._turns = turns
        self._profiles = profiles
        self._pauses = pauses

    async def run(self, run: Run) -> RunView:
        task = await self._tasks.get(run.task_id)
        project = await self._forge.project(run.project_id)
        pull = await self._forge.pull(run.pull_id) if run.pull_id else None
        costs = [turn.usage.cost_usd for turn in await self._turns.of_run(run.id)]
        measured = [cost for cost in costs if cost is not None]
        return RunView(
            id=run.id,
            task_id=run.task_id,
            task_title=task.title,
            task_status=task.status,
            project=project.name,
            project_id=project.id,
            status=run.status,
            reason=run.reason,
            explanation=run.explanation,
            attempt=run.attempt,
            agent=run.agent,
            agent_is_model=any(one.is_model for one in self._profiles.all() if one.name == run.agent),
            branch=run.branch,
            base=run.base,
            pull_id=run.pull_id,
            pull_number=pull.number if pull else None,
            steps=steps_of(run.steps),
            cost_usd=sum(measured) if measured else None,
            budget=BudgetView(**asdict(run.budget)),
            created_at=run.created_at,
            started_at=run.started_at,
            ended_at=run.ended_at,
        )

    async def pull(self, pull: Pull) -> PullView:
        run = await self._runs.by_pull(pull.id)
        return PullView(
            id=pull.id,
            number=pull.number,
            project=pull.project_name,
            project_id=pull.project_id,
            title=pull.title,
            body=pull.body,
            state=pull.state,
            head=pull.head,
            base=pull.base,
            head_sha=pull.head_sha,
            base_sha=pull.base_sha,
            merge_sha=pull.merge_sha,
            checks=[CheckView(**asdict(check)) for check in pull.checks],
            run_id=run.id if run else None,
            task_id=run.task_id if run else None,
            url=f"/pulls/{pull.id}",
            created_at=pull.created_at,
            updated_at=pull.updated_at,
        )

    async def project(self, project: Project) -> ProjectView:
        path = await self._forge.clone_path(project.id)
        return ProjectView(**asdict(project), forge_path=str(path))

    async def profiles(self) -> list[ProfileView]:
        pauses = await self._pauses.all()
        return [
            ProfileView(
                name=profile.name,
                title=profile.title,
                is_model=profile.is_model,
                is_default=profile.name == self._default_agent,
                program=self._profiles.find_program(profile),
                tiers=list(profile.tiers),
                install_hint=profile.install_hint,
                paused_until=to_text(pauses[profile.name].until) if profile.name in pauses else None,
            )
            for profile in self._profiles.all()
        ]


def handed_over(made: HandedOver, origin: str) -> DelegationView:
    return DelegationView(
        id=made.run.id,
        task_id=made.run.task_id,
        run_id=made.run.id,
        project=made.project.name,
        branch=made.run.branch,
        pr_number=made.pull.number,
        pull_id=made.pull.id,
        pr_url=f"{origin}/pulls/{made.pull.id}",
        notes=list(made.notes),
    )


def steps_of(steps: Sequence[Step]) -> list[StepView]:
    return [
        StepView(
            name=step.name,
            title=STEP_TITLES[step.name],
            status=step.status,
            attempt=step.attempt,
            started_at=step.started_at,
            ended_at=step.ended_at,
            duration_ms=_duration_ms(step.started_at, step.ended_at),
            note=step.note,
        )
        for step in steps
    ]


def turn_view(turn: Turn) -> TurnView:
    usage = turn.usage
    return TurnView(
        id=turn.id,
        run_id=turn.run_id,
        task_id=turn.task_id,
        project_id=turn.project_id,
        session_id=turn.session_id,
        agent=turn.agent,
        tier=turn.tier,
        model=usage.model,
        wake_reason=turn.wake_reason,
        started_at=turn.started_at,
        ended_at=turn.ended_at,
        duration_ms=turn.duration_ms,
        result_kind=turn.result_kind,
        evidence=turn.evidence,
        note=turn.note,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_creation_tokens=usage.cache_creation_tokens,
        cost_usd=usage.cost_usd,
        tool_call_count=turn.tool_call_count,
        tool_calls=None if usage.tool_calls is None else dict(usage.tool_calls),
        bytes_streamed=turn.bytes_streamed,
        approvals=[approval_view(approval) for approval in turn.approvals],
    )


def entry_view(line: Line) -> EntryView:
    entry = line.entry
    return EntryView(
        seq=line.seq,
        at=line.at,
        turn_id=line.turn_id,
        kind=entry.kind,
        id=entry.id,
        text=entry.text,
        details=dict(entry.details),
    )


def _duration_ms(started_at: str | None, ended_at: str | None) -> int | None:
    if started_at is None or ended_at is None:
        return None
    return int((from_text(ended_at) - from_text(started_at)) / timedelta(milliseconds=1))
