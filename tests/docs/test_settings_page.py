"""docs/reference/settings.md says of every setting what the code says, and of no other."""

import re

from kyros.kernel.settings import Settings
from tests.docs.markdown import REFERENCE, ROOT, table
from tests.docs.test_env_example import expected

CLIENT = {"KYROS_URL", "KYROS_TOKEN"}
"""Read by the command line alone, so no setting of an installation."""


def test_every_setting_stands_there_with_its_default_and_meaning() -> None:
    listed = {
        name: (meaning, default.strip("`"))
        for name, (default, meaning) in table("settings.md").items()
        if name not in CLIENT
    }
    assert listed == expected()


def test_no_page_names_a_setting_that_is_none() -> None:
    known = {f"KYROS_{name.upper()}" for name in Settings.model_fields} | CLIENT
    known |= {"KYROS_PROCESS", "KYROS_SKIP_CONSOLE", "KYROS_TEST_SEED"}  # our processes' mark; build; tests
    known |= {"KYROS_LOCK_ID", "KYROS_FENCING_TOKEN"}  # told to a command that runs under a lease
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    for page in pages:
        named = set(re.findall(r"KYROS_[A-Z_]+[A-Z]", page.read_text("utf-8")))
        assert named <= known, f"{page.relative_to(ROOT)} names {named - known}"
    assert REFERENCE / "settings.md" in pages
