"""What a person may write for a repository, and what must never reach git."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyros.forge.adapters.builtin.source import Address, name_of, parse_source
from kyros.forge.errors import RepositoryNotFound


@pytest.mark.parametrize(
    ("text", "url", "name"),
    [
        ("https://Example.com/ann/app.git", "https://example.com/ann/app.git", "app"),
        ("https://example.com:8443/ann/app/", "https://example.com:8443/ann/app", "app"),
        ("ssh://git@example.com:2222/ann/app.git", "ssh://git@example.com:2222/ann/app.git", "app"),
        ("ssh://git:pass@example.com/app", "ssh://git@example.com/app", "app"),
        ("git@example.com:ann/app.git", "git@example.com:ann/app.git", "app"),
        ("example.com:app", "example.com:app", "app"),
        ("git://example.com/app", "git://example.com/app", "app"),
        ("http://[::1]:3000/app", "http://[::1]:3000/app", "app"),
    ],
)
def test_addresses_are_read(text: str, url: str, name: str) -> None:
    address = parse_source(text)
    assert isinstance(address, Address)
    assert (address.url, address.name, address.credentials) == (url, name, None)


def test_credentials_are_lent_and_not_part_of_the_address() -> None:
    address = parse_source("https://ann:s%40cret@example.com/app.git")
    assert isinstance(address, Address)
    assert address.url == "https://example.com/app.git"
    assert address.credentials == ("ann", "s@cret")


def test_a_token_alone_counts_as_a_credential() -> None:
    address = parse_source("https://ghp_token@example.com/app.git")
    assert isinstance(address, Address)
    assert address.url == "https://example.com/app.git"
    assert address.credentials == ("ghp_token", "")


@pytest.mark.parametrize("text", ["/srv/app", "file:///srv/app", "file://localhost/srv/app", "/srv/a:b"])
def test_paths_are_read(text: str) -> None:
    assert isinstance(parse_source(text), Path)


def test_a_file_address_is_the_path_it_spells() -> None:
    assert parse_source("file:///srv/my%20app") == Path("/srv/my app")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "app",
        "./app",
        "~/app",
        "--upload-pack=touch /tmp/x",
        "-oProxyCommand=x",
        "ext::sh -c touch% /tmp/x",
        "fd::17",
        "ext://x/y",
        "ftp://example.com/app",
        "ssh://-oProxyCommand=x/app",
        "ssh://-oProxyCommand=x@example.com/app",
        "-oProxyCommand=x:app",
        "git@-host:app",
        "git@host:-app",
        "ssh://host/-app",
        "https://example.com",
        "https://example.com/app?token=secret",
        "https://example.com:port/app",
        "https://ann%0Ahost=evil@example.com/app",
        "file://other-host/app",
        "/srv/a\nb",
        "/srv/a\0b",
    ],
)
def test_what_is_neither_is_refused(text: str) -> None:
    with pytest.raises(RepositoryNotFound):
        parse_source(text)


@pytest.mark.parametrize("text", ["https://ann:secret@example.com:x/app", "https://ann:secret@h/a?b=secret"])
def test_a_refusal_repeats_no_credentials(text: str) -> None:
    with pytest.raises(RepositoryNotFound) as caught:
        parse_source(text)
    assert "secret" not in str(caught.value)


@given(st.text())
def test_any_text_is_a_path_an_address_or_refused(text: str) -> None:
    try:
        found = parse_source(text)
    except RepositoryNotFound:
        return
    where = str(found) if isinstance(found, Path) else found.url
    assert not where.startswith("-")
    assert isinstance(found, Address) or found.is_absolute()


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/srv/app", "app"),
        ("/srv/app.git/", "app"),
        ("/srv/my app!", "my-app"),
        ("/", "project"),
        ("x:é", "project"),
    ],
)
def test_names_are_plain(path: str, name: str) -> None:
    assert name_of(path) == name
