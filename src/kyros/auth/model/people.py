"""People, their passwords' rules, and what may change of them. Pure."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from kyros.auth.errors import PasswordRefused
from kyros.auth.model.principal import Principal, PrincipalKind, Role

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 256


@dataclass(frozen=True)
class Person:
    """`role` counts everywhere, None nowhere; `projects` gives roles in single ones. `version` grows with
    whatever ends access tokens given out before: role, projects, password, disabling. Times are RFC 3339."""

    name: str
    display_name: str
    email: str | None
    role: Role | None
    projects: Mapping[str, Role]
    password_hash: str = field(repr=False)
    version: int
    created_at: str
    updated_at: str
    disabled_at: str | None = None

    @property
    def principal(self) -> Principal:
        return Principal(self.name, self.role, PrincipalKind.PERSON, self.projects)

    @property
    def is_admin(self) -> bool:
        """One who may let in others, now."""
        return self.role is Role.ADMIN and self.disabled_at is None


@dataclass(frozen=True)
class NewPerson:
    name: str
    display_name: str
    email: str | None
    role: Role | None
    password: str = field(repr=False)


@dataclass(frozen=True)
class PersonChange:
    """Fields by name that are to become so: display_name, email, role, disabled."""

    fields: Mapping[str, object]

    def on(self, person: Person, at: str) -> Person:
        """The person as they shall be; their own equal when nothing changes."""
        plain = {name: value for name, value in self.fields.items() if name != "disabled"}
        changed = replace(person, **plain)  # type: ignore[arg-type]  # the door has typed them
        if "disabled" in self.fields and self.fields["disabled"] is not (person.disabled_at is not None):
            changed = replace(changed, disabled_at=at if self.fields["disabled"] else None)
        if changed == person:
            return person
        ends_access = (changed.role, changed.disabled_at) != (person.role, person.disabled_at)
        return replace(changed, version=person.version + ends_access, updated_at=at)


def normal_password(text: str) -> str:
    """The same password however the keyboard composed its letters."""
    return unicodedata.normalize("NFC", text)


def check_password(password: str, name: str) -> None:
    """Raises PasswordRefused. Length is what counts; no rule asks for odd signs."""
    length = len(normal_password(password))
    if not SHORTEST_PASSWORD <= length <= LONGEST_PASSWORD:
        raise PasswordRefused(
            f"A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters: "
            "several words make a good one."
        )
    if name in password.casefold() and length - len(name) < SHORTEST_PASSWORD // 2:
        raise PasswordRefused("The password is little more than the name: choose another.")
    if len(set(password)) < 5:
        raise PasswordRefused("The password repeats too few characters: choose another.")
