"""The documents say what the program does: generated parts are fresh, links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from dotenv import dotenv_values

from metta_obs import docs
from metta_obs.settings import SETTINGS

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_what_documents_repeat_of_the_code_is_as_the_code_is() -> None:
    stale = [path.name for path, text in docs.documents().items() if not path.exists() or path.read_text() != text]
    assert not stale, "make docs writes them anew"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_link_leads_nowhere(page: Path) -> None:
    dead = []
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if target.startswith(("http://", "https://")):
            continue
        name, _, heading = target.partition("#")
        there = page.parent / name if name else page
        if not there.exists() or (heading and heading not in headings(there)):
            dead.append(target)
    assert not dead


def headings(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    found = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def test_every_page_can_be_found_from_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    missing = [page.name for page in PAGES if page.parent.name == "docs" and page.name not in index + "README.md"]
    assert not missing


def test_a_copied_env_sample_is_a_valid_env_file_that_holds_no_secret() -> None:
    values = dotenv_values(ROOT / ".env.sample")
    assert values.keys() <= SETTINGS.keys()
    assert not any(values.values())


def test_marks_that_were_lost_are_an_error_and_not_a_silent_nothing() -> None:
    with pytest.raises(ValueError, match="must stand in the text once"):
        docs.replaced("no marks here", "settings", "block")
