"""What does not agree between rows, processes, worktrees and branches, and is not ours to mend. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """`kind` and `subject` name it: found again it is the same. `note` says what to look at."""

    kind: str
    subject: str
    note: str
    project_id: str | None = None
    found_at: str = ""
