"""Small conversions that decide who is a person, when something happened and what a commit says."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from graphql import parse

from metta_obs.github.answers import Answer
from metta_obs.github.documents import document, repeated
from metta_obs.github.run_lists import CAP, KEPT, LONG, next_mark, split
from metta_obs.github.values import account, actor, characters, git_login, moment, subject_and_body_start, user, when

LONG_LINE = "A long line\u2028that GitHub's headline would cut" + "x" * 99
NOON = datetime(2025, 10, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("login", "kind", "expected"),
    [
        ("ada", "User", ("ada", "User")),
        ("dependabot[bot]", "Bot", ("dependabot", "Bot")),  # REST
        ("dependabot", "Bot", ("dependabot", "Bot")),  # GraphQL
        ("renovate[bot]", "User", ("renovate", "Bot")),
        ("ghost", "User", (None, None)),
        (None, None, (None, None)),
    ],
)
def test_one_account_has_one_name_whichever_api_names_it(login: str | None, kind: str | None, expected: object) -> None:
    assert account(login, kind) == expected
    assert actor(None if login is None else {"login": login, "__typename": kind}) == expected
    assert user(None if login is None else {"id": 7, "login": login, "type": kind})[1:] == expected


def test_a_commit_without_a_linked_account_has_none() -> None:
    assert user({}) == user(None) == (None, None, None)
    assert user({"id": 10137, "login": "ghost", "type": "User"})[0] is None


@pytest.mark.parametrize(
    ("author", "expected"),
    [
        ({"user": {"login": "ada"}, "email": "a@x"}, "ada"),
        ({"user": {"login": "dependabot[bot]"}, "email": "a@x"}, "dependabot[bot]"),
        ({"user": None, "email": "49699333+dependabot[bot]@users.noreply.github.com"}, "dependabot[bot]"),
        ({"user": None, "email": "1+ada@users.noreply.github.com"}, None),
        ({"user": None, "email": None}, None),
        ({}, None),
    ],
)
def test_a_git_actor_that_is_a_bot_can_be_told(author: dict[str, object], expected: str | None) -> None:
    assert git_login(author) == expected


def test_times_with_an_offset_are_the_same_instant_in_utc() -> None:
    assert moment("2025-10-23T14:00:00+02:00") == moment("2025-10-23T12:00:00Z") == NOON
    assert moment("2025-10-23T14:00:00+02:00").tzinfo is UTC
    assert when(None) is None
    assert when("") is None


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("One", ("One", None)),
        ("One\n\nThis reverts commit abc.\nMore", ("One", "This reverts commit abc.")),
        ("One\r\n \r\n  Two \r\n", ("One", "  Two ")),
        (LONG_LINE, (LONG_LINE, None)),
        ("", ("", None)),
    ],
)  # fmt: skip
def test_subject_and_body_are_those_of_git(message: str, expected: tuple[str, str | None]) -> None:
    assert subject_and_body_start(message) == expected


def test_a_blank_body_counts_as_none() -> None:
    assert [characters(text) for text in (None, "", " \r\n\t", " ok\n")] == [0, 0, 0, 2]


def test_windows_of_runs_meet_without_a_gap_and_without_an_overlap() -> None:
    for seconds in (1, 2, 3, 59, 2_592_000):
        for parts in (2, 3, 7, 100):
            windows = split(NOON, NOON + timedelta(seconds=seconds), parts)
            assert windows[0][0] == NOON
            assert windows[-1][1] == NOON + timedelta(seconds=seconds)
            assert all(low <= high for low, high in windows)
            ends = itertools.pairwise(windows)
            assert all(second[0] - first[1] == timedelta(seconds=1) for first, second in ends)
            assert len(windows) == min(parts, seconds + 1)


def runs(count: int, every: float = 5.0) -> list[tuple[datetime, bool]]:
    """`count` ended runs, one each `every` minutes up to noon."""
    return [(NOON - timedelta(minutes=every * n), True) for n in range(count)]


def test_the_list_of_every_tick_keeps_its_address_while_it_is_short() -> None:
    mark = NOON - timedelta(days=9)
    assert next_mark(mark, [], NOON) == mark
    assert next_mark(mark, runs(LONG), NOON) == mark


def test_a_long_list_begins_later_but_not_after_what_is_going_on() -> None:
    mark = NOON - timedelta(days=9)
    many = runs(LONG + 1)
    assert next_mark(mark, many, NOON) == many[KEPT - 1][0]
    old = [*many[:40], (many[40][0], False), *many[41:]]
    assert next_mark(mark, old, NOON) == many[KEPT - 1][0]  # three hours on it is followed by its id
    soon = [*many[:34], (many[34][0], False), *many[35:]]
    assert next_mark(mark, soon, NOON) == many[34][0]
    dense = runs(CAP - 1, every=0.01)
    assert next_mark(mark, dense, NOON) == dense[0][0] - timedelta(minutes=10)  # late ones are still looked for


def test_the_next_page_is_found_among_the_links() -> None:
    def link(text: str) -> str | None:
        return Answer("", 200, {"link": text}, []).next_page

    pages = '<https://h/a?page=1>; rel="prev", <https://h/a?b=1,2&page=3>; rel="next", <https://h/a?page=9>; rel="last"'
    assert link(pages) == "https://h/a?b=1,2&page=3"
    assert link('<https://h/a?page=1>; rel="first", <https://h/a?page=1>; rel="prev"') is None
    assert Answer("", 200, {}, []).next_page is None


@pytest.mark.parametrize("name", ["branch_tip", "run_recheck"])
def test_a_repeated_field_asks_for_each_thing_once(name: str) -> None:
    assert repeated(name, 1).split() == document(name).split()
    query = parse(repeated(name, 12)).definitions[0]
    names = [variable.variable.name.value for variable in query.variable_definitions]  # type: ignore[attr-defined]
    assert len(set(names)) == len(names) >= 12
