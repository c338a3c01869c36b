import json
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from causerie.bench.courses import (
    Ask,
    Course,
    Page,
    Place,
    backwards,
    decode,
    fault,
    forwards,
    random_places,
)

LOGS = st.dictionaries(
    st.sampled_from(["tea", "coffee", "water"]),
    st.sets(st.integers(1, 60), min_size=1).map(sorted),
    min_size=1,
)
"""Rooms, and the seqs of their entries."""


def places(seqs: list[int]) -> list[Place]:
    return [Place(seq, prev) for prev, seq in zip([0, *seqs], seqs, strict=False)]


def answer(log: list[int], ask: Ask, limit: int) -> Page:
    """What a server that does as it promises would answer."""
    if ask.after is not None:
        found = [place for place in places(log) if place.seq > ask.after]
        return Page(found[:limit], len(found) > limit)
    found = [place for place in places(log) if ask.before is None or place.seq < ask.before]
    return Page(found[-limit:], len(found) > limit)


def follow(course: Course, logs: dict[str, list[int]], limit: int, pages: int) -> list[Page]:
    """The pages that one comes by, each of them sound; of room after room."""
    ask = next(course)
    came = []
    for _ in range(pages):
        page = answer(logs[ask.room], ask, limit)
        assert fault(ask, page, limit) is None
        came.append(page)
        ask = course.send(page)
    return came


def seqs(pages: list[Page]) -> list[int]:
    return [place.seq for page in pages for place in page.entries]


@given(LOGS, st.integers(1, 9))
def test_forwards_one_comes_by_everything_in_order_and_begins_again(
    logs: dict[str, list[int]], limit: int
) -> None:
    once = sum(-(-len(log) // limit) for log in logs.values())
    came = follow(forwards(list(logs)), logs, limit, 2 * once)
    assert seqs(came) == 2 * [seq for log in logs.values() for seq in log]


@given(LOGS, st.integers(1, 9))
def test_backwards_one_comes_by_everything_too(logs: dict[str, list[int]], limit: int) -> None:
    once = sum(-(-len(log) // limit) for log in logs.values())
    came = follow(backwards(list(logs)), logs, limit, 2 * once)
    assert sorted(seqs(came)) == sorted(2 * [seq for log in logs.values() for seq in log])


@given(st.integers(1, 500), st.integers(0))
def test_at_random_places_there_is_always_a_page_and_each_entry_can_be_its_last(
    length: int, seed: int
) -> None:
    logs = {"tea": list(range(1, length + 1))}
    came = follow(random_places({"tea": length}, Random(seed)), logs, 10, 200)
    assert all(page.entries for page in came)
    if length <= 5:
        assert {page.entries[-1].seq for page in came} == set(logs["tea"])


def test_the_same_seed_gives_the_same_places() -> None:
    one, other = (random_places({"tea": 10**6, "water": 9}, Random(4)) for _ in range(2))
    page = Page([Place(1, 0)])
    assert next(one) == next(other)
    assert [one.send(page) for _ in range(9)] == [other.send(page) for _ in range(9)]


@pytest.mark.parametrize(
    ("ask", "entries", "says"),
    [
        (Ask("tea"), [], "empty"),
        (Ask("tea"), [Place(1, 0), Place(2, 1), Place(3, 2)], "more entries"),
        (Ask("tea", before=2), [Place(1, 0), Place(2, 1)], "beyond"),
        (Ask("tea", after=1), [Place(3, 2)], "does not begin"),
        (Ask("tea"), [Place(1, 0), Place(3, 2)], "missing"),
    ],
)
def test_a_page_that_is_not_whole_is_found_out(ask: Ask, entries: list[Place], says: str) -> None:
    assert says in (fault(ask, Page(entries), 2) or "")


@pytest.mark.parametrize(
    ("ask", "fields"),
    [
        (Ask("tea"), {}),
        (Ask("tea", before=7), {"before": 7}),
        (Ask("tea", after=0), {"after": 0}),
    ],
)
def test_a_command_asks_for_one_page(ask: Ask, fields: dict[str, int]) -> None:
    command = json.loads(ask.command(50))
    assert command == {"type": "history", "id": "page", "room": "tea", "limit": 50, **fields}


def test_of_a_page_only_the_places_are_read() -> None:
    page = decode(b'{"type":"history","entries":[{"seq":3,"prev":1,"content":"x"}],"more":true}')
    assert page == Page([Place(3, 1)], more=True)
