"""What a person names as a repository: an absolute path or an address. Pure text, nothing is touched."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from kyros.forge.errors import RepositoryNotFound

_SCHEMES = ("https", "http", "ssh", "git", "file")
_SCP = re.compile(r"(?:(?P<user>[\w.+-]+)@)?(?P<host>[A-Za-z0-9][\w.-]*):(?P<path>[^:].*)")
_HELPER = re.compile(r"\w[\w+.-]*::")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NAME_LIMIT = 60


@dataclass(frozen=True)
class Address:
    """A repository that git reaches over the network. `url` carries no secret; `credentials` (user,
    password) were in what the person wrote, are handed to git, and are kept nowhere."""

    url: str
    name: str
    credentials: tuple[str, str] | None = None

    @property
    def spellings(self) -> tuple[str, ...]:
        """`…/app` and `…/app.git` are one repository to every host we know."""
        return (self.url, self.url.removesuffix(".git") if self.url.endswith(".git") else f"{self.url}.git")


def parse_source(text: str) -> Path | Address:
    """Raises RepositoryNotFound for what is neither, without ever repeating credentials."""
    if not text or text.startswith("-") or _CONTROL.search(text) or _HELPER.match(text):
        raise _neither()
    if text.startswith("/"):
        return Path(text)
    if "://" in text:
        return _parse_url(text)
    if match := _SCP.fullmatch(text):
        return _scp_address(match)
    if text.startswith("~"):
        raise RepositoryNotFound("A path is not expanded here: give the whole of it instead of `~`.")
    raise _neither()


def name_of(path: str) -> str:
    """A project's name from the last part of a path or address."""
    last = path.rstrip("/").rpartition("/")[2].rpartition(":")[2].removesuffix(".git")
    return re.sub(r"[^A-Za-z0-9._-]+", "-", last)[:_NAME_LIMIT].strip("-.") or "project"


def _parse_url(text: str) -> Path | Address:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise _neither() from error
    scheme, host = parts.scheme.lower(), (parts.hostname or "").lower()
    if scheme not in _SCHEMES or parts.query or parts.fragment or host.startswith("-"):
        raise _neither()
    if scheme == "file":
        if host not in ("", "localhost") or _CONTROL.search(unquote(parts.path)):
            raise _neither()
        return Path(unquote(parts.path))
    path = parts.path.rstrip("/")
    if not host or not path or path.startswith("/-"):
        raise _neither()
    user = f"{parts.username}@" if scheme == "ssh" and parts.username else ""
    if user.startswith("-"):
        raise _neither()
    where = f"[{host}]" if ":" in host else host
    url = f"{scheme}://{user}{where}{f':{port}' if port else ''}{path}"
    return Address(url, name_of(path), _credentials(scheme, parts.username, parts.password))


def _credentials(scheme: str, user: str | None, password: str | None) -> tuple[str, str] | None:
    if scheme not in ("http", "https") or user is None:
        return None
    lent = (unquote(user), unquote(password or ""))
    if any(_CONTROL.search(part) for part in lent):
        raise _neither()
    return lent


def _scp_address(match: re.Match[str]) -> Address:
    user, host, path = match["user"], match["host"].lower(), match["path"].rstrip("/")
    if not path or path.startswith("-") or (user or "").startswith("-"):
        raise _neither()
    return Address(f"{f'{user}@' if user else ''}{host}:{path}", name_of(path))


def _neither() -> RepositoryNotFound:
    return RepositoryNotFound(
        "That is neither an absolute path nor an address of a git repository: "
        "give /path/to/it, https://host/it, ssh://host/it or git@host:it."
    )
