"""The console over HTTP: which address yields what, how long a browser may keep it, and what it may do."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from kyros.entrypoints.console import mount_console
from kyros.entrypoints.problems import install

INDEX = '<!doctype html><html><head><base href="/" /></head><body>Kyros</body></html>'
SCRIPT = b"console.log('a script long enough to be worth compressing')" * 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What the build leaves behind, beside a file that must never be served."""
    static = tmp_path / "static"
    assets = static / "assets"
    assets.mkdir(parents=True)
    (static / "index.html").write_text(INDEX)
    (static / "favicon.svg").write_text("<svg/>")
    (static / ".digest").write_text("0")
    (assets / "index-Ab1.js").write_bytes(SCRIPT)
    (assets / "index-Ab1.js.gz").write_bytes(gzip.compress(SCRIPT))
    (assets / "index-Ab1.js.br").write_bytes(b"as brotli would have it")
    (assets / "inter.woff2").write_bytes(b"font")
    (tmp_path / "secret.js").write_text("never to be seen")
    return static


@pytest.fixture
def app(folder: Path) -> FastAPI:
    app = FastAPI()
    install(app)
    mount_console(app, folder)

    @app.post("/api/things")
    def make() -> str:
        return "made"

    return app


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app) as client:
        yield client


@pytest.mark.parametrize(
    "path", ["/", "/runs", "/runs/run_01", "/pulls/pull_01?tab=changes", "/no/such/page"]
)
def test_every_address_of_the_console_yields_the_page(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.text == INDEX


@pytest.mark.parametrize("path", ["/api/nothing", "/api", "/mcp/x", "/git/x", "/API/x", "/assets/gone.js"])
def test_what_programs_ask_for_is_never_answered_with_a_page(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "not_found"


def test_a_route_keeps_its_405_beside_the_console(client: TestClient) -> None:
    assert client.get("/api/things").status_code == 405
    assert client.post("/api/things").json() == "made"


def test_pages_are_read_only(client: TestClient) -> None:
    answer = client.post("/runs")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD"


def test_the_page_is_asked_for_again_but_sent_only_when_it_changed(client: TestClient, folder: Path) -> None:
    first = client.get("/runs")
    assert first.headers["cache-control"] == "no-cache"
    etag = first.headers["etag"]
    again = client.get("/pulls", headers={"If-None-Match": f'"other", W/{etag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    (folder / "index.html").write_text(INDEX.replace("Kyros", "Kyros, rebuilt"))
    assert client.get("/runs", headers={"If-None-Match": etag}).text.count("rebuilt") == 1


def test_assets_are_kept_for_a_year(client: TestClient) -> None:
    answer = client.get("/assets/inter.woff2")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == "font/woff2"


@pytest.mark.parametrize(
    ("accepted", "sent"),
    [("gzip, br", "br"), ("gzip", "gzip"), ("br;q=0, gzip;q=0.5", "gzip"), ("identity", None), ("", None)],
)
def test_assets_come_as_compressed_at_build_time(client: TestClient, accepted: str, sent: str | None) -> None:
    with client.stream("GET", "/assets/index-Ab1.js", headers={"Accept-Encoding": accepted}) as answer:
        assert answer.headers.get("content-encoding") == sent
        assert answer.headers["vary"] == "Accept-Encoding"
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"


def test_a_file_beside_the_page_is_served_and_a_missing_one_is_no_page(client: TestClient) -> None:
    assert client.get("/favicon.svg").headers["content-type"] == "image/svg+xml"
    assert client.get("/robots.txt").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../../secret.js",
        "/assets/..%2f..%2fsecret.js",
        "/assets/%2e%2e/%2e%2e/secret.js",
        "/assets/..\\..\\secret.js",
        "/..%2fsecret.js",
        "/assets//secret.js",
        "/assets/.digest",
        "/assets/index-Ab1.js.gz",
        "/assets/index-Ab1.js%00",
        "/assets/index-Ab1.js%0a",
    ],
)
def test_nothing_outside_the_built_files_is_served(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code in (200, 404)
    assert "never to be seen" not in answer.text
    assert answer.status_code == 404 or answer.text == INDEX


@pytest.mark.parametrize("path", ["/", "/assets/inter.woff2", "/favicon.svg"])
def test_browsers_are_told_what_the_console_may_do(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    for rule in ("script-src 'self';", "connect-src 'self';", "frame-ancestors 'none'", "object-src 'none'"):
        assert rule in policy
    assert "unsafe-eval" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["referrer-policy"] == "no-referrer"


def test_the_page_learns_the_prefix_it_is_served_under(app: FastAPI) -> None:
    with TestClient(app, root_path='/team"a') as client:
        assert '<base href="/team&quot;a/" />' in client.get('/team"a/runs').text
        assert client.get('/team"a/assets/inter.woff2').status_code == 200
        assert client.get('/team"a/api/nothing').status_code == 404


def test_a_checkout_without_a_build_says_how_to_make_one(tmp_path: Path) -> None:
    app = FastAPI()
    install(app)
    mount_console(app, tmp_path / "static")
    with TestClient(app) as client:
        answer = client.get("/runs")
        assert answer.status_code == 503
        assert "make console" in answer.text
        assert answer.headers["cache-control"] == "no-store"
        assert client.get("/assets/index.js").status_code == 404
        (tmp_path / "static").mkdir()
        (tmp_path / "static" / "index.html").write_text(INDEX)
        assert client.get("/runs").text == INDEX
