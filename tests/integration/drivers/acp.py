"""A scripted ACP agent at work: what its steps and its start are, and what came of it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from kyros.drivers.adapters.acp.driver import AcpDriver
from kyros.drivers.adapters.acp.session import AcpSession, Patience
from kyros.drivers.model import EntryKind, Outcome
from tests.contract.drivers.rigs import PROMPT, Ears, acp_profile, launch, replaced

HASTY = Patience(cancel=0.5, drain=2, rest=0.5, closed=0.3)

Step = dict[str, Any]


def told(folder: Path, *steps: Step) -> None:
    """What it does at its next prompt."""
    (folder / "STEPS.json").write_text(json.dumps(steps))


async def opened(folder: Path, ears: Ears, start: dict[str, Any] | None = None, **spec: Any) -> AcpSession:
    if start is not None:
        (folder / "START.json").write_text(json.dumps(start))
    env, prefix = spec.pop("env", ()), spec.pop("prefix", ())
    profile = replaced(acp_profile(**spec), env=env)
    there = replace(launch(folder), prefix=prefix)
    return await AcpDriver(HASTY).open(profile, there, ears.listener())


async def turn(
    folder: Path, *steps: Step, ears: Ears | None = None, start: dict[str, Any] | None = None,
    seconds: float = 60, **spec: Any,
) -> Outcome:  # fmt: skip
    """One turn of a session of its own."""
    told(folder, *steps)
    session = await opened(folder, ears or Ears(), start, **spec)
    try:
        return await session.turn(PROMPT, seconds)
    finally:
        await session.stop()


def answers(folder: Path) -> list[dict[str, Any]]:
    """What the client answered to the agent's requests."""
    return [json.loads(line) for line in (folder / "ANSWERS.jsonl").read_text().splitlines()]


def said(ears: Ears, kind: EntryKind = EntryKind.MESSAGE) -> list[str]:
    return [entry.text for entry in ears.entries if entry.kind is kind]
