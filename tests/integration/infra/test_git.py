"""The git program as we run it: clean environment, no options from outside, failures by name."""

import os
from pathlib import Path

import pytest

from kyros.infra.git import (
    Failure,
    GitFailed,
    GitMissing,
    GitPassing,
    classify,
    find_git,
    local_env,
    readable,
    remote_env,
    run_git,
)
from kyros.kernel.errors import DiskFull, Invalid

_SECONDS = 20.0


async def git(command: str, *options: str, cwd: Path, operands: tuple[str, ...] = ()) -> str:
    return await run_git(
        command, *options, operands=operands, env=local_env(), timeout_seconds=_SECONDS, cwd=cwd
    )


def aliased(env: dict[str, str], name: str, script: str) -> dict[str, str]:
    """`env` in which `git NAME` runs a line of shell: real words of real programs, on demand."""
    number = int(env["GIT_CONFIG_COUNT"])
    return env | {
        "GIT_CONFIG_COUNT": str(number + 1),
        f"GIT_CONFIG_KEY_{number}": f"alias.{name}",
        f"GIT_CONFIG_VALUE_{number}": f"!{script}",
    }


@pytest.fixture
async def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    folder.mkdir()
    await git("init", "--quiet", "--initial-branch=main", cwd=folder)
    return folder


async def test_git_prints_and_ends_well(repository: Path) -> None:
    assert await git("symbolic-ref", "HEAD", cwd=repository) == "refs/heads/main\n"


async def test_missing_git_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitMissing, match="install it"):
        find_git()


@pytest.mark.parametrize("operand", ["--upload-pack=touch x", "-c", "a\nb", "a\0b"])
async def test_an_operand_never_becomes_an_option(repository: Path, operand: str) -> None:
    with pytest.raises(Invalid):
        await git("ls-remote", operands=(operand,), cwd=repository)


async def test_programs_hidden_in_addresses_are_not_run(repository: Path, tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    with pytest.raises(GitFailed, match="not allowed"):
        await git("ls-remote", operands=(f"ext::touch {proof}",), cwd=repository)
    assert not proof.exists()


async def test_the_host_s_git_environment_does_not_leak_in(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "gitconfig"
    config.write_text("[user]\n\tname = Somebody\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    listed = await git("config", "--list", cwd=repository)
    assert "Somebody" not in listed
    assert "gc.auto=0" in listed
    assert await git("rev-parse", "--git-dir", cwd=repository) == ".git\n"


async def test_a_remote_gets_the_user_s_credential_helpers_and_nothing_else(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "gitconfig"
    config.write_text(
        "[credential]\n\thelper = mine\n[alias]\n\tst = status\n"
        "[core]\n\thooksPath = /evil\n\tsshCommand = ssh -F /x\n"
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    env = await remote_env()
    listed = await run_git("config", "--list", env=env, timeout_seconds=_SECONDS, cwd=repository)
    assert "credential.helper=mine" in listed
    assert "core.sshcommand=ssh -F /x" in listed
    assert "alias.st" not in listed
    assert "/evil" not in listed
    assert env["HOME"] == os.environ["HOME"]


async def test_lent_credentials_answer_git_and_reach_no_other_helper(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stolen = tmp_path / "stolen"
    config = tmp_path / "gitconfig"
    config.write_text(f'[credential]\n\thelper = "!cat >> {stolen}; true"\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    question = tmp_path / "question"
    question.write_text("protocol=https\nhost=example.invalid\n\n")
    lent = await remote_env(("ann", "s3 $(cret)\"'"))
    env = aliased(lent, "fill", f"git credential fill < {question}")
    answer = await run_git("fill", env=env, timeout_seconds=_SECONDS, cwd=repository)
    assert "username=ann" in answer
    assert "password=s3 $(cret)\"'" in answer
    assert not stolen.exists()


async def test_a_lock_file_is_a_passing_trouble(repository: Path) -> None:
    (repository / ".git/index.lock").touch()
    (repository / "a").touch()
    with pytest.raises(GitPassing) as caught:
        await git("add", operands=("a",), cwd=repository)
    assert caught.value.facts["failure"] is Failure.LOCKED


async def test_a_time_out_ends_the_whole_group_and_is_passing(repository: Path) -> None:
    alive = repository / "alive"
    env = aliased(local_env(), "slow", f"echo $$ > {alive}; sleep 60")
    with pytest.raises(GitPassing) as caught:
        await run_git("slow", env=env, timeout_seconds=0.5, cwd=repository)
    assert caught.value.facts["failure"] is Failure.TIMED_OUT
    child = Path("/proc") / alive.read_text().strip() / "cmdline"
    assert not child.exists() or child.read_bytes() == b""


@pytest.mark.parametrize(
    ("words", "failure"),
    [
        ("fatal: unable to access 'https://x/': Could not resolve host: x", Failure.UNREACHABLE),
        ("fatal: unable to access 'https://x/': The requested URL returned error: 503", Failure.UNREACHABLE),
        ("fatal: unable to access 'https://x/': The requested URL returned error: 403", Failure.DENIED),
        ("fatal: repository 'https://x/' not found", Failure.NOT_FOUND),
        ("fatal: could not read Username for 'https://x': terminal prompts disabled", Failure.DENIED),
        ("Host key verification failed.\nfatal: Could not read from remote repository.", Failure.DENIED),
        ("ssh: connect to host x port 22: Connection refused", Failure.UNREACHABLE),
        ("error: unable to write file: No space left on device", Failure.DISK_FULL),
        (" ! [rejected]  main -> main (fetch first)", Failure.REJECTED),
        (" ! [remote rejected] main -> main (pre-receive hook declined)", Failure.DECLINED),
        ("fatal: Unable to create '/x/index.lock': File exists.", Failure.LOCKED),
        ("failed to lock file '/x/refs/heads/main.lock' for writing: ", Failure.LOCKED),
        ("fatal: detected dubious ownership in repository at '/x'", Failure.NOT_OURS),
        ("object not found - no match for id (1111)", Failure.DAMAGED),
        ("unknown object format 'sha256'", Failure.UNREADABLE),
        ("something nobody has seen", Failure.OTHER),
    ],
)
def test_failures_are_told_apart(words: str, failure: Failure) -> None:
    assert classify(words) is failure


async def test_a_full_disk_is_the_kernel_s_own_error(repository: Path) -> None:
    env = aliased(local_env(), "full", "cat /proc/version > /dev/full")
    with pytest.raises(DiskFull, match="free some space"):
        await run_git("full", env=env, timeout_seconds=_SECONDS, cwd=repository)


def test_complaints_are_one_line_without_credentials() -> None:
    text = "Cloning\nfatal: unable to access 'https://ann:secret@host/x.git/': oh.\nhint: more\n"
    assert readable(text) == "unable to access 'https://host/x.git/': oh"
