"""One real program through the whole house: `kyros up`, a delegation by the command line, a pull request."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.agents.bench import LINE
from tests.agents.programs import needs, program, search_path
from tests.agents.scripted.script import Read, Script, Write
from tests.agents.scripted.server import served
from tests.integration.system.house import Kyros, git, repository

pytestmark = [pytest.mark.agents, pytest.mark.timeout(300)]

OBJECTIVE = f"Create `greeting.txt` with exactly this line:\n\n    {LINE}\n"


@needs("codex")
def test_codex_brings_a_pull_request_with_the_right_diff_and_its_tokens(kyros: Kyros, tmp_path: Path) -> None:
    repo = repository(
        tmp_path / "app", {"README.md": "hello\n", "kyros.toml": '[checks]\ncommand = "cat greeting.txt"\n'}
    )
    script = Script(Path(), (Read("TASK.md"), Write("greeting.txt", f"{LINE}\n")))
    with served(script) as server:
        profile = kyros.home / "profiles" / "codex.toml"
        profile.parent.mkdir(parents=True)
        profile.write_text(_for_another_address(server.url))
        kyros.start(PATH=search_path(), **program("codex").environment_for(server.url, tmp_path))
        delegated = _delegate(kyros, repo, tmp_path)
        assert delegated.returncode == 0, delegated.stdout + delegated.stderr
        assert server.problems == []
        assert server.model.saw(LINE)
    [run] = kyros.get("/api/runs")["items"]
    pull = kyros.get(f"/api/pulls/{run['pull_id']}")
    bare = kyros.bare(pull["project_id"])
    assert git(bare, "show", f"{pull['head']}:greeting.txt") == LINE
    assert git(bare, "diff", "--name-only", f"main...{pull['head']}").splitlines() == [
        "TASK.md",
        "greeting.txt",
    ]
    [turn] = kyros.get(f"/api/runs/{run['id']}/turns")["items"]
    told = server.model.reported
    assert (turn["agent"], turn["result_kind"]) == ("codex", "ok")
    assert (turn["input_tokens"], turn["cache_read_tokens"], turn["output_tokens"]) == (
        (told.fresh, told.cached, told.output)
    )
    assert kyros.strays() == []


def _for_another_address(url: str) -> str:
    """The shipped profile with the setting that a company's own gateway needs, as the reference says."""
    shipped = (Path(__file__).parents[2] / "src/kyros/drivers/profiles/codex.toml").read_text()
    return f"""{shipped}
[home]
".codex/config.toml" = 'openai_base_url = "{url}/v1"'
"""


def _delegate(kyros: Kyros, repo: Path, folder: Path) -> "subprocess.CompletedProcess[str]":
    (folder / "objective.md").write_text(OBJECTIVE)
    command = ["delegate", "Greet", "--file", str(folder / "objective.md"), "--repo", str(repo)]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("KYROS_")}
    return subprocess.run(
        [sys.executable, "-m", "kyros", "--home", str(kyros.home), *command, "--agent", "codex", "--follow"],
        env=inherited, cwd=folder, capture_output=True, text=True, timeout=200,
    )  # fmt: skip
