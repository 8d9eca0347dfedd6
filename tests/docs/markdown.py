"""Reads our own Markdown for the tests: sections, tables, links. Knows only what our pages use."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"

_FOREIGN = frozenset({"node_modules", "static"})
_FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`]+)`")


def pages() -> list[Path]:
    """Every Markdown page of ours, hidden folders and installed packages left out."""
    return sorted(
        path
        for path in ROOT.rglob("*.md")
        if not any(part.startswith(".") or part in _FOREIGN for part in path.relative_to(ROOT).parent.parts)
    )


def prose(path: Path) -> str:
    """The page without its fenced blocks and without code in its lines."""
    return _CODE.sub("", _FENCED.sub("", path.read_text("utf-8")))


def sections(path: Path) -> dict[str, str]:
    """Heading of the third level -> what stands below it, up to the next heading."""
    text = path.read_text("utf-8")
    parts = re.split(r"^(#{1,3}) (.+)$", text, flags=re.MULTILINE)
    levels, titles, bodies = parts[1::3], parts[2::3], parts[3::3]
    return {title: body for level, title, body in zip(levels, titles, bodies, strict=True) if level == "###"}


def rows(text: str) -> list[list[str]]:
    """The cells of every table row below a head, table by table."""
    found: list[list[str]] = []
    inside = False
    for line in text.splitlines():
        if not line.startswith("|"):
            inside = False
        elif re.fullmatch(r"\|[-:| ]+\|", line):
            inside = True
        elif inside:
            found.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return found


def words(cell: str) -> list[str]:
    """What a cell sets in code type."""
    return _CODE.findall(cell)


def table(name: str) -> dict[str, list[str]]:
    """First cell of each row of a reference page -> the other cells. Refuses a row that comes twice."""
    found: dict[str, list[str]] = {}
    for first, *others in rows((REFERENCE / name).read_text("utf-8")):
        (key,) = words(first)
        assert key not in found, f"{name} has {key} twice"
        found[key] = others
    return found
