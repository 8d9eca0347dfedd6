"""Names of whoever acts: nobody bears one under which Kyros itself acts or holds leases."""

import pytest

from kyros.auth.errors import NameRefused
from kyros.auth.model import check_name
from kyros.kernel.ids import new_id


@pytest.mark.parametrize("name", ["ada", "ci-runner", "run_tests", "bot.2", "2nd_shift"])
def test_a_plain_name_is_taken(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize("kind", ["run", "lock", "key", "boot"])
def test_no_name_reads_like_an_id(kind: str) -> None:
    """A run holds its leases under its id: whoever had that name could give them back."""
    with pytest.raises(NameRefused):
        check_name(new_id(kind))


@pytest.mark.parametrize("name", ["127.0.0.1", "10.0.0.7", "others", "kyros", "file", "forge"])
def test_no_name_is_one_that_events_tell_of_otherwise(name: str) -> None:
    with pytest.raises(NameRefused):
        check_name(name)
