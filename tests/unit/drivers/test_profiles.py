"""Profile files: what ships, what a user adds, and what is said about a bad one."""

import re
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from kyros.drivers.adapters.profiles import TomlProfiles, load_profiles
from kyros.drivers.errors import ProfileInvalid, ProfileNotFound
from kyros.drivers.model import (
    AcpSpec,
    ActionKind,
    ApprovalRule,
    HeadlessSpec,
    RuleAction,
    TerminalSignals,
    Tier,
)

REFERENCE = Path(__file__).parents[3] / "docs/reference/profiles.md"

GOOD = """
title = "Mine"
command = ["mine", "--chat"]
tiers = ["terminal"]
is_model = true
install_hint = "Ask me."

[terminal]
ready = '^>$'
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "profiles"
    folder.mkdir()
    return folder


def loaded(folder: Path, **files: str) -> TomlProfiles:
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text)
    return load_profiles(folder)


def test_every_shipped_profile_can_be_used() -> None:
    profiles = load_profiles()
    assert profiles.problems == {}
    names = [profile.name for profile in profiles.all()]
    assert names == ["aider", "claude", "codex", "gemini", "goose", "kiro", "opencode", "playbook", "qwen"]


def test_only_playbook_is_no_model_and_it_is_always_installed() -> None:
    profiles = load_profiles()
    assert [profile.name for profile in profiles.all() if not profile.is_model] == ["playbook"]
    assert profiles.find_program(profiles.get("playbook")) == sys.executable


def test_a_program_is_found_on_the_path_or_not_at_all(folder: Path) -> None:
    profiles = loaded(folder, shell=GOOD.replace('"mine", "--chat"', '"sh"'), none=GOOD)
    assert profiles.find_program(profiles.get("none")) is None
    found = profiles.find_program(profiles.get("shell"))
    assert found is not None
    assert Path(found).is_absolute()


def test_a_users_profile_is_added_and_may_replace_a_shipped_one(folder: Path) -> None:
    profiles = loaded(folder, mine=GOOD, claude=GOOD)
    assert profiles.get("mine").tiers == (Tier.TERMINAL,)
    assert profiles.get("claude").title == "Mine"
    assert not profiles.get("mine").is_proven


def test_a_new_agent_over_acp_needs_a_file_alone(folder: Path) -> None:
    text = GOOD.replace('["terminal"]', '["acp", "terminal"]').replace("[terminal]", """
version = 3
usage_limit = 'resets at (.*)'

[[approvals]]
action = "ask"
kind = "network"
host = "*.example.org"

[acp]
command = ["mine-acp"]
arguments = ["--quiet"]
mode = "ask"

[acp.environment]
MINE = "1"

[terminal]""")  # fmt: skip
    profile = loaded(folder, mine=text).get("mine")
    assert profile.acp == AcpSpec(
        arguments=("--quiet",), command=("mine-acp",), mode="ask", environment={"MINE": "1"}
    )
    rule = ApprovalRule(RuleAction.ASK, ActionKind.NETWORK, host="*.example.org")
    assert (profile.approvals, profile.usage_limit, profile.version) == ((rule,), "resets at (.*)", 3)


def test_a_program_of_any_tier_counts_as_installed(folder: Path) -> None:
    acp = '[acp]\ncommand = ["sh"]\n\n[terminal]'
    text = GOOD.replace('["terminal"]', '["acp", "terminal"]').replace("[terminal]", acp)
    profiles = loaded(folder, mine=text)
    found = profiles.find_program(profiles.get("mine"))
    assert found is not None
    assert found.endswith("/sh")


def test_a_missing_folder_is_fine(tmp_path: Path) -> None:
    assert load_profiles(tmp_path / "nowhere").problems == {}


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ProfileNotFound, match=r"'nobody'.*playbook"):
        load_profiles().get("nobody")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("title = ", "is not TOML"),
        (GOOD + "\ncolour = 1", "terminal.colour is not a key"),
        (GOOD.replace('title = "Mine"', ""), "title is missing: add it"),
        (GOOD.replace("'^>$'", "'(['"), "terminal.ready: is no regular expression"),
        (GOOD.replace('["terminal"]', '["headless"]'), "there is no [headless] section"),
        (GOOD.replace('["terminal"]', '["telepathy"]'), "tiers.0"),
        (GOOD.replace('["mine", "--chat"]', "[]"), "command"),
        (GOOD + "write_subject = '^x$'", "needs a group"),
        (f'{GOOD}[headless]\ndialect = "x"\narguments = []', "headless.dialect: must be one of"),
        (GOOD.replace('["terminal"]', '["acp"]'), "there is no [acp] section"),
        (f"{GOOD}[acp]\nfailed = '('", "acp.failed: is no regular expression"),
        (f"{GOOD}[acp]\nstart_seconds = 0", "acp.start_seconds"),
        (f"{GOOD}[acp]\nspeed = 1", "acp.speed is not a key"),
        (f"usage_limit = 'limit reached'\n{GOOD}", "usage_limit: needs a group"),
        (f"usage_limit = '('\n{GOOD}", "usage_limit: is no regular expression"),
        (GOOD + "[home]\n'../x' = ''", "home: '../x' is no path of a file below HOME"),
        (GOOD + "[home]\n'/etc/x' = ''", "home: '/etc/x' is no path"),
        (GOOD + "[home]\n'x/' = ''", "home: 'x/' is no path"),
        (f"{GOOD}[environment]\nKYROS_PROCESS = 'x'", "environment: KYROS_PROCESS is Kyros's own"),
        (f"{GOOD}[acp.environment]\nKYROS_X = 'x'", "acp.environment: KYROS_X is Kyros's own"),
        (f"version = 0\n{GOOD}", "version"),
        (f"{GOOD}[[approvals]]\nkind = 'write'", "approvals.0.action is missing"),
        (f"{GOOD}[[approvals]]\naction = 'allow'\nkind = 'magic'", "approvals.0.kind"),
        (f"{GOOD}[[approvals]]\naction = 'deny'\ncommand = '('", "approvals.0.command: is no regular"),
        ("x" * 200_000, "too large"),
    ],
)  # fmt: skip
def test_a_bad_file_spoils_only_itself_and_names_file_key_and_cure(
    folder: Path, text: str, said: str
) -> None:
    profiles = loaded(folder, bad=text, good=GOOD)
    assert profiles.get("good").title == "Mine"
    with pytest.raises(ProfileInvalid) as refusal:
        profiles.get("bad")
    assert said in refusal.value.message
    assert str(folder / "bad.toml") in refusal.value.message


def test_a_bad_file_does_not_fall_back_to_the_shipped_profile_of_its_name(folder: Path) -> None:
    profiles = loaded(folder, claude="title = ")
    assert "claude" not in [profile.name for profile in profiles.all()]
    with pytest.raises(ProfileInvalid):
        profiles.get("claude")


def test_the_reference_names_every_profile_and_every_key() -> None:
    text = REFERENCE.read_text()
    keys = [
        entry.name
        for kind in (AcpSpec, ApprovalRule, HeadlessSpec, TerminalSignals)
        for entry in fields(kind)
    ]
    names = [profile.name for profile in load_profiles().all()]
    assert [word for word in [*keys, *names] if f"`{word}`" not in text] == []


def test_the_references_example_is_a_profile(folder: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", REFERENCE.read_text(), re.DOTALL)
    assert loaded(folder, example=example).get("example").title == "My agent"
