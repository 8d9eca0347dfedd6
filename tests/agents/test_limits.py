"""The limit of a vendor, in the answers its API gives and the words the real program makes of them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kyros.drivers.model import ResultKind, Tier
from kyros.fleet.model import LIMIT_EVIDENCE
from kyros.fleet.model.pause import UNREADABLE
from tests.agents.bench import Bench
from tests.agents.programs import Program, each, program
from tests.agents.scripted.script import Refuses

pytestmark = [pytest.mark.agents, pytest.mark.timeout(200)]

WAITS = {"claude": timedelta(hours=3), "codex": timedelta(days=3, hours=3), "gemini": UNREADABLE}
"""Codex names the day, Claude a time of day, Gemini nothing for a quota of the day."""
COARSE = timedelta(minutes=11)
"""They name minutes, Claude tens of them, and their own waiting comes on top."""


@pytest.mark.parametrize("tier", [Tier.ACP, Tier.HEADLESS])
@pytest.mark.parametrize("name", each(*WAITS))
async def test_a_used_up_limit_pauses_the_profile_until_it_resets(
    bench: Bench, name: str, tier: Tier
) -> None:
    agent = with_subscription(program(name))
    resets = datetime.now(UTC) + WAITS[name]
    with bench.model(agent, faults={0: used_up(name, resets)}):
        turn = await bench.turn(agent, tier, timeout_seconds=60)
    assert (turn.result_kind, turn.evidence) == (ResultKind.FAILED, LIMIT_EVIDENCE)
    pause = (await bench.pauses.all())[name]
    assert abs(pause.until - resets) < COARSE


def with_subscription(agent: Program) -> Program:
    """Claude knows of a limit only where it is signed in; with a key its vendor names no time."""
    if agent.name != "claude":
        return agent
    token = {"CLAUDE_CODE_OAUTH_TOKEN": "sk-ant-oat01-scripted"}  # pragma: allowlist secret
    others = {name: value for name, value in agent.environment.items() if name != "ANTHROPIC_API_KEY"}
    return replace(agent, environment=others | token)


def used_up(name: str, resets: datetime) -> Refuses:
    """Status 429 as the three vendors give it."""
    seconds = int((resets - datetime.now(UTC)).total_seconds())
    headers: dict[str, str] = {}
    body: Mapping[str, Any]
    if name == "codex":
        facts = {"plan_type": "plus", "resets_at": int(resets.timestamp()), "resets_in_seconds": seconds}
        body = {
            "error": {"type": "usage_limit_reached", "message": "The usage limit has been reached"} | facts
        }
    elif name == "claude":
        body = {"type": "error", "error": {"type": "rate_limit_error", "message": "Error"}}
        limit = "anthropic-ratelimit-unified-"
        headers = {
            f"{limit}status": "rejected",
            f"{limit}reset": str(int(resets.timestamp())),
            f"{limit}representative-claim": "five_hour",
            "retry-after": str(seconds),
        }
    else:
        words = f"You exceeded your current quota, please check your plan. Please retry in {seconds}s."
        google = "type.googleapis.com/google.rpc."
        day = {"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}
        details = [
            {"@type": f"{google}QuotaFailure", "violations": [day]},
            {"@type": f"{google}RetryInfo", "retryDelay": f"{seconds}s"},
        ]
        status = {"code": 429, "message": words, "status": "RESOURCE_EXHAUSTED", "details": details}
        body = {"error": status}
    return Refuses(429, "", headers, body)
