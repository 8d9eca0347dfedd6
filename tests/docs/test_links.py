"""Every link between our pages leads somewhere, and decisions stay short."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.docs.markdown import ROOT, pages, prose

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*:")
DECISIONS = sorted((ROOT / "docs" / "adr").glob("*.md"))
DECISION_LINES = 60


def relative_links(page: Path) -> list[str]:
    return [link for link in LINK.findall(prose(page)) if not ADDRESS.match(link)]


def anchors(page: Path) -> set[str]:
    """As forges make them of headings: lower case, words joined by dashes."""
    titles = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_of_a_page_leads_somewhere(page: Path) -> None:
    for link in relative_links(page):
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link} leads nowhere"
        assert target.is_relative_to(ROOT), f"{link} leads out of the repository"
        assert not anchor or anchor in anchors(target), f"{link} has no such heading"


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.name)
def test_a_decision_takes_sixty_lines_at_most(page: Path) -> None:
    assert len(page.read_text("utf-8").splitlines()) <= DECISION_LINES


def test_decisions_are_numbered_without_gap() -> None:
    numbers = [int(page.name[:4]) for page in DECISIONS]
    assert numbers == list(range(len(numbers)))


def test_every_page_of_the_docs_is_reached_from_the_readme() -> None:
    """Within two steps: the readme, or a page it links."""
    seen, edge = set[Path](), {ROOT / "README.md"}
    while edge:
        page = edge.pop()
        seen.add(page)
        found = {(page.parent / link.partition("#")[0]).resolve() for link in relative_links(page)}
        edge |= {one for one in found if one.suffix == ".md" and one.exists()} - seen
        for folder in (one for one in found if one.is_dir()):
            edge |= set(folder.glob("*.md")) - seen
    assert {page for page in pages() if page.is_relative_to(ROOT / "docs")} <= seen
