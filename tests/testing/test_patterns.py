"""The blanks in conversations: what is put into them, and what fits them."""

from random import Random
from typing import Any

import pytest

from causerie.chat.names import parse_room, parse_username
from causerie.testing.patterns import JSON, BadTemplate, Variables, check_pattern, show
from causerie.wire.codec import decode_command
from causerie.wire.commands import Hello, Ping

NOW = 1_800_000_000_123_456
"""Microseconds."""


def variables(**known: JSON) -> Variables:
    return Variables(Random(1), lambda: NOW, known)


def test_what_has_no_names_stays_as_it_is() -> None:
    template: JSON = {"a": [1, 2.5, None, True, "text", {"b": "$5 and $"}]}
    assert variables().fill(template) == template


def test_a_name_alone_stands_for_its_value_and_within_a_text_for_its_text() -> None:
    known = variables(seq=5, name="Ann")
    assert known.fill("$seq") == 5
    assert known.fill("$name-$seq: $seq.") == "Ann-5: 5."


def test_a_path_leads_into_a_value() -> None:
    known = variables(page=[{"seq": 7}, {"seq": 8}])
    assert known.fill("$page.1.seq") == 8
    assert known.fill("from $page.0.seq on") == "from 7 on"


@pytest.mark.parametrize("path", ["$page.2.seq", "$page.first", "$page.0.id", "$page.0.seq.x"])
def test_a_path_that_leads_nowhere_is_refused(path: str) -> None:
    with pytest.raises(BadTemplate, match="there is no"):
        variables(page=[{"seq": 7}]).fill(path)


def test_a_name_that_nothing_has_set_is_refused() -> None:
    with pytest.raises(BadTemplate, match=r"nothing has set \$seq"):
        variables().fill("$seq")


def test_names_are_made_up_at_random_by_how_they_begin_and_then_stay() -> None:
    made = variables()
    name, room = made.fill("$Alice"), made.fill("$roomA")
    key, id, digits = made.fill("$key"), made.fill("$id2"), made.fill("$digits")
    assert isinstance(name, str)
    assert name.startswith("Alice-")
    assert parse_username(name).display == name
    assert isinstance(room, str)
    assert parse_room(room).folded == room
    assert isinstance(key, str)
    assert isinstance(id, str)
    hello = decode_command(
        f'{{"type": "hello", "username": "a", "key": "{key}", "id": "{id}"}}'.encode()
    )
    assert hello == Hello(username="a", key=key, id=id)
    assert isinstance(digits, str)
    assert digits.isdecimal()
    assert len(digits) == 10
    assert [made.fill(f"${name}") for name in ("Alice", "roomA", "key", "id2", "digits")] == [
        *(name, room, key, id, digits)
    ]
    assert len({made.fill(f"$id{index}") for index in range(50)}) == 50


def test_no_two_made_up_names_look_alike() -> None:
    made = [str(Variables(Random(seed), lambda: NOW).fill("$Bob")) for seed in range(200)]
    assert len({parse_username(name).skeleton for name in made}) == len(set(made)) == 200


def test_a_new_id_is_another_each_time_and_good_for_a_command() -> None:
    made = variables()
    first, second = made.new_id(), made.new_id()
    assert first != second
    assert decode_command(f'{{"type": "ping", "id": "{first}"}}'.encode()) == Ping(id=first)


def test_a_name_can_be_set() -> None:
    known = variables(n=1)
    known.set("n", 2)
    assert known.fill("$n") == 2
    assert known.knows("n")
    assert known.knows("Anybody")
    assert not known.knows("seq")


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ({"$sum": [1, "$five", -2]}, 4),
        ({"$sum": ["$half", 1]}, 1.5),
        ({"$repeat": "ab", "times": "$five"}, "ababababab"),
        ({"$concat": ["a", 5, {"$repeat": "b", "times": 2}]}, "a5bb"),
        ({"$upper": "Straße"}, "STRASSE"),
        ({"$now": "ms"}, NOW // 1000),
        ({"$now": "s"}, NOW / 1_000_000),
        ([{"a": {"$sum": [1]}}], [{"a": 1}]),
    ],
)
def test_an_operator_stands_for_its_result(template: JSON, value: JSON) -> None:
    assert variables(five=5, half=0.5).fill(template) == value


@pytest.mark.parametrize(
    "template",
    [
        {"$sum": 5},
        {"$sum": ["five"]},
        {"$sum": [True]},
        {"$sum": [1], "more": 2},
        {"$repeat": "a"},
        {"$repeat": "a", "times": "x"},
        {"$repeat": "a", "times": 1.5},
        {"$repeat": "a", "times": True},
        {"$concat": "a"},
        {"$now": "hours"},
        {"$is": "string"},
        {"$typo": 1},
    ],
)
def test_what_is_no_operator_is_refused(template: JSON) -> None:
    with pytest.raises(BadTemplate):
        variables().fill(template)


def test_an_integer_can_be_asked_for() -> None:
    assert variables(five=5).integer({"$sum": ["$five", 1]}) == 6
    with pytest.raises(BadTemplate, match="should be an integer"):
        variables(five="5").integer("$five")


MATCHES: list[tuple[Any, Any]] = [
    ({}, {"any": "thing"}),
    ({"a": 1}, {"a": 1, "b": 2}),
    ({"a": {"b": [1, {"c": "x"}]}}, {"a": {"b": [1, {"c": "x", "d": 0}]}}),
    ({"a": 1}, {"a": 1.0}),
    ({"a": None, "b": False, "c": 0}, {}),
    ({"a": None}, {"a": None}),
    ("$five", 5),
    ("$five.", "5."),
    ({"$sum": ["$five", 1]}, 6),
    ({"$is": "any"}, ""),
    ({"$is": "string"}, "x"),
    ({"$is": "boolean"}, False),
    ({"$is": "number"}, 1.5),
    ({"$is": "integer"}, 1),
    ({"$is": "array"}, []),
    ({"$is": "object"}, {}),
    ({"$is": "ms"}, NOW / 1000 + 5),
    ({"$is": "s"}, NOW // 1_000_000),
    ({"$is": ["integer", "ms"]}, NOW // 1000),
    ({"$not": 5}, 6),
    ({"$not": {"a": 1}}, {"a": 2}),
    ({"a": {"$not": 5}}, {}),
    ({"$either": [1, {"$is": "string"}]}, "x"),
    ({"$above": 4, "$below": "$seven"}, 5),
    ({"$contains": "b$five"}, "ab5c"),
    ({"$count": 2}, [1, 2]),
    ({"$count": {"$above": 2}}, "abc"),
    ({"$has": [3, 1]}, [1, 2, 3]),
    ({"$these": [3, 1]}, [1, 3]),
    ({"$these": [{"$is": "integer"}, "x"]}, ["x", 3]),
    ([], []),
]


@pytest.mark.parametrize(("pattern", "value"), MATCHES, ids=str)
def test_a_value_matches(pattern: JSON, value: JSON) -> None:
    assert variables(five=5, seven=7).mismatch(pattern, value) is None
    check_pattern(pattern)


DIFFERS: list[tuple[Any, Any, str]] = [
    ({"a": 1}, {"a": 2}, "a should be 1, and is 2"),
    ({"a": 1}, {}, "a should be 1, and is nothing"),
    ({"a": ""}, {}, 'a should be "", and is nothing'),
    ({"a": []}, {}, "a should be 0 elements, and is nothing"),
    ({"a": 1}, {"a": True}, "a should be 1, and is true"),
    ({"a": True}, {"a": 1}, "a should be true, and is 1"),
    ({"a": False}, {"a": 0}, "a should be false, and is 0"),
    ({"a": None}, {"a": False}, "a should be null, and is false"),
    ({"a": "1"}, {"a": 1}, 'a should be "1", and is 1'),
    ({"a": {"b": 1}}, {"a": [1]}, "a should be an object, and is [1]"),
    ({"a": {"b": [1, 2]}}, {"a": {"b": [1]}}, "a.b should be 2 elements, and is [1]"),
    ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 3]}}, "a.b[1] should be 2, and is 3"),
    ({"a": 1}, [], "the frame should be an object, and is []"),
    ({"a": "$five"}, {"a": 6}, "a should be 5, and is 6"),
    ({"a": "$new"}, {}, "a should be something, and is nothing"),
    ({"a": {"$as": "new"}}, {}, "a should be something, and is nothing"),
    ({"a": {"$is": "any"}}, {"a": None}, "a should be any, and is null"),
    ({"$is": "string"}, 1, "should be string, and is 1"),
    ({"$is": "boolean"}, 1, "boolean"),
    ({"$is": "number"}, True, "number"),
    ({"$is": "number"}, "1", "number"),
    ({"$is": "integer"}, 1.0, "integer"),
    ({"$is": "array"}, {}, "array"),
    ({"$is": "object"}, [], "object"),
    ({"$is": "ms"}, NOW / 1_000_000, "ms"),
    ({"$is": "s"}, NOW / 1000, "s, and"),
    ({"$is": "ms"}, "now", "ms"),
    ({"$is": ["integer", "ms"]}, NOW / 1000, "integer ms"),
    ({"$not": 5}, 5, "anything but 5"),
    ({"$either": [1, 2]}, 3, "one of [1, 2]"),
    ({"$above": 5}, 5, "a number above 5"),
    ({"$below": 5}, 5, "a number below 5"),
    ({"$above": 5}, "6", "a number above 5"),
    ({"$contains": "x"}, "abc", 'a text with "x" in it'),
    ({"$contains": "5"}, 5, "a text with"),
    ({"a": {"$count": 2}}, {"a": [1]}, "the length of a should be 2, and is 1"),
    ({"$count": 2}, 2, "something that has a length"),
    ({"$has": [4]}, [1, 2], "an array with 4 in it"),
    ({"$has": [1, 1]}, [1, 2], "an array with 1 in it"),
    ({"$has": [1]}, 1, "an array, and is 1"),
    ({"$these": [1]}, [1, 2], "no 2 in it"),
]


@pytest.mark.parametrize(("pattern", "value", "difference"), DIFFERS, ids=str)
def test_a_value_does_not_match_and_it_is_said_where(
    pattern: JSON, value: JSON, difference: str
) -> None:
    assert difference in (variables(five=5).mismatch(pattern, value) or "nothing differs")


def test_a_name_that_is_not_set_takes_the_value_in_its_place() -> None:
    found = variables()
    assert found.mismatch({"a": "$seq", "b": ["$seq", "$other"]}, {"a": 5, "b": [5, 6]}) is None
    assert found.fill(["$seq", "$other"]) == [5, 6]
    assert found.mismatch({"a": "$seq"}, {"a": 6}) == "a should be 5, and is 6"


def test_a_name_within_one_pattern_has_to_stand_for_one_value() -> None:
    assert variables().mismatch(["$seq", "$seq"], [5, 6]) == "[1] should be 5, and is 6"


def test_nothing_is_taken_from_a_value_that_does_not_match() -> None:
    found = variables()
    assert found.mismatch({"a": "$seq", "b": 1}, {"a": 5, "b": 2}) is not None
    assert not found.knows("seq")


def test_a_value_can_be_taken_anew_under_a_name_with_a_counter() -> None:
    found = variables(n=3, seq3="old")
    assert found.mismatch({"$is": "integer", "$as": "seq$n"}, 5) is None
    assert found.fill("$seq3") == 5


def test_what_one_of_several_patterns_takes_is_kept_only_if_it_matches() -> None:
    found = variables()
    either: JSON = {"$either": [{"a": "$x", "b": 1}, {"a": "$y"}]}
    assert found.mismatch(either, {"a": 5, "b": 2}) is None
    assert (found.knows("x"), found.fill("$y")) == (False, 5)
    assert found.mismatch({"$has": [{"c": "$z", "d": 1}]}, [{"c": 1}, {"c": 2, "d": 1}]) is None
    assert found.fill("$z") == 2


@pytest.mark.parametrize(
    "pattern",
    [
        {"$typo": 1},
        {"$is": "string", "$typo": 1},
        {"$is": "string", "field": 1},
        [{"a": {"$iss": 1}}],
        {"$has": 1},
        {"$these": {"a": 1}},
        {"$either": "x"},
    ],
)
def test_a_pattern_with_an_unknown_matcher_is_refused(pattern: JSON) -> None:
    with pytest.raises(BadTemplate):
        check_pattern(pattern)


def test_an_unknown_kind_is_refused_when_it_is_needed() -> None:
    with pytest.raises(BadTemplate, match="there is no kind"):
        variables().mismatch({"$is": "colour"}, 5)


def test_an_unknown_matcher_beside_a_known_one_is_refused_when_it_is_needed() -> None:
    with pytest.raises(BadTemplate, match="no matcher"):
        variables().mismatch({"$is": "any", "$typo": 5}, 5)


def test_what_is_long_is_shown_by_its_beginning() -> None:
    assert show({"a": "é"}) == '{"a": "é"}'
    long = show("x" * 1000)
    assert len(long) < 350
    assert long.endswith("… (1002 characters)")
