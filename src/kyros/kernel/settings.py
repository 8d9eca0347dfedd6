"""Every setting of an installation: read once at the edge, passed in everywhere else."""

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from kyros.kernel.errors import Invalid

_RATE = r"^[1-9][0-9]{0,8}/(second|minute|hour)$"


def default_home() -> Path:
    """`.kyros` in the user's data directory (XDG_DATA_HOME, else ~/.local/share)."""
    data = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(data).expanduser() / ".kyros"


class SettingsRefused(Invalid):
    """A variable cannot be used as it is."""

    code = "settings_refused"


def read_settings(home: Path | None = None) -> "Settings":
    """From the environment and from `.env` in the home; the environment wins. Raises SettingsRefused.

    The home is its real path: links in it would lead nowhere in a sandbox. No file of the working folder is
    read: that may be anybody's repository.
    """
    chosen = (home or Path(os.environ.get("KYROS_HOME") or default_home())).expanduser().resolve()
    try:
        read = Settings(_env_file=chosen / ".env")
    except (ValidationError, SettingsError) as error:
        if isinstance(error, SettingsError):
            raise SettingsRefused(f"A setting cannot be read: {error}.") from error
        fault = error.errors()[0]
        name = f"KYROS_{fault['loc'][0]}".upper()
        raise SettingsRefused(f"{name} cannot be {fault['input']!r}: {fault['msg']}.") from error
    return read.model_copy(update={"home": chosen})


class Settings(BaseSettings):
    """Environment variables begin with KYROS_. `read_settings` is the way to them."""

    model_config = SettingsConfigDict(
        env_prefix="KYROS_", env_file=None, env_file_encoding="utf-8", extra="ignore", frozen=True
    )

    home: Path = Field(default_factory=default_home, description="Where all data lives.")
    database_url: SecretStr = Field(
        SecretStr(""), description="PostgreSQL's address, a secret; empty for SQLite in the home."
    )
    host: str = Field("127.0.0.1", description="Address the server binds.")
    port: int = Field(8000, ge=0, le=65535, description="Port the server binds; 0 takes a free one.")
    allowed_hosts: list[str] = Field(
        default_factory=list, description="Host names served beside localhost and the bind address."
    )
    allowed_origins: list[str] = Field(
        default_factory=list, description="Browser origins accepted beside the server's own."
    )
    redis_url: SecretStr = Field(
        SecretStr(""), description="Redis' address, a secret: several servers count requests together."
    )
    rate_read: str = Field(
        "6000/minute", pattern=_RATE, description="Requests that only look, of one caller."
    )
    rate_write: str = Field("3000/minute", pattern=_RATE, description="Requests that change, of one caller.")
    rate_sign_in: str = Field("10/minute", pattern=_RATE, description="Sign-ins from one address.")
    agent: str = Field("playbook", description="Profile that works on a task when none is named.")
    agent_timeout_seconds: float = Field(1800, gt=0, description="Longest turn of an agent.")
    approval_seconds: float = Field(
        3600, gt=0, le=2_592_000, description="How long an approval waits for a person; then it is a no."
    )
    agent_env: list[str] = Field(
        default_factory=list, description="More environment variables an agent may see, by name."
    )
    sandbox: Literal["auto", "bubblewrap", "off"] = Field(
        "auto", description="Agents and checks in bubblewrap: where it works (auto), always, or off."
    )
    sandbox_readable: list[Path] = Field(
        default_factory=list, description="More folders a sandbox shows, read-only."
    )
    agent_network: bool = Field(True, description="Whether a sandbox has the network.")
    agent_memory_bytes: int = Field(
        4 * 1024**3, ge=0, description="Memory of all processes of a turn or check together; 0 is no limit."
    )
    agent_processes: int = Field(1024, ge=0, description="Processes of a turn or check; 0 is no limit.")
    agent_cpu_seconds: int = Field(
        0, ge=0, description="Processor time of a turn or check over all its processes; 0 is no limit."
    )
    agent_open_files: int = Field(
        16_384, ge=0, description="Files one process may have open; 0 is no limit of ours."
    )
    agent_file_bytes: int = Field(
        16 * 1024**3, ge=0, description="Largest file a process may write; 0 is no limit."
    )
    check_timeout_seconds: float = Field(900, gt=0, description="Longest run of a project's checks.")
    keep_recordings_days: float = Field(
        90, ge=0, description="Days that recordings and transcripts of ended runs are kept; 0 is for ever."
    )
    keep_recordings_bytes: int = Field(
        10 * 1024**3, ge=0, description="Bytes of recordings and transcripts kept, oldest go first; 0 is all."
    )
    worker_slots: int = Field(4, ge=1, le=64, description="Runs one worker carries at a time.")
    pool_size: int = Field(
        1, ge=0, le=16, description="Sessions kept ready for each agent and project used lately."
    )
    pool_max: int = Field(
        0, ge=0, le=256, description="Live sessions of one worker; 0 is KYROS_WORKER_SLOTS + KYROS_POOL_SIZE."
    )
    pool_queue: int = Field(100, ge=1, le=10_000, description="How many may wait for a session.")
    pool_queue_ms: int = Field(10_000, ge=0, description="How long an execution waits when it does not say.")
    pool_idle_seconds: float = Field(600, gt=0, description="How long ready sessions outlive the last use.")
    pool_start_seconds: float = Field(120, gt=0, description="Longest start of an agent's program.")
    worktree_spare: int = Field(4, ge=0, le=64, description="Free worktrees a project keeps.")
    worktree_bytes: int = Field(
        2_000_000_000, ge=0, description="Bytes of files in the free worktrees of a project."
    )
    run_attempts: int = Field(4, ge=1, le=20, description="Tries of a step that fails for a passing cause.")
    lease_ttl_seconds: float = Field(15, gt=0.5, description="How long a silent holder keeps a lease.")
    event_file: Literal["auto", "on", "off"] = Field(
        "auto", description="Copy events to events.jsonl: on, off, or auto: with SQLite only."
    )
    event_file_bytes: int = Field(
        64 * 1024 * 1024, ge=4096, description="Size at which events.jsonl becomes a segment."
    )
    event_chain: bool = Field(
        True, description="Each line of events.jsonl bears the digest of the one before."
    )
    event_keep: int = Field(
        0, ge=0, description="Events the database keeps once they are in events.jsonl; 0 is all."
    )
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")
