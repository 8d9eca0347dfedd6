"""Collab's values and rules, pure: tasks, leases, agents, and who may write what."""

from kyros.collab.model.agent import Agent, AgentStatus
from kyros.collab.model.hand_edit import NAMED_BY, HandEdit, HandItem
from kyros.collab.model.kept import Kept, Which
from kyros.collab.model.lease import (
    Lease,
    Reclaim,
    Waiter,
    lease_acquired,
    lease_reclaimed,
    lease_released,
    refuse_if_held,
    refuse_if_lost,
)
from kyros.collab.model.standing import Standing, standing
from kyros.collab.model.state import Kind, Revision
from kyros.collab.model.task import (
    TASK_MOVES,
    Budget,
    ChecklistItem,
    NewTask,
    Priority,
    Task,
    TaskChange,
    TaskQuery,
    TaskStatus,
    changed_fields,
    task_changed,
    task_created,
    task_freed,
    task_moved,
    task_of,
)
from kyros.collab.model.writer import Fence, Writer

__all__ = [
    "NAMED_BY",
    "TASK_MOVES",
    "Agent",
    "AgentStatus",
    "Budget",
    "ChecklistItem",
    "Fence",
    "HandEdit",
    "HandItem",
    "Kept",
    "Kind",
    "Lease",
    "NewTask",
    "Priority",
    "Reclaim",
    "Revision",
    "Standing",
    "Task",
    "TaskChange",
    "TaskQuery",
    "TaskStatus",
    "Waiter",
    "Which",
    "Writer",
    "changed_fields",
    "lease_acquired",
    "lease_reclaimed",
    "lease_released",
    "refuse_if_held",
    "refuse_if_lost",
    "standing",
    "task_changed",
    "task_created",
    "task_freed",
    "task_moved",
    "task_of",
]
