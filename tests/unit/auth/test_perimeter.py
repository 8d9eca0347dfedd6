"""Which hosts, origins and paths come near, decided without a server."""

import pytest

from kyros.auth.errors import AllowListInvalid, HostRefused, HostUnclear, OriginRefused
from kyros.auth.model import is_public, perimeter
from kyros.auth.model.perimeter import _read_host

HOME = perimeter("127.0.0.1", [], [])
TEAM = perimeter(
    "10.0.0.5", ["Kyros.example", "fd00::7"], ["https://kyros.example", "http://dev.example:5173"]
)


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8000", "LOCALHOST:8000", "127.0.0.1:1", "[::1]", "[::1]:8000"]
)
def test_this_machines_own_names_are_answered_at_any_port(host: str) -> None:
    HOME.check_host([host])


@pytest.mark.parametrize("host", ["10.0.0.5:8000", "kyros.example", "KYROS.EXAMPLE:443", "[fd00::7]:8000"])
def test_the_bind_address_and_the_settings_names_are_answered(host: str) -> None:
    TEAM.check_host([host])


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "localhost.",
        "127.1",
        "0.0.0.0",
        "2130706433",
        "[::ffff:127.0.0.1]",
        "::1",
        "localhost@evil.example",
        "evil.example#localhost",
        "localhost, evil.example",
        "localhost:8000:9000",
        "localhost:",
        "localhost:port",
        "localhost ",
        "localhost\n",
        "ｌocalhost",
        "",
    ],
)
def test_any_other_name_is_refused(host: str) -> None:
    with pytest.raises(HostRefused):
        HOME.check_host([host])


def test_names_longer_than_any_host_are_refused_and_not_remembered() -> None:
    kept = _read_host.cache_info().currsize
    for number in range(20):
        with pytest.raises(HostRefused):
            HOME.check_host([f"{number}.{'a' * 300}"])
    assert _read_host.cache_info().currsize == kept


@pytest.mark.parametrize("hosts", [[], ["localhost", "localhost"], ["localhost", "evil.example"]])
def test_no_host_or_several_is_unclear(hosts: list[str]) -> None:
    with pytest.raises(HostUnclear):
        HOME.check_host(hosts)


@pytest.mark.parametrize(
    ("scheme", "host", "origin"),
    [
        ("http", "127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http", "LOCALHOST", "http://localhost"),
        ("http", "localhost:80", "http://localhost"),
        ("https", "localhost", "https://localhost:443"),
        ("http", "[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_the_servers_own_origin_is_accepted(scheme: str, host: str, origin: str) -> None:
    HOME.check_origin(scheme, host, [origin])


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "http://localhost:8000",
        "https://127.0.0.1:8000",
        "http://127.0.0.1:8001",
        "http://127.0.0.1:8000.evil.example",
        "http://127.0.0.1:8000/",
        "http://127.0.0.1:8000@evil.example",
        "http://127.0.0.1",
        "file://",
        "null",
        "",
    ],
)
def test_a_foreign_origin_is_refused(origin: str) -> None:
    with pytest.raises(OriginRefused):
        HOME.check_origin("http", "127.0.0.1:8000", [origin])


def test_one_foreign_origin_among_several_is_refused() -> None:
    with pytest.raises(OriginRefused):
        HOME.check_origin("http", "localhost", ["http://localhost", "http://evil.example"])


@pytest.mark.parametrize(
    "origin", ["https://kyros.example", "https://KYROS.example:443", "http://dev.example:5173"]
)
def test_the_settings_origins_are_accepted(origin: str) -> None:
    TEAM.check_origin("http", "10.0.0.5:8000", [origin])


@pytest.mark.parametrize(
    "entry", ["*", "kyros.example", "https://", "https://a.example/path", "ftp://a.example"]
)
def test_an_unreadable_origin_setting_is_refused_at_start(entry: str) -> None:
    with pytest.raises(AllowListInvalid, match="KYROS_ALLOWED_ORIGINS"):
        perimeter("127.0.0.1", [], [entry])


@pytest.mark.parametrize("entry", ["*", "https://a.example", "a b", ""])
def test_an_unreadable_host_setting_is_refused_at_start(entry: str) -> None:
    with pytest.raises(AllowListInvalid, match="KYROS_ALLOWED_HOSTS"):
        perimeter("127.0.0.1", [entry], [])


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/runs/run_1", "/assets/app-1a2b.js", "/assets/", "/apiary"]
)
def test_health_and_the_console_may_be_read_by_anybody(path: str) -> None:
    assert is_public("GET", path)
    assert is_public("HEAD", path)
    assert not is_public("POST", path)
    assert not is_public("OPTIONS", path)


@pytest.mark.parametrize(
    "path",
    [
        "/api",
        "/api/",
        "/api/runs",
        "/API/runs",
        "/Api/runs",
        "/mcp",
        "/git/project/info/refs",
        "/readyz",
        "/metrics",
        "//api/runs",
        "///api",
        "/api/../healthz",
        "/healthz/../api/runs",
        "/./api/runs",
        "/runs//1",
        "/%61pi/runs",
        "/\\api",
        "/runs\x00",
        "/runs\n",
        "api/runs",
        "*",
        "",
    ],
)
def test_everything_else_needs_a_token(path: str) -> None:
    assert not is_public("GET", path)
