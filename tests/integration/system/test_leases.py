"""`kyros lease` against a whole Kyros: taken, held for a command, lost, kept over a restart, given back."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.system.house import Kyros
from tests.integration.system.test_main_job import kyros_command


def held(kyros: Kyros) -> dict[str, int]:
    listed = kyros_command(kyros, "lease", "list", "--json")
    assert listed.returncode == 0, listed.stderr
    return {lease["resource"]: lease["fencing_token"] for lease in of_people(listed.stdout) if lease["live"]}


def of_people(listed: str) -> list[dict[str, Any]]:
    """All but the worker's own."""
    return [lease for lease in json.loads(listed) if not lease["resource"].startswith("pool:")]


def test_a_lease_is_held_while_a_command_runs_and_its_exit_code_is_ours(kyros: Kyros, tmp_path: Path) -> None:
    kyros.start()
    run = ("lease", "acquire", "path:shop/src/**", "--also", "deploy", "--ttl", "5", "--hold", "--")
    said = tmp_path / "said"
    line = f"{sys.executable} -m kyros --home {kyros.home} lease list --json > {said}; exit 7"
    done = kyros_command(kyros, *run, "sh", "-c", line)
    assert (done.returncode, done.stderr) == (7, "")
    inside = {one["resource"]: one["holder"] for one in of_people(said.read_text())}
    assert inside == {"path:shop/src/**": "operator", "deploy": "operator"}
    assert held(kyros) == {}


def test_a_lost_lease_stops_the_command(kyros: Kyros) -> None:
    kyros.start()
    reclaim = f"{sys.executable} -m kyros --home {kyros.home} lease reclaim deploy; sleep 1000"
    done = kyros_command(
        kyros, "lease", "acquire", "deploy", "--ttl", "2", "--hold", "--", "sh", "-c", reclaim
    )
    assert done.returncode == 4
    assert "The lease was lost, the command was stopped" in done.stderr


def test_leases_outlive_a_killed_server_and_their_tokens_go_on(kyros: Kyros) -> None:
    kyros.start()
    lock = json.loads(kyros_command(kyros, "lease", "acquire", "deploy", "--ttl", "60", "--json").stdout)
    kyros.kill()
    kyros.start()
    kept = kyros_command(kyros, "lease", "heartbeat", lock["lock_id"], "--json")
    assert json.loads(kept.stdout)["fencing_token"] == lock["fencing_token"] == 1
    assert kyros_command(kyros, "lease", "release", lock["lock_id"]).returncode == 0
    assert kyros_command(kyros, "lease", "heartbeat", lock["lock_id"]).returncode == 4
    again = json.loads(kyros_command(kyros, "lease", "acquire", "deploy", "--json").stdout)
    assert again["fencing_token"] == 2
    assert kyros_command(kyros, "lease", "reclaim", "nothing").returncode == 3


@pytest.mark.parametrize("words", [["--hold"], ["--", "true"]])
def test_holding_needs_a_command_and_a_command_the_word(kyros: Kyros, words: list[str]) -> None:
    refused = kyros_command(kyros, "lease", "acquire", "deploy", *words)
    assert refused.returncode == 2
    assert "--hold -- COMMAND" in refused.stderr
