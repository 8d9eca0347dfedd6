"""What is put on boards: tasks, leases and agents as plain as can be, with what a test cares about."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from kyros.collab.model import Agent, AgentStatus, Lease, Task, TaskStatus
from kyros.kernel.clock import to_text

AT = "2026-11-20T12:00:00.000000Z"


def task(title: str = "Greet the owls", **fields: Any) -> Callable[[str], Task]:
    """For `Board.add_task`."""

    def make(task_id: str) -> Task:
        usual: dict[str, Any] = {
            "project_id": "app",
            "objective": "",
            "constraints": "",
            "acceptance_criteria": (),
            "status": TaskStatus.QUEUED,
            "version": 1,
            "created_at": AT,
            "updated_at": AT,
        }
        return Task(id=task_id, title=title, **(usual | fields))

    return make


def lease(resource: str, holder: str = "ada", token: int = 1, lock_id: str | None = None) -> Lease:
    until = to_text(datetime.fromisoformat(AT) + timedelta(seconds=60))
    return Lease(lock_id or f"lock_{resource}", resource, holder, token, AT, AT, until, 60.0)


def agent(name: str, **fields: Any) -> Agent:
    usual: dict[str, Any] = {
        "role": "agent",
        "skills": (),
        "profile": None,
        "projects": (),
        "status": AgentStatus.OFFLINE,
        "available": True,
        "last_seen": None,
        "created_at": AT,
        "updated_at": AT,
        "version": 1,
    }
    return Agent(name=name, **(usual | fields))
