"""Every text a delegation writes: TASK.md, the prompt, the pull request's body, the commit message."""

from collections.abc import Sequence

from kyros.collab.model import Task
from kyros.fleet.model import Approval, Turn
from kyros.forge.model import Check, Verdict

TASK_FILE = "TASK.md"

_MARKS = {
    Verdict.PENDING: "⏳",
    Verdict.PASSED: "✅",
    Verdict.FAILED: "❌",
    Verdict.TIMED_OUT: "⏱️",
    Verdict.NOT_CONFIGURED: "⚪",
}


def task_file(task: Task) -> bytes:
    """TASK.md: title, objective, constraints, acceptance criteria as a checklist."""
    parts = [f"# {_one_line(task.title)}", *_sections(task)]
    parts.append("⏳ Code for this task is on its way: an agent works on this branch.")
    return ("\n\n".join(parts) + "\n").encode()


def pull_body(task: Task, agent: str) -> str:
    return "\n\n".join([*_sections(task), f"⏳ **{agent}** works on {task.id}; code is on its way."])


def failed_body(task: Task, agent: str, explanation: str) -> str:
    """The body while there is no code and nobody works on it."""
    return "\n\n".join([*_sections(task), f"❌ **{agent}** brought no code for {task.id}: {explanation}"])


def report_of(task: Task, turn: Turn, check: Check, left_out: Sequence[str]) -> str:
    """The body once the code is there: the task, then what was done, checked and left out."""
    seconds = (turn.duration_ms or 0) / 1000
    lines = [
        f"- Agent: **{turn.agent}** ({turn.tier}), {seconds:.1f} s",
        f"- Checks: {_MARKS[check.verdict]} {check.summary}",
    ]
    if turn.usage.cost_usd is not None:
        lines.append(f"- Cost: ${turn.usage.cost_usd:.4f}")
    lines.extend(f"- Left out of the commit: `{path}`" for path in left_out)
    return "\n\n".join([*_sections(task), "### What was done", "\n".join(lines)])


def prompt_of(task: Task) -> str:
    """The words an agent starts with; everything it needs stands in TASK.md."""
    return f"Read {TASK_FILE} and implement the feature. {_one_line(task.title)}"


def commit_message(task: Task, run_id: str, agent: str) -> str:
    title = _one_line(task.title)
    subject = f"feat: {title}" if len(title) <= 66 else f"feat: {title[:65]}…"
    return f"{subject}\n\nKyros-Task: {task.id}\nKyros-Run: {run_id}\nKyros-Agent: {agent}\n"


def waits_for(asked: Approval) -> str:
    """Why a run is blocked, and what to do about it."""
    return f"{asked.question}: answer with `kyros approve {asked.id}` or `kyros approve deny {asked.id}`."


def _sections(task: Task) -> list[str]:
    sections = []
    if task.objective.strip():
        sections.append(task.objective.strip("\n"))
    if task.constraints.strip():
        sections.append(f"## Constraints\n\n{task.constraints.strip()}")
    if task.acceptance_criteria:
        checklist = "\n".join(f"- [ ] {_one_line(line)}" for line in task.acceptance_criteria)
        sections.append(f"## Acceptance criteria\n\n{checklist}")
    return sections


def _one_line(text: str) -> str:
    return " ".join(text.split())
