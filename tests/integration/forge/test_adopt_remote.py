"""Adopting over the network: a real HTTP server in front of git's own backend."""

import base64
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from kyros.forge.adapters.builtin import BuiltinForge
from kyros.forge.errors import RepositoryEmpty, RepositoryNotFound, UpstreamRefused
from kyros.forge.model import Commit
from kyros.infra.git import local_env

FIRST = Commit("Hand over\n", "Kyros", "kyros@example.invalid", 1_700_000_100)
SECRET = "s3cr:et@/"  # pragma: allowlist secret


class Hub:
    """Repositories in `root` under http; with `password` set, only for user `ann`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.password = ""
        self.requests = 0
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, name: str, user: str = "") -> str:
        return f"http://{f'{user}@' if user else ''}127.0.0.1:{self.server.server_port}/{name}"

    def refuses(self, header: str | None) -> bool:
        wanted = base64.b64encode(f"ann:{self.password}".encode()).decode()
        return bool(self.password) and header != f"Basic {wanted}"

    def answer(self, environment: dict[str, str], body: bytes) -> bytes:
        fixed = {"GIT_PROJECT_ROOT": str(self.root), "GIT_HTTP_EXPORT_ALL": "1", "REMOTE_USER": "ann"}
        done = subprocess.run(
            ["git", "http-backend"], env=local_env() | fixed | environment, input=body, capture_output=True,
            check=True,
        )  # fmt: skip
        return done.stdout

    def _handler(hub) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - `self` is the handler's below
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hub.requests += 1
                if hub.refuses(self.headers["Authorization"]):
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", 'Basic realm="hub"')
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                path, _, query = self.path.partition("?")
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                out = hub.answer(
                    {
                        "PATH_INFO": path,
                        "QUERY_STRING": query,
                        "REQUEST_METHOD": self.command,
                        "CONTENT_TYPE": self.headers["Content-Type"] or "",
                        "CONTENT_LENGTH": str(len(body)),
                        "HTTP_CONTENT_ENCODING": self.headers["Content-Encoding"] or "",
                        "HTTP_GIT_PROTOCOL": self.headers["Git-Protocol"] or "",
                    },
                    body,
                )
                head, _, content = out.partition(b"\r\n\r\n")
                lines = dict(line.split(": ", 1) for line in head.decode().splitlines())
                self.send_response(int(lines.pop("Status", "200").split()[0]))
                for name, value in lines.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def do_POST(self) -> None:
                self.do_GET()

            def log_message(self, *_: object) -> None:
                return

        return Handler


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    hub = Hub(tmp_path / "hub")
    yield hub
    hub.server.shutdown()
    hub.server.server_close()


@pytest.fixture
def team(hub: Hub, clone: Any, make_clone: Any) -> Any:
    """app.git on the hub, with the clone's `main` and a tag, and open to pushes."""
    team = make_clone("hub/app.git", "--bare")
    team.git("config", "http.receivepack", "true")
    clone.git("tag", "v1")
    clone.git("push", "--quiet", "--tags", str(team.path), "main")
    return team


async def test_an_address_is_adopted_and_brought_up_to_date(
    forge: BuiltinForge, hub: Hub, team: Any, clone: Any
) -> None:
    adopted = await forge.adopt(hub.url("app.git"))
    project = adopted.project
    assert (project.name, project.default_base, project.source) == ("app", "main", hub.url("app.git"))
    sha = clone.commit({"b": "2"})
    clone.git("push", "--quiet", str(team.path), "main", "main:other")
    assert (await forge.adopt(hub.url("app.git"))).project == project
    assert await forge.head_of(project.id, "main") == sha
    branch = await forge.open_branch(project.id, "feature/x", "other", {"TASK.md": b"do"}, FIRST)
    assert branch.base_sha == sha


async def test_spellings_of_one_address_are_one_project(forge: BuiltinForge, hub: Hub, team: Any) -> None:
    del team
    one = await forge.adopt(hub.url("app.git"))
    two = await forge.adopt(hub.url("app.git/").replace("http", "HTTP"))
    assert one.project == two.project


async def test_nothing_new_means_nothing_fetched(forge: BuiltinForge, hub: Hub, team: Any) -> None:
    del team
    await forge.adopt(hub.url("app.git"))
    before = hub.requests
    await forge.adopt(hub.url("app.git"))
    asked = hub.requests - before
    assert asked == 2  # the greeting and the list of refs


async def test_credentials_in_the_address_are_used_and_kept_nowhere(
    forge: BuiltinForge, hub: Hub, team: Any, tmp_path: Path, outbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    del team
    stolen = tmp_path / "stolen"
    config = tmp_path / "gitconfig"
    config.write_text(f'[credential]\n\thelper = "!cat >> {stolen}; true"\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    hub.password = SECRET
    project = (await forge.adopt(hub.url("app.git", "ann:s3cr%3Aet%40%2F"))).project
    assert project.source == hub.url("app.git")
    assert not stolen.exists()
    assert "s3cr" not in repr(outbox.events)
    for path in (tmp_path / "home").rglob("*"):
        assert not path.is_file() or b"s3cr" not in path.read_bytes()


async def test_the_user_s_credential_helper_answers_for_a_push(
    forge: BuiltinForge, hub: Hub, team: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "gitconfig"
    config.write_text(f'[credential]\n\thelper = "!echo username=ann; echo password={SECRET}; true"\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    hub.password = SECRET
    project = (await forge.adopt(hub.url("app.git"))).project
    branch = await forge.open_branch(project.id, "feature/x", "main", {"TASK.md": b"do"}, FIRST)
    await forge.push_upstream(project.id, branch.name)
    assert team.git("rev-parse", "feature/x") == branch.head_sha


async def test_a_refused_sign_in_says_what_to_set_up_without_the_password(
    forge: BuiltinForge, hub: Hub, team: Any, folder: Path
) -> None:
    del team
    hub.password = SECRET
    for user in ("", "ann:wrong-one"):
        with pytest.raises(UpstreamRefused, match="credential helper") as caught:
            await forge.adopt(hub.url("app.git", user))
        assert "wrong-one" not in str(caught.value)
    assert await forge.projects() == []
    assert not folder.exists()


async def test_a_push_that_would_overwrite_is_refused(
    forge: BuiltinForge, hub: Hub, team: Any, clone: Any
) -> None:
    project = (await forge.adopt(hub.url("app.git"))).project
    clone.git("checkout", "--quiet", "-b", "feature/x")
    theirs = clone.commit({"theirs": "1"})
    await forge.open_branch(project.id, "feature/x", "main", {"TASK.md": b"do"}, FIRST)
    clone.git("push", "--quiet", str(team.path), "feature/x")
    with pytest.raises(UpstreamRefused, match="fetch and merge what is there first"):
        await forge.push_upstream(project.id, "feature/x")
    assert team.git("rev-parse", "feature/x") == theirs


async def test_an_address_nobody_answers_is_refused(forge: BuiltinForge, hub: Hub, folder: Path) -> None:
    with pytest.raises(RepositoryNotFound, match="check the address"):
        await forge.adopt(hub.url("missing.git"))
    closed = hub.url("app.git")
    hub.server.server_close()
    hub.server.shutdown()
    with pytest.raises(UpstreamRefused, match="check the address and the network"):
        await forge.adopt(closed)
    with pytest.raises(UpstreamRefused):
        await forge.adopt("https://nowhere.invalid/app.git")
    assert not folder.exists()


async def test_an_empty_repository_behind_an_address_is_refused(
    forge: BuiltinForge, hub: Hub, make_clone: Any
) -> None:
    make_clone("hub/empty.git", "--bare")
    with pytest.raises(RepositoryEmpty):
        await forge.adopt(hub.url("empty.git"))


@pytest.mark.parametrize(
    "source", ["ext::touch PROOF", "--upload-pack=touch PROOF", "ssh://-oProxyCommand=touch/x"]
)
async def test_no_address_runs_a_program(forge: BuiltinForge, tmp_path: Path, source: str) -> None:
    proof = tmp_path / "proof"
    with pytest.raises(RepositoryNotFound):
        await forge.adopt(source.replace("PROOF", str(proof)))
    assert not proof.exists()
