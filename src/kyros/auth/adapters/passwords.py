"""Argon2id, off the event loop, a few at a time: each hash takes 64 MiB and tens of milliseconds."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher

from kyros.auth.errors import SignInBusy
from kyros.auth.model import normal_password

T = TypeVar("T")
_AT_ONCE = 2
_WAITING = 32


class ArgonPasswords:
    """The Passwords port."""

    def __init__(self, hasher: Argon2Hasher | None = None) -> None:
        self._hasher = PasswordHash((hasher or Argon2Hasher(),))
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._inside = 0
        self._nobodys: str | None = None

    async def hash(self, password: str) -> str:
        return await self._run(lambda: self._hasher.hash(normal_password(password)))

    async def verify(self, password: str, hashed: str | None) -> bool:
        return await self._run(lambda: self._verify(normal_password(password), hashed))

    def _verify(self, password: str, hashed: str | None) -> bool:
        """Where there is no hash, one of a password that nobody has takes its place: the work is the same."""
        if self._nobodys is None:
            self._nobodys = self._hasher.hash("a password that nobody has")
        try:
            matches = self._hasher.verify(password, hashed or self._nobodys)
        except UnknownHashError:
            return False
        return matches and hashed is not None

    async def _run(self, work: Callable[[], T]) -> T:
        if self._inside >= _WAITING:
            raise SignInBusy("Many are signing in at this moment: try again in a few seconds.")
        self._inside += 1
        try:
            async with self._slots:
                return await asyncio.to_thread(work)
        finally:
            self._inside -= 1
