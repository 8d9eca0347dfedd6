"""A budget of minutes stops a real agent, and with more it goes on in the folder it left."""

from pathlib import Path
from typing import Any

from tests.integration.system.house import Kyros, git

SLOW_AT_FIRST = "test -f been_here || { touch been_here; sleep 60; }"
OBJECTIVE = f"""Write it.

```text file=made.txt
written
```

```sh run
{SLOW_AT_FIRST}
```
"""


def blocked(kyros: Kyros, run_id: str) -> dict[str, Any]:
    def waits() -> dict[str, Any] | None:
        run: dict[str, Any] = kyros.get(f"/api/runs/{run_id}")
        return run if run["status"] == "blocked" else None

    run: dict[str, Any] = kyros.wait(waits, 60)
    return run


def test_a_run_stops_at_its_minutes_and_goes_on_with_more(kyros: Kyros, repo: Path) -> None:
    kyros.start()
    made = kyros.delegate(repo, OBJECTIVE, budget={"minutes": 0.05})
    run = blocked(kyros, made["run_id"])
    assert (run["reason"], run["task_status"], run["budget"]["minutes"]) == ("budget", "blocked", 0.05)
    assert "The budget run/" in run["explanation"]
    assert kyros.strays() == []
    (turn,) = kyros.get(f"/api/runs/{run['id']}/turns")["items"]
    assert (turn["result_kind"], turn["evidence"]) == ("blocked", "budget")
    reached = kyros.get("/api/collab/events", event="budget_reached")["items"]
    assert [event["details"]["run_id"] for event in reached] == [run["id"]]

    assert kyros.post(f"/api/runs/{run['id']}/budget", {"minutes": 5}).status_code == 200
    ended = kyros.finished(run["id"])
    assert ended["status"] == "succeeded", ended["explanation"]
    bare = kyros.bare(ended["project_id"])
    assert git(bare, "show", f"{made['branch']}:made.txt")
    kinds = [one["kind"] for one in kyros.get(f"/api/runs/{run['id']}/transcript")["items"]]
    assert (kinds.count("prompt"), kinds.count("end")) == (2, 2)
    (row,) = kyros.get("/api/usage", by="run")["items"]
    assert (row["key"], row["turns"], row["input_tokens"], row["unmeasured_turns"]) == (run["id"], 2, None, 2)
