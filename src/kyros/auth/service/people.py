"""Letting people in and out: who they are, what they may, their passwords."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from kyros.auth.errors import (
    FirstPersonNotAdmin,
    LastAdmin,
    NameTaken,
    NotAllowed,
    PasswordWrong,
    PersonNotFound,
)
from kyros.auth.model import (
    NewPerson,
    Person,
    PersonChange,
    Principal,
    PrincipalKind,
    Role,
    check_name,
    check_password,
)
from kyros.auth.ports import AuthStore, Ledger, Passwords
from kyros.auth.service.throttle import Throttle
from kyros.events.model import NewEvent
from kyros.kernel.clock import to_text


class People:
    """The doors check who may call this; here stands what may become of people."""

    def __init__(self, store: AuthStore, passwords: Passwords, throttle: Throttle) -> None:
        self._store, self._passwords, self._throttle = store, passwords, throttle

    async def exist(self) -> bool:
        """False before the first admin was made."""
        return await self._store.read(lambda ledger: ledger.has_people())

    async def get(self, name: str) -> Person:
        """Raises PersonNotFound."""
        return await self._store.read(lambda ledger: _get(ledger, name))

    async def page(self, after: str, limit: int) -> Sequence[Person]:
        """By name."""
        return await self._store.read(lambda ledger: ledger.people(after, limit))

    async def add(self, new: NewPerson, actor: str) -> Person:
        """Raises NameRefused, NameTaken, PasswordRefused, FirstPersonNotAdmin, SignInBusy."""
        check_name(new.name)
        check_password(new.password, new.name)
        await self._store.read(lambda ledger: _check_new(ledger, new))
        hashed = await self._passwords.hash(new.password)
        return await self._store.write(lambda ledger: _add(ledger, new, hashed, actor))

    async def change(self, name: str, change: PersonChange, actor: str) -> Person:
        """Raises PersonNotFound, LastAdmin."""
        return await self._store.write(lambda ledger: _change(ledger, name, change, actor))

    async def join(self, name: str, project_id: str, role: Role, actor: str) -> Person:
        """A role in one project, in place of the one they may have there. Raises PersonNotFound."""
        told = NewEvent("person_joined", actor, name, {"project_id": project_id, "role": role.value})
        return await self._share(name, lambda projects: {**projects, project_id: role}, told)

    async def leave(self, name: str, project_id: str, actor: str) -> Person:
        """Not being there is fine. Raises PersonNotFound."""
        told = NewEvent("person_left", actor, name, {"project_id": project_id})
        return await self._share(
            name,
            lambda projects: {other: role for other, role in projects.items() if other != project_id},
            told,
        )

    async def set_password(self, name: str, password: str, actor: str) -> None:
        """Ends every session of theirs. Raises PersonNotFound, PasswordRefused, SignInBusy."""
        check_password(password, name)
        await self.get(name)
        hashed = await self._passwords.hash(password)
        await self._store.write(lambda ledger: _set_password(ledger, name, hashed, actor))

    async def change_own_password(self, principal: Principal, old: str, new: str, address: str) -> None:
        """Ends every session of theirs, this one too. Raises PasswordWrong, PasswordRefused, NotAllowed,
        TooManyRequests, SignInBusy."""
        if principal.kind is not PrincipalKind.PERSON:
            raise NotAllowed("Only people have passwords: sign in with your name first.", right=None)
        self._throttle.begin(principal.name, address)
        person = await self.get(principal.name)
        if not await self._passwords.verify(old, person.password_hash):
            raise PasswordWrong("The old password is wrong.")
        self._throttle.succeeded(principal.name, address)
        await self.set_password(principal.name, new, principal.name)

    async def _share(
        self, name: str, share: Callable[[Mapping[str, Role]], Mapping[str, Role]], told: NewEvent
    ) -> Person:
        def work(ledger: Ledger) -> Person:
            person = _get(ledger, name)
            projects = share(person.projects)
            if projects == person.projects:
                return person
            changed = replace(person, projects=projects, version=person.version + 1)
            return _put(ledger, changed, told)

        return await self._store.write(work)


def _get(ledger: Ledger, name: str) -> Person:
    person = ledger.person(name)
    if person is None:
        raise PersonNotFound(
            f"There is nobody called {name[:80]}: `kyros person list` shows who there is.", name=name[:80]
        )
    return person


def _check_new(ledger: Ledger, new: NewPerson) -> None:
    if ledger.kind_of(new.name) is not None:
        raise NameTaken(f"The name {new.name} is, or was, somebody's: choose another.", name=new.name)
    if new.role is not Role.ADMIN and not ledger.has_people():
        raise FirstPersonNotAdmin(
            "The first person must be an admin, to let in the others: give the role admin."
        )


def _add(ledger: Ledger, new: NewPerson, hashed: str, actor: str) -> Person:
    _check_new(ledger, new)
    at = to_text(ledger.now)
    person = Person(new.name, new.display_name, new.email, new.role, {}, hashed, 1, at, at)
    ledger.take_name(new.name, PrincipalKind.PERSON)
    told = NewEvent("person_added", actor, new.name, {"role": new.role and new.role.value})
    return _put(ledger, person, told)


def _change(ledger: Ledger, name: str, change: PersonChange, actor: str) -> Person:
    person = _get(ledger, name)
    changed = change.on(person, to_text(ledger.now))
    if changed == person:
        return person
    if person.is_admin and not changed.is_admin and list(ledger.admins()) == [name]:
        raise LastAdmin(f"{name} is the last admin: make somebody else one first.")
    if changed.disabled_at is not None and person.disabled_at is None:
        ledger.end_sessions_of(name)
    details = {
        "fields": sorted(change.fields),
        "role": changed.role and changed.role.value,
        "disabled": changed.disabled_at is not None,
    }
    return _put(ledger, changed, NewEvent("person_changed", actor, name, details))


def _set_password(ledger: Ledger, name: str, hashed: str, actor: str) -> None:
    person = _get(ledger, name)
    ledger.end_sessions_of(name)
    changed = replace(person, password_hash=hashed, version=person.version + 1)
    _put(ledger, changed, NewEvent("person_password_set", actor, name))


def _put(ledger: Ledger, person: Person, told: NewEvent) -> Person:
    person = replace(person, updated_at=to_text(ledger.now))
    ledger.put_person(person)
    ledger.tell(told)
    ledger.changed()
    return person
