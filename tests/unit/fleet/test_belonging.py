"""What belongs in a commit."""

import pytest

from kyros.fleet.model import Change, sort_changes


def test_new_source_files_and_changed_files_belong() -> None:
    result = sort_changes([Change("src/app.py", True), Change("README.md", False)])
    assert result.committed == ["src/app.py", "README.md"]
    assert not result.junk
    assert not result.secrets


@pytest.mark.parametrize(
    "path",
    [
        "a/__pycache__/b.pyc",
        ".aider.tags.cache.v4/cache.db",
        "run.log",
        "node_modules/x/index.js",
        ".DS_Store",
        "x.egg-info/PKG-INFO",
        "a.py.orig",
    ],
)
def test_new_leftovers_stay_out(path: str) -> None:
    assert sort_changes([Change(path, True)]).junk == [path]


@pytest.mark.parametrize(
    "path", [".env", "config/.env.production", "deploy/id_rsa", "server.pem", "x/credentials"]
)
def test_new_files_named_like_secrets_stay_out(path: str) -> None:
    assert sort_changes([Change(path, True)]).secrets == [path]


def test_an_example_of_a_secret_file_belongs() -> None:
    assert sort_changes([Change(".env.example", True)]).committed == [".env.example"]


def test_what_the_repository_tracks_already_belongs_whatever_its_name() -> None:
    assert sort_changes([Change("fixtures/app.log", False)]).committed == ["fixtures/app.log"]
