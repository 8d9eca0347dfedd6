"""What a person hands over, and the branch name it becomes."""

import hashlib
import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime

from kyros.collab.model import Budget

_SLUG_LENGTH = 50


@dataclass(frozen=True)
class Order:
    """A delegation as asked for, parsed at the door. `repo` or `project`, the other None."""

    title: str
    objective: str
    constraints: str
    acceptance_criteria: Sequence[str]
    repo: str | None
    project: str | None
    base: str | None
    agent: str | None
    timeout_seconds: float | None
    budget: Budget = field(default_factory=Budget)


@dataclass(frozen=True)
class NewRun:
    """A run about to be written, with the key that makes the request repeatable."""

    id: str
    project_id: str
    agent: str
    branch: str
    base: str
    timeout_seconds: float
    idempotency_key: str | None
    request_digest: str
    budget: Budget = field(default_factory=Budget)


def digest_of(order: Order) -> str:
    """The same for the same request, so that a reused key with another body is noticed."""
    asked = {name: value for name, value in asdict(order).items() if name != "budget"}
    if order.budget != Budget():  # requests from before there were budgets keep their digest
        asked["budget"] = order.budget.document()
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def branch_name(title: str, moment: datetime) -> str:
    """`feature/{slug}-{milliseconds}`; the slug is plain ASCII whatever the title holds."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_SLUG_LENGTH].strip("-")
    return f"feature/{slug or 'task'}-{int(moment.timestamp() * 1000)}"
