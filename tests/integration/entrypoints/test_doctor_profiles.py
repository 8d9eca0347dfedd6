"""What `kyros doctor` says of agent profiles."""

import json
import os
import subprocess
import sys
from pathlib import Path


def test_a_profile_that_is_not_proven_says_so(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "kyros", "--home", str(tmp_path / "home"), "doctor", "--json"],
        env={name: value for name, value in os.environ.items() if not name.startswith("KYROS_")},
        capture_output=True,
        text=True,
        timeout=90,
    )
    notes = {one["name"]: one["note"] for one in json.loads(done.stdout)}
    assert "not proven" in notes["agent goose"]
    assert "not proven" not in notes["agent claude"]
