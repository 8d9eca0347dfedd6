"""Two files of the home, each one secret, made once, readable by their owner alone:
`operator.token`, and `auth.key`, which signs access tokens."""

import errno
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from kyros.auth.errors import TokenFileMissing, TokenFileRefused
from kyros.auth.ports import SigningKey
from kyros.kernel.errors import DiskFull

_TOKEN = re.compile(r"kyros_[A-Za-z0-9_-]{43}")
_KEY = re.compile(r"[0-9a-f]{64}")


def new_token() -> str:
    """256 random bits; the prefix lets secret scanners know it."""
    return f"kyros_{secrets.token_urlsafe(32)}"


class SecretFile:
    """Reads and, at first start, writes the file. Every refusal says how to mend it."""

    def __init__(self, path: Path, shape: re.Pattern[str], new_secret: Callable[[], str], what: str) -> None:
        self.path = path
        self._shape, self._new_secret, self._what = shape, new_secret, what

    def ensure(self) -> str:
        """The secret, made now if there is none yet: two that start at once agree on one.
        Raises TokenFileRefused, DiskFull."""
        try:
            return self.read()
        except TokenFileMissing:
            self._write_once()
            return self.read()

    def read(self) -> str:
        """Raises TokenFileMissing, TokenFileRefused."""
        try:
            file = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise TokenFileMissing(
                f"There is no {self._what} at {self.path}: start Kyros once with `kyros up`, "
                "or set KYROS_TOKEN."
            ) from error
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise self._refusal(
                    "is a symbolic link", f"remove it; the next start writes a new {self._what}"
                ) from error
            raise self._refusal(f"cannot be read ({error.strerror})", "mend its permissions") from error
        try:
            self._check(os.fstat(file))
            return self._parsed(os.read(file, 256))
        finally:
            os.close(file)

    def _check(self, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise self._refusal("is not a file", f"remove it; the next start writes a new {self._what}")
        if status.st_uid != os.geteuid():
            raise self._refusal("belongs to another user", "run Kyros as its owner, or remove it")
        if status.st_mode & 0o077:
            raise self._refusal(
                f"is open to other users (mode {stat.S_IMODE(status.st_mode):04o})",
                f"remove it if somebody may have read it (the next start writes a new {self._what}), "
                f"else `chmod 600 {self.path}`",
            )

    def _parsed(self, content: bytes) -> str:
        secret = content.decode(errors="replace").strip()
        if not self._shape.fullmatch(secret):
            raise self._refusal(f"holds no {self._what}", "remove it; the next start writes a new one")
        return secret

    def _write_once(self) -> None:
        """Whole or absent, and never over another's."""
        try:
            with tempfile.NamedTemporaryFile(dir=self.path.parent, prefix=f".{self.path.name}.") as file:
                file.write(f"{self._new_secret()}\n".encode())
                file.flush()
                os.fsync(file.fileno())
                with suppress(FileExistsError):
                    os.link(file.name, self.path)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise DiskFull(
                    f"The disk that holds {self.path} is full: free some space, then start again."
                ) from error
            raise self._refusal(
                f"cannot be written ({error.strerror})", "mend the home's permissions"
            ) from error

    def _refusal(self, what: str, remedy: str) -> TokenFileRefused:
        return TokenFileRefused(f"{self.path} {what}: {remedy}.", path=str(self.path))


class OperatorToken(SecretFile):
    """`operator.token`."""

    def __init__(self, home: Path, new_token: Callable[[], str] = new_token) -> None:
        super().__init__(home / "operator.token", _TOKEN, new_token, "token")


class SigningKeyFile:
    """`auth.key`, for an installation of one server."""

    def __init__(self, home: Path) -> None:
        self._file = SecretFile(home / "auth.key", _KEY, lambda: secrets.token_hex(32), "key")
        self.path = self._file.path

    def ensure(self) -> SigningKey:
        """Raises TokenFileRefused, DiskFull."""
        secret = bytes.fromhex(self._file.ensure())
        return SigningKey(sha256(b"kyros key id" + secret).hexdigest()[:16], secret)
