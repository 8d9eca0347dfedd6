"""The server as the command line calls it: address, token, and its refusals as sentences."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2

from kyros.entrypoints.cli.failures import Refused, Unreachable, Usage
from kyros.kernel.settings import read_settings


def address_of(home: Path) -> str:
    """KYROS_URL, else where the server of this home said it listens."""
    if url := os.environ.get("KYROS_URL"):
        return url.rstrip("/")
    try:
        return (home / "run" / "address").read_text().strip()
    except OSError:
        settings = read_settings(home)
        return f"http://{settings.host}:{settings.port}"


def token_of(home: Path) -> str:
    if token := os.environ.get("KYROS_TOKEN"):
        return token
    if os.environ.get("KYROS_URL"):
        raise Usage("KYROS_URL is set, KYROS_TOKEN is not: this home's token is not sent to another server.")
    try:
        return (home / "operator.token").read_text().strip()
    except OSError as error:
        raise Unreachable(
            f"There is no token at {home / 'operator.token'}: start Kyros with `kyros up`, "
            "or set KYROS_URL and KYROS_TOKEN to reach another one."
        ) from error


def part(name: str) -> str:
    """What somebody typed, as one part of an address. Raises Refused for what would name another address."""
    if name in ("", ".", ".."):
        raise Refused(f"There is nothing named {name!r}.", status=404, code="not_found")
    return quote(name, safe="")


@dataclass(frozen=True)
class Message:
    """One of a stream: `event` is its kind (`message` for the plain ones), `id` how to go on after it.
    Without data it only says how far the stream is."""

    id: str
    event: str
    data: str


class Client:
    def __init__(self, home: Path, timeout_seconds: float = 120) -> None:
        self.address = address_of(home)
        self.headers = {"Authorization": f"Bearer {token_of(home)}"}
        self._http = httpx2.Client(
            base_url=self.address,
            headers=self.headers,
            timeout=httpx2.Timeout(timeout_seconds, connect=min(5, timeout_seconds)),
            trust_env=False,
        )

    def get(self, path: str, **query: object) -> Any:
        return self._said(self._call("GET", path, params=_given(query)))

    def text(self, path: str) -> str:
        return self._call("GET", path).text

    def post(self, path: str, body: object = None, **headers: str) -> Any:
        return self._said(self._call("POST", path, json=body, headers=headers))

    def patch(self, path: str, body: object, **headers: str) -> Any:
        return self._said(self._call("PATCH", path, json=body, headers=headers))

    def delete(self, path: str) -> Any:
        return self._said(self._call("DELETE", path))

    def put(self, path: str, body: object, **headers: str) -> Any:
        return self._said(self._call("PUT", path, json=body, headers=headers))

    def stream(self, path: str) -> Iterator[tuple[str, str]]:
        """(event, data) of a server-sent stream, to its end."""
        try:
            with self._http.stream("GET", path, timeout=httpx2.Timeout(None, connect=5)) as answer:
                if answer.status_code >= 400:
                    answer.read()
                    raise refusal_of(answer.status_code, answer.content)
                yield from _events(answer.iter_lines())
        except httpx2.TransportError as error:
            raise self.unreachable(error) from error

    def messages(self, path: str, query: Mapping[str, object], silence_seconds: float) -> Iterator[Message]:
        """A server-sent stream whose messages have ids, to its end. A server that is silent for so long
        counts as unreachable."""
        timeout = httpx2.Timeout(silence_seconds, connect=5)
        try:
            with self._http.stream("GET", path, params=_given(query), timeout=timeout) as answer:
                if answer.status_code >= 400:
                    answer.read()
                    raise refusal_of(answer.status_code, answer.content)
                yield from _messages(answer.iter_lines())
        except httpx2.TransportError as error:
            raise self.unreachable(error) from error

    def close(self) -> None:
        self._http.close()

    def _call(self, method: str, path: str, **rest: Any) -> httpx2.Response:
        try:
            answer = self._http.request(method, path, **rest)
        except httpx2.TransportError as error:
            raise self.unreachable(error) from error
        if answer.status_code >= 400:
            raise refusal_of(answer.status_code, answer.content)
        if answer.has_redirect_location:  # an empty name in the path: Kyros itself sends nobody on
            raise Refused(f"There is nothing at {path}.", status=404, code="not_found")
        return answer

    def _said(self, answer: httpx2.Response) -> Any:
        try:
            return answer.json()
        except ValueError as error:
            raise Unreachable(
                f"What answers at {self.address} is no Kyros: check KYROS_URL, which names the server alone, "
                "without a path."
            ) from error

    def unreachable(self, error: Exception) -> Unreachable:
        return Unreachable(
            f"No Kyros answers at {self.address} ({error}): start one with `kyros up`, "
            "or point KYROS_URL at it."
        )


def _given(query: Mapping[str, object]) -> dict[str, str | list[str]]:
    """Without what is None; of a list each."""
    return {
        name: [str(one) for one in value] if isinstance(value, list) else str(value)
        for name, value in query.items()
        if value is not None
    }


def refusal_of(status: int, body: bytes) -> Refused:
    """A problem as the error it stands for."""
    try:
        problem = json.loads(body)
        detail, code = problem["detail"], problem["code"]
    except (ValueError, KeyError, TypeError):
        detail, code = f"The server answered {status}.", "unknown"
    return Refused(detail, status=status, code=code)


def _events(lines: Iterator[str]) -> Iterator[tuple[str, str]]:
    event = "message"
    data: list[str] = []
    for line in lines:
        if not line:
            if data:
                yield event, "\n".join(data)
            event, data = "message", []
            continue
        field, _, value = line.partition(":")
        if field == "event":
            event = value.strip()
        elif field == "data":
            data.append(value.removeprefix(" "))


def _messages(lines: Iterator[str]) -> Iterator[Message]:
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        if name:
            fields[name] = value.removeprefix(" ")
        elif not line:
            if "id" in fields:
                yield Message(fields["id"], fields.get("event", "message"), fields.get("data", ""))
            fields = {}
