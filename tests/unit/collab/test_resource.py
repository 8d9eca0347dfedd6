"""What can be leased, and what stands in the way of what: held against brute force over small paths."""

import fnmatch
import itertools
from collections.abc import Iterator
from functools import cache

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from kyros.collab.errors import ResourceInvalid
from kyros.collab.model.resource import Resource, conflict, parse_resource


def meets(left: str, right: str) -> bool:
    forth = conflict(parse_resource(f"path:shop/{left}"), parse_resource(f"path:shop/{right}"))
    assert forth == conflict(parse_resource(f"path:shop/{right}"), parse_resource(f"path:shop/{left}"))
    return forth


@pytest.mark.parametrize(
    ("name", "kind", "fence", "project_id", "task_id"),
    [
        ("task:T-100", "task", "task:T-100", None, "T-100"),
        ("branch:shop/feature/cart", "branch", "branch:shop/feature/cart", "shop", None),
        ("path:shop/src/**", "path", "path:shop", "shop", None),
        ("path:shop/README.md", "path", "path:shop", "shop", None),
        ("session:abc", "session", "session:abc", None, None),
        ("run:run_1", "run", "run:run_1", None, None),
        ("the coffee machine ☕", "", "the coffee machine ☕", None, None),
        ("db:migrations", "db", "db:migrations", None, None),
    ],
)
def test_a_name_says_what_it_is(
    name: str, kind: str, fence: str, project_id: str | None, task_id: str | None
) -> None:
    read = parse_resource(name)
    assert (read.name, read.kind, read.fence, read.project_id, read.task_id) == (
        name, kind, fence, project_id, task_id,
    )  # fmt: skip


def test_a_run_is_kyros_own() -> None:
    for name in ("run:run_1", "session:session_1", "keyboard:run_1", "pool:worker@boot_1"):
        assert parse_resource(name).is_ours
    for name in ("task:T-1", "own name", "pools:x"):
        assert not parse_resource(name).is_ours
    assert not parse_resource("runner:run_1").is_ours


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "1 to 500 characters"),
        ("x" * 501, "1 to 500 characters"),
        ("a\x00b", "U+0000"),
        ("a\nb", "U+000A"),
        ("a\u202eb", "U+202E"),
        ("a\ud800b", "U+D800"),
        (" a", "white space"),
        ("task:", "after the colon"),
        ("session:", "after the colon"),
        ("task:T-0", "task:T-100"),
        ("task:T-1/../T-2", "task:T-100"),
        ("branch:shop", "branch:PROJECT/NAME"),
        ("branch:../x", "branch:PROJECT/NAME"),
        ("path:shop", "path:PROJECT/src/**"),
        ("path:shop/", "path:PROJECT/src/**"),
        ("path:/etc/passwd", "path:PROJECT/src/**"),
        ("path:shop//etc", "relative to the project"),
        ("path:shop/src/", "relative to the project"),
        ("path:shop/../other/**", "relative to the project"),
        ("path:shop/src/./a", "relative to the project"),
        ("path:shop/src\\a", "backslash"),
        ("path:shop/[ab", "never closed"),
        ("path:shop/[]", "names no character"),
        ("path:shop/[!]", "names no character"),
        ("path:shop/[^a]", "[!…]"),
        ("path:shop/[z-a]", "runs backwards"),
        ("path:shop/{a,b", "never closed"),
        ("path:shop/{a/b,c}", "never closed"),
        ("path:shop/" + "{" * 9 + "a" + "}" * 9, "8 deep"),
        ("path:shop/" + "*a" * 101, "200 characters"),
        ("path:shop/" + "?" * 25, "24 wildcards"),
    ],
)
def test_what_cannot_be_leased_is_refused_with_what_is_wrong(name: str, said: str) -> None:
    with pytest.raises(ResourceInvalid) as refused:
        parse_resource(name)
    assert said in refused.value.message


@pytest.mark.parametrize(
    ("left", "right", "both"),
    [
        ("src/**", "src/cart.py", True),
        ("src/**", "src", True),
        ("src/**", "srcs/cart.py", False),
        ("src", "src/cart.py", True),
        ("src", "src/a/b/c", True),
        ("src", "sr", False),
        ("src/*", "src/a/b", False),
        ("src/*", "src", True),
        ("src/*.py", "src/*.md", False),
        ("src/*.py", "src/cart.*", True),
        ("**/test_*.py", "src/**/test_cart.py", True),
        ("**/a/**", "b", True),
        ("**/a", "b/*", True),
        ("*", "a/b", False),
        ("*/c", "a/b", False),
        ("*/c/?", "a/b", False),
        ("{src,tests}/**", "tests/unit", True),
        ("{src,tests}/**", "docs/**", False),
        ("{,a}", "{,b}", False),
        ("{a,{b,c*}}", "cd", True),
        ("{*a,b}", "cb", False),
        ("[!a-y]x", "[a-z]x", True),
        ("[!a-z]x", "[a-z]x", False),
        ("[!a]", "[!b]", True),
        ("[-a]", "-", True),
        ("[a-]", "-", True),
        ("[!!]", "!", False),
        ("[*]", "[?]", False),
        ("[*]", "*", True),
        ("a**b", "axyb", True),
        ("a**b", "a/b", False),
        ("[[]slug]/page.tsx", "?slug?/page.tsx", True),
        ("*aab", "*ba", False),
        ("*ab*", "*ba*", True),
        ("grün/*", "gr?n/x", True),
        ("A", "a", False),
    ],
)
def test_globs_conflict_when_one_path_can_be_matched_by_both(left: str, right: str, both: bool) -> None:
    assert meets(left, right) is both


def test_only_paths_of_one_project_conflict_beside_equal_names() -> None:
    names = ["path:shop/**", "path:bank/**", "branch:shop/**", "task:T-1", "**", "path:shop/a"]
    clash = {
        (one, other)
        for one, other in itertools.combinations(names, 2)
        if conflict(parse_resource(one), parse_resource(other))
    }
    assert clash == {("path:shop/**", "path:shop/a")}
    assert all(conflict(parse_resource(name), parse_resource(name)) for name in names)


def test_the_hardest_globs_allowed_are_decided_without_a_blow_up() -> None:
    """Every star and brace there may be: a search over all words would never come back."""
    stars = "*a" * 23 + "b" * 150
    braces = "{a*,*}" * 6 + "c" * 160
    read: list[Resource] = [parse_resource(f"path:shop/{glob}") for glob in (stars, braces, "**/" * 12 + "x")]
    assert not conflict(read[0], read[1])
    assert not conflict(read[1], read[2])


# Brute force: every path over a tiny alphabet, and a matcher that knows nothing of automata. `c` stands for
# all the characters that no pattern names.

NAMES = ["".join(letters) for length in range(1, 7) for letters in itertools.product("abc", repeat=length)]
PATHS = [path for length in range(1, 7) for path in itertools.product(("a", "b", "ab"), repeat=length)]


def expansions(pattern: str) -> Iterator[str]:
    """The pattern once for each choice in its innermost braces first, until none is left."""
    end = pattern.find("}")
    if end < 0:
        yield pattern
        return
    begin = pattern.rfind("{", 0, end)
    for choice in pattern[begin + 1 : end].split(","):
        yield from expansions(pattern[:begin] + choice + pattern[end + 1 :])


@cache
def name_matches(name: str, pattern: str) -> bool:
    return any(fnmatch.fnmatchcase(name, plain) for plain in expansions(pattern))


def path_matches(path: tuple[str, ...], glob: tuple[str, ...]) -> bool:
    if not glob:
        return not path
    if glob[0] == "**":
        return any(path_matches(path[n:], glob[1:]) for n in range(len(path) + 1))
    return bool(path) and name_matches(path[0], glob[0]) and path_matches(path[1:], glob[1:])


PIECES = st.sampled_from(
    ["a", "b", "*", "?", "[ab]", "[!a]", "[a-b]", "{a,b}", "{ab,}", "{a*,?b}", "{*a,b}", "{a,{b,aa}}"]
)
SEGMENTS = st.lists(PIECES, min_size=1, max_size=3).map("".join).filter(lambda text: text != "**")
GLOBS = st.lists(
    st.sampled_from(["a", "b", "ab", "*", "**", "?", "a*", "*b", "[!a]", "{a,b}"]), min_size=1, max_size=3
)


@settings(max_examples=600, deadline=None)
@given(SEGMENTS, SEGMENTS)
@example("{ab,}", "{ab,}")
@example("{a*,?b}b", "*a")
def test_names_of_one_segment_agree_with_brute_force(left: str, right: str) -> None:
    assume(set("*?[{") & set(left) and set("*?[{") & set(right))  # a plain one stands for what is below too
    found = any(name_matches(name, left) and name_matches(name, right) for name in NAMES)
    assert meets(left, right) is found


@settings(max_examples=600, deadline=None)
@given(GLOBS, GLOBS)
@example(["**", "a"], ["a", "**"])
def test_paths_of_many_segments_agree_with_brute_force(left: list[str], right: list[str]) -> None:
    def stands_for(glob: list[str]) -> tuple[str, ...]:
        is_plain = not any(set("*?[{") & set(part) for part in glob)
        return (*glob, "**") if is_plain else tuple(glob)

    found = any(
        path_matches(path, stands_for(left)) and path_matches(path, stands_for(right)) for path in PATHS
    )
    assert meets("/".join(left), "/".join(right)) is found
