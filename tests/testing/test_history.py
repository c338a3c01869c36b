"""The history checker finds each kind of broken promise, and nothing where none is broken."""

import dataclasses

import pytest

from causerie.testing.history import Seen, Witness, check

ONE = Seen(1, "a", "Alice", "one")
TWO = Seen(2, "b", "Bob", "two")
THREE = Seen(3, "c", "Alice", "three")
LOG = {"lobby": [ONE, TWO, THREE]}


def honest() -> Witness:
    """A client to whom every promise was kept."""
    return Witness(
        "Alice",
        sent={"a": "lobby", "c": "lobby"},
        acked={"a": ("lobby", 1), "c": ("lobby", 3)},
        shown={"lobby": [ONE, TWO, THREE]},
        since={"lobby": 0},
    )


def test_nothing_is_found_where_everything_held() -> None:
    assert check([honest()], LOG) == []


def test_who_joined_later_need_not_have_been_shown_what_came_before() -> None:
    late = dataclasses.replace(honest(), shown={"lobby": [THREE]}, since={"lobby": 2}, acked={})
    assert check([late], LOG) == []


def test_who_does_not_care_may_have_been_shown_only_some() -> None:
    part = dataclasses.replace(honest(), shown={"lobby": [ONE, THREE]}, since={})
    assert check([part], LOG) == []


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"acked": {"z": ("lobby", 4)}}, "lost"),
        ({"acked": {"a": ("elsewhere", 1)}}, "lost"),
        ({"acked": {"a": ("lobby", 2)}}, "moved"),
        ({"shown": {"lobby": [ONE, THREE]}}, "lost"),
        ({"shown": {}}, "lost"),
        ({"shown": {"lobby": [ONE, TWO, TWO, THREE]}}, "doubled"),
        ({"shown": {"lobby": [ONE, THREE, TWO]}}, "misordered"),
        ({"shown": {"lobby": [ONE, TWO, THREE, Seen(4, "d", "Eve", "?")]}}, "invented"),
        ({"shown": {"lobby": [ONE, TWO._replace(content="2"), THREE]}}, "invented"),
    ],
)
def test_a_broken_promise_is_found(change: dict[str, object], kind: str) -> None:
    witness = dataclasses.replace(honest(), **change)  # type: ignore[arg-type]
    found = check([witness], LOG)
    assert kind in {violation.kind for violation in found}
    assert all(str(violation).startswith(f"{violation.kind} (Alice)") for violation in found)


def test_a_message_stored_twice_is_found_in_the_log_itself() -> None:
    found = check([], {"lobby": [ONE, TWO, ONE._replace(seq=3)]})
    assert [(violation.kind, violation.witness) for violation in found] == [("doubled", "log")]


def test_two_people_may_use_the_same_id() -> None:
    assert check([], {"lobby": [ONE, Seen(2, "a", "Bob", "mine")]}) == []


def test_a_log_out_of_order_is_found() -> None:
    found = check([], {"lobby": [TWO, ONE]})
    assert [violation.kind for violation in found] == ["misordered"]
