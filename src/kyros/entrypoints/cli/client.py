"""The server as the command line calls it: address, token, and its refusals as sentences."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

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


class Client:
    def __init__(self, home: Path) -> None:
        self.address = address_of(home)
        self._http = httpx2.Client(
            base_url=self.address,
            headers={"Authorization": f"Bearer {token_of(home)}"},
            timeout=httpx2.Timeout(120, connect=5),
            trust_env=False,
        )

    def get(self, path: str, **query: object) -> Any:
        return self._call("GET", path, params=_given(query)).json()

    def text(self, path: str) -> str:
        return self._call("GET", path).text

    def post(self, path: str, body: object = None, **headers: str) -> Any:
        return self._call("POST", path, json=body, headers=headers).json()

    def put(self, path: str, body: object) -> Any:
        return self._call("PUT", path, json=body).json()

    def stream(self, path: str) -> Iterator[tuple[str, str]]:
        """(event, data) of a server-sent stream, to its end."""
        try:
            with self._http.stream("GET", path, timeout=httpx2.Timeout(None, connect=5)) as answer:
                if answer.status_code >= 400:
                    answer.read()
                    raise _refusal(answer)
                yield from _events(answer.iter_lines())
        except httpx2.TransportError as error:
            raise self._unreachable(error) from error

    def _call(self, method: str, path: str, **rest: Any) -> httpx2.Response:
        try:
            answer = self._http.request(method, path, **rest)
        except httpx2.TransportError as error:
            raise self._unreachable(error) from error
        if answer.status_code >= 400:
            raise _refusal(answer)
        return answer

    def _unreachable(self, error: Exception) -> Unreachable:
        return Unreachable(
            f"No Kyros answers at {self.address} ({error}): start one with `kyros up`, "
            "or point KYROS_URL at it."
        )


def _given(query: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in query.items() if value is not None}


def _refusal(answer: httpx2.Response) -> Refused:
    try:
        problem = answer.json()
        detail, code = problem["detail"], problem["code"]
    except (ValueError, KeyError, TypeError):
        detail, code = f"The server answered {answer.status_code}.", "unknown"
    return Refused(detail, status=answer.status_code, code=code)


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
