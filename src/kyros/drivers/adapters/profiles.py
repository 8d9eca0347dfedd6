"""Profiles from TOML files: those we ship, and the user's own, which may replace them by name."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from kyros.drivers.adapters import programs
from kyros.drivers.adapters.headless.dialects import DIALECTS
from kyros.drivers.errors import ProfileInvalid, ProfileNotFound
from kyros.drivers.model import (
    AcpSpec,
    ActionKind,
    ApprovalRule,
    HeadlessSpec,
    Profile,
    RuleAction,
    TerminalSignals,
    Tier,
)
from kyros.kernel.patterns import check_pattern

_SIZE_LIMIT_BYTES = 100_000


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Terminal(_Section):
    ready: str
    busy: str | None = None
    approval: str | None = None
    allow_keys: str = "y"
    deny_keys: str = "n"
    write_subject: str | None = None
    command_subject: str | None = None
    failed: str | None = None
    live_rows: int = Field(12, ge=1, le=200)
    submit_settle_ms: int = Field(50, ge=0, le=10_000)
    done_settle_ms: int = Field(300, ge=0, le=60_000)

    @field_validator("ready", "busy", "approval", "write_subject", "command_subject", "failed")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        return _compiled(pattern)

    @field_validator("write_subject", "command_subject")
    @classmethod
    def _has_group(cls, pattern: str | None) -> str | None:
        if pattern and re.compile(pattern).groups < 1:
            raise ValueError("needs a group (...) around the subject")
        return pattern


class _Headless(_Section):
    arguments: list[str]
    dialect: str
    prompt_on_stdin: bool = False

    @field_validator("dialect")
    @classmethod
    def _is_known(cls, dialect: str) -> str:
        if dialect not in DIALECTS:
            raise ValueError(f"must be one of {', '.join(sorted(DIALECTS))}")
        return dialect


class _Acp(_Section):
    arguments: list[str] = Field(default_factory=list)
    command: list[str] = Field(default_factory=list)
    files: bool = True
    terminals: bool = False
    start_seconds: float = Field(120, gt=0, le=3_600)
    drain_ms: int = Field(300, ge=0, le=10_000)
    mode: str | None = Field(None, min_length=1)
    model: str | None = Field(None, min_length=1)
    sign_in: str | None = Field(None, min_length=1)
    failed: str | None = None
    input_includes_cached: bool = False
    counts_whole_turn: bool = True
    tally: list[str] = Field(default_factory=list)
    environment: dict[str, str] = Field(default_factory=dict)

    @field_validator("environment")
    @classmethod
    def _sets_none_of_ours(cls, environment: dict[str, str]) -> dict[str, str]:
        return _not_ours(environment)

    @field_validator("failed")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        return _compiled(pattern)

    def to_spec(self) -> AcpSpec:
        return AcpSpec(
            **self.model_dump(exclude={"arguments", "command", "tally"}),
            arguments=tuple(self.arguments),
            command=tuple(self.command),
            tally=tuple(self.tally),
        )


class _Rule(_Section):
    action: RuleAction
    kind: ActionKind | None = None
    tool: str | None = Field(None, min_length=1)
    path: str | None = Field(None, min_length=1)
    command: str | None = Field(None, min_length=1)
    host: str | None = Field(None, min_length=1)

    @field_validator("command")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        return None if pattern is None else check_pattern(pattern)


class _File(_Section):
    title: str = Field(min_length=1, max_length=80)
    command: list[str] = Field(min_length=1)
    tiers: list[Tier] = Field(min_length=1)
    is_model: bool
    install_hint: str
    proven: bool = False
    version: int = Field(1, ge=1)
    env: list[str] = Field(default_factory=list)
    environment: dict[str, str] = Field(default_factory=dict)
    home: dict[str, Annotated[str, Field(max_length=64_000)]] = Field(default_factory=dict, max_length=20)
    usage_limit: str | None = Field(None, max_length=1_000)
    terminal: _Terminal | None = None
    headless: _Headless | None = None
    acp: _Acp | None = None
    approvals: list[_Rule] = Field(default_factory=list, max_length=200)

    @field_validator("home")
    @classmethod
    def _is_below(cls, files: dict[str, str]) -> dict[str, str]:
        for name in files:
            parts = PurePosixPath(name).parts
            if not parts or ".." in parts or parts[0] == "/" or name.endswith("/") or "\0" in name:
                raise ValueError(f"{name!r} is no path of a file below HOME")
        return files

    @field_validator("environment")
    @classmethod
    def _sets_none_of_ours(cls, environment: dict[str, str]) -> dict[str, str]:
        return _not_ours(environment)

    @field_validator("usage_limit")
    @classmethod
    def _has_group(cls, pattern: str | None) -> str | None:
        if pattern is not None and re.compile(_compiled(pattern) or "").groups < 1:
            raise ValueError("needs a group (...) around the time of the reset")
        return pattern

    @model_validator(mode="after")
    def _tiers_are_described(self) -> "_File":
        for tier in self.tiers:
            if getattr(self, tier.value) is None:
                raise ValueError(f"tiers names {tier.value}, but there is no [{tier.value}] section")
        return self

    def to_profile(self, name: str) -> Profile:
        return Profile(
            name=name,
            title=self.title,
            command=tuple(self.command),
            tiers=tuple(self.tiers),
            is_model=self.is_model,
            install_hint=self.install_hint,
            env=tuple(self.env),
            environment=self.environment,
            home=self.home,
            usage_limit=self.usage_limit,
            terminal=TerminalSignals(**self.terminal.model_dump()) if self.terminal else None,
            headless=HeadlessSpec(**self.headless.model_dump()) if self.headless else None,
            acp=self.acp.to_spec() if self.acp else None,
            approvals=tuple(ApprovalRule(**rule.model_dump()) for rule in self.approvals),
            version=self.version,
            is_proven=self.proven,
        )


def _not_ours(environment: dict[str, str]) -> dict[str, str]:
    ours = next((name for name in environment if name.startswith("KYROS_")), None)
    if ours is not None:
        raise ValueError(f"{ours} is Kyros's own, by which it finds what it started: remove it")
    return environment


def _compiled(pattern: str | None) -> str | None:
    try:
        re.compile(pattern or "", re.MULTILINE)
    except re.error as error:
        raise ValueError(f"is no regular expression ({error})") from error
    return pattern


@dataclass(frozen=True)
class TomlProfiles:
    """Read once. A file that cannot be used spoils only its own name; `problems` says what is wrong."""

    profiles: Mapping[str, Profile]
    problems: Mapping[str, ProfileInvalid]

    def get(self, name: str) -> Profile:
        """Raises ProfileNotFound, or ProfileInvalid when its file is the reason."""
        if name in self.problems:
            raise self.problems[name]
        if name not in self.profiles:
            known = ", ".join(sorted(self.profiles))
            raise ProfileNotFound(
                f"There is no agent profile {name!r}; known ones: {known}. "
                "Add your own as profiles/NAME.toml under the home.",
                profile=name,
            )
        return self.profiles[name]

    def all(self) -> Sequence[Profile]:
        return [self.profiles[name] for name in sorted(self.profiles)]

    def find_program(self, profile: Profile) -> str | None:
        return next(iter(self.find_command(profile)), None)

    def find_command(self, profile: Profile) -> Sequence[str]:
        return programs.find_command(profile)


def load_profiles(folder: Path | None = None) -> TomlProfiles:
    """The shipped profiles, and those in `folder` (the home's `profiles`), which need not exist."""
    profiles: dict[str, Profile] = {}
    problems: dict[str, ProfileInvalid] = {}
    shipped = resources.files("kyros.drivers") / "profiles"
    for file in [*_toml_files(shipped), *(_toml_files(folder) if folder and folder.is_dir() else [])]:
        name = file.name.removesuffix(".toml")
        problems.pop(name, None)
        try:
            profiles[name] = _read(name, file)
        except ProfileInvalid as problem:
            profiles.pop(name, None)
            problems[name] = problem
    return TomlProfiles(profiles, problems)


def _toml_files(folder: Traversable | Path) -> list[Traversable | Path]:
    return sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda file: file.name)


def _read(name: str, file: Traversable | Path) -> Profile:
    try:
        raw = file.read_bytes()
        if len(raw) > _SIZE_LIMIT_BYTES:
            raise ProfileInvalid(f"{file} is too large for a profile: keep it under 100 KB.")
        return _File.model_validate(tomllib.loads(raw.decode("utf-8"))).to_profile(name)
    except OSError as error:
        raise ProfileInvalid(f"{file} cannot be read ({error.strerror}): mend its permissions.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProfileInvalid(f"{file} is not TOML ({error}): mend that line, or remove the file.") from error
    except ValidationError as error:
        raise ProfileInvalid(f"{file}: {_first_fault(error)} See docs/reference/profiles.md.") from error


def _first_fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    key = ".".join(str(part) for part in fault["loc"]) or "the file"
    said = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        return f"{key} is not a key of a profile: remove it or mend its spelling."
    if fault["type"] == "missing":
        return f"{key} is missing: add it."
    return f"{key}: {said}."
