"""What is kept of requests for leave, and of the rules of projects."""

from collections.abc import Callable, Sequence
from typing import Protocol

from kyros.drivers.model import ApprovalRule
from kyros.fleet.model import Answer, Approval, ApprovalQuery, ProjectRules


def _any(_: object) -> None:
    """Whatever is there may be changed."""


class Approvals(Protocol):
    """Rows of requests; each change appends its event in the same transaction, and whoever waits hears of
    it. `check` is asked within the transaction and raises to leave everything as it is."""

    async def record(self, approval: Approval) -> None:
        """One that a rule decided."""
        ...

    async def ask(self, approval: Approval) -> None:
        """A pending one."""
        ...

    async def get(self, approval_id: str) -> Approval:
        """Raises ApprovalNotFound."""
        ...

    async def page(self, query: ApprovalQuery) -> Sequence[Approval]: ...

    async def answer(
        self, approval_id: str, answer: Answer, check: Callable[[Approval], None] = _any
    ) -> Approval:
        """Decide, once; with `always`, the project gets its rule, before its others. The same answer again
        changes nothing. Raises ApprovalNotFound, ApprovalDecided, ApprovalOver, ApprovalNotGeneral."""
        ...

    async def expire(self, approval_id: str) -> Approval:
        """If it is still pending; what it is then."""
        ...

    async def withdraw(self, approval_id: str) -> Approval:
        """If it is still pending; what it is then."""
        ...

    async def withdraw_all_of(self, run_id: str) -> Sequence[str]:
        """Its pending ones: their ids."""
        ...

    async def rules(self, project_id: str) -> ProjectRules: ...

    async def set_rules(
        self,
        project_id: str,
        rules: Sequence[ApprovalRule],
        actor: str,
        check: Callable[[ProjectRules], None] = _any,
    ) -> ProjectRules:
        """In place of those there are; the same ones again change nothing."""
        ...
