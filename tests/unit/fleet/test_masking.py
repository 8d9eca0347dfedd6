"""What was lent in confidence is masked, wherever the stream is cut."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyros.fleet.model.masking import MASK, Mask, StreamMask, confidential

SECRET = "sk-aab-sk-aabX1"  # pragma: allowlist secret
LONGER = SECRET + "-and-more"
SHOWN = MASK.encode()


def streamed(values: list[str], *pieces: bytes, release: bool = False) -> bytes:
    mask = StreamMask(values)
    out = b""
    for piece in pieces:
        out += mask.feed(piece) + (mask.release() if release else b"")
    return out + mask.end()


@pytest.mark.parametrize("at", range(len(SECRET) + 1))
def test_a_value_cut_at_any_byte_is_masked(at: int) -> None:
    before, after = b"key=" + SECRET[:at].encode(), SECRET[at:].encode() + b" sk-a"
    assert streamed([SECRET], before, after) == b"key=" + SHOWN + b" " + SHOWN
    assert streamed([SECRET], before, after + b".") == b"key=" + SHOWN + b" sk-a."


@pytest.mark.parametrize(("first", "second"), [*itertools.combinations(range(1, len(LONGER)), 2)])
def test_the_longer_of_two_values_is_masked_whole(first: int, second: int) -> None:
    data = LONGER.encode()
    pieces = (data[:first], data[first:second], data[second:], b"!")
    assert streamed([SECRET, LONGER], *pieces) == SHOWN + b"!"


def test_byte_by_byte_with_pauses_at_most_three_bytes_of_a_value_are_seen() -> None:
    pieces = [bytes([byte]) for byte in f"> {SECRET} <".encode()]
    assert streamed([SECRET], *pieces, release=True) == b"> sk-" + SHOWN + b" <"


def test_a_letter_that_a_value_begins_with_is_held_back_no_longer_than_until_the_release() -> None:
    mask = StreamMask([SECRET])
    assert mask.feed(b"yes") == b"ye"
    assert mask.release() == b"s"
    assert mask.release() == b""
    assert mask.feed(b"\r\n") == b"\r\n"


@given(
    values=st.lists(st.text("abc", min_size=8, max_size=12), min_size=1, max_size=3),
    data=st.data(),
)
def test_no_value_is_ever_seen_whole_and_nothing_else_is_lost(values: list[str], data: st.DataObject) -> None:
    parts = data.draw(st.lists(st.sampled_from([*values, "x", "ab", "a"]), max_size=12))
    text = "".join(parts).encode()
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=6)))
    pieces = [text[a:b] for a, b in itertools.pairwise([0, *cuts, len(text)])]
    out = streamed(values, *pieces)
    assert not any(value.encode() in out for value in values)
    if not any(value.encode() in text for value in values):
        tail = out.removesuffix(SHOWN)
        assert text.startswith(tail)
        assert len(text) - len(tail) < 12


def test_without_values_nothing_is_touched() -> None:
    assert streamed([], b"\xff\x00", b"x") == b"\xff\x00x"
    assert Mask().text(SECRET) == SECRET


def test_texts_are_masked_wherever_they_stand_in_a_json_value() -> None:
    mask = Mask([SECRET, LONGER])
    value = {"name": "run", "input": [{"command": f"curl -H {LONGER}", "n": 7}, None], SECRET: True}
    assert mask.within(value) == {
        "name": "run", "input": [{"command": f"curl -H {MASK}", "n": 7}, None], MASK: True,
    }  # fmt: skip


def test_which_values_are_confidential() -> None:
    env = {
        "HOME": "/home/ada/long-enough",
        "PATH": "/usr/bin:/bin",
        "TERM": "xterm-256color",
        "GH_TOKEN": "ghp_0123456789",
        "MY_PASSWORD": "short",  # pragma: allowlist secret
        "DB_KEY_FILE": "/etc/keys/long",
        "DEPLOY_Password": "correct horse",  # pragma: allowlist secret
        "SIGNING_KEY": "/3qRk+not/a/path=",  # pragma: allowlist secret
        "AUTH_TOKEN": "~tilde.and.more",  # pragma: allowlist secret
        "TOKEN_URL": "https://id.example.org/token",
        "LENT_MODEL": "model-of-choice",
        "LENT_URL": "https://api.example.org/v1",
        "LENT_LOGIN": "https://ada:hunter22@example.org/",  # pragma: allowlist secret
    }
    lent = ["LENT_MODEL", "LENT_URL", "LENT_LOGIN", "HOME"]
    names = ("GH_TOKEN", "SIGNING_KEY", "AUTH_TOKEN", "DEPLOY_Password", "LENT_MODEL", "LENT_LOGIN")
    assert set(confidential(env, lent)) == {env[name] for name in names}
