"""Conversations are read as they are written; what is none is refused, with its place."""

import json
from pathlib import Path
from typing import Any

import pytest

from causerie.testing.conversations import (
    DEFAULT_WITHIN,
    Closes,
    Connects,
    Conversation,
    ConversationError,
    Deed,
    Enters,
    FallsSilent,
    Gets,
    GetsNothing,
    IsClosed,
    IsCut,
    Repeat,
    SaysHello,
    Sends,
    SendsBinary,
    ServerActs,
    Step,
    TimePasses,
    load_conversations,
    read_conversation,
)


def read(*steps: dict[str, Any], tags: list[str] | None = None, **more: object) -> Conversation:
    file = {"title": "A test", "tags": tags or [], "steps": steps, **more}
    return read_conversation("test", json.dumps(file).encode())


@pytest.mark.parametrize(
    ("line", "deed", "tags"),
    [
        ({"Al connects": "plain"}, Connects("Al", "plain"), ["plain"]),
        ({"Al connects": "v1"}, Connects("Al", "v1"), ["v1"]),
        ({"Al says hello": "$Al"}, SaysHello(who="Al", username="$Al"), ["v1"]),
        (
            {"Al says hello": "$Al", "key": "$key"},
            SaysHello(who="Al", username="$Al", key="$key"),
            ["v1"],
        ),
        (
            {"Al enters": "$room"},
            Enters(who="Al", profile="v1", username="$Al", room="$room"),
            ["v1"],
        ),
        (
            {"Al enters": "$room", "as": "$Bo", "key": "$key"},
            Enters(who="Al", profile="v1", username="$Bo", room="$room", key="$key"),
            ["v1"],
        ),
        (
            {"Al enters plain": "$room"},
            Enters(who="Al", profile="plain", username="$Al", room="$room"),
            ["plain"],
        ),
        ({"Al sends": {"type": "ping"}}, Sends(who="Al", frames=[{"type": "ping"}]), []),
        ({"Al sends": ["a", "b"]}, Sends(who="Al", frames=["a", "b"]), []),
        (
            {"Al sends at once": "a", "times": 9},
            Sends(who="Al", frames=["a"], times=9, rushes=True),
            [],
        ),
        ({"Al sends binary": "a"}, SendsBinary("Al", "a"), []),
        ({"Al gets": {"a": 1}}, Gets(who="Al", patterns=[{"a": 1}], ordered=True), []),
        (
            {"Al gets": [1, 2], "within": 9, "passing over": {}},
            Gets(who="Al", patterns=[1, 2], ordered=True, within=9, passing_over={}),
            [],
        ),
        ({"Al gets in any order": [1]}, Gets(who="Al", patterns=[1], ordered=False), []),
        ({"Al gets nothing": True}, GetsNothing("Al"), []),
        ({"Al is closed": 1009}, IsClosed(who="Al", code=1009), []),
        ({"Al closes": 1000}, Closes("Al", 1000), []),
        ({"Al is cut off": True}, IsCut("Al"), []),
        ({"Al falls silent": True}, FallsSilent("Al"), []),
        ({"time passes": 5}, TimePasses(5), []),
        ({"the server": "is killed"}, ServerActs("is killed"), ["control"]),
        (
            {"repeat": [{"time passes": 1}, {"time passes": 2}], "times": 3},
            Repeat([Step("1.1", TimePasses(1)), Step("1.2", TimePasses(2))], 3),
            [],
        ),
        ({"Al sends": "a", "times": 2}, Repeat([Step("1", Sends(who="Al", frames=["a"]))], 2), []),
    ],
    ids=str,
)
def test_a_step_is_read(line: dict[str, Any], deed: Deed, tags: list[str]) -> None:
    assert read(line, tags=tags).steps == [Step("1", deed)]


def test_a_conversation_is_read_with_all_that_it_says_of_itself() -> None:
    conversation = read(
        {"Al connects": "v1"},
        tags=["v1", "socket", "slow"],
        about="Because.",
        presence=True,
        requires={"grace": {"$above": 5}},
    )
    assert conversation.name == "test"
    assert conversation.title == "A test"
    assert conversation.about == "Because."
    assert conversation.tags == {"v1", "socket", "slow"}
    assert conversation.presence
    assert conversation.requires == {"grace": {"$above": 5}}
    assert conversation.takes == {"socket"}


def test_what_is_expected_has_five_seconds_and_comings_and_goings_do_not_count() -> None:
    conversation = read({"Al gets": 1})
    gets = conversation.steps[0].deed
    assert isinstance(gets, Gets)
    assert gets.within == DEFAULT_WITHIN == 5000
    assert not conversation.presence
    assert conversation.takes == set()


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ({}, "says one thing"),
        ({"Al gets": 1, "Bo gets": 2}, "says one thing"),
        ({"times": 3}, "says one thing"),
        ({"gets": 1}, "no step"),
        ({"al gets": 1}, "no step"),
        ({"Al dances": True}, "no step: Al dances"),
        ({"the weather": "rain"}, "no step"),
        ({"Al connects": "v2"}, "Invalid enum value 'v2'"),
        ({"the server": "sings"}, "Invalid enum value 'sings'"),
        ({"Al closes": "soon"}, "Expected `int`"),
        ({"Al sends binary": 5}, "Expected `str`"),
        ({"Al sends": 1, "within": 5}, "“sends” has no"),
        ({"Al gets nothing": True, "within": 5}, "“gets nothing” has no"),
        ({"Al enters plain": "$room", "key": "$key"}, "“enters plain” has no"),
        ({"Al gets": {"$typo": 1}}, "no operator or matcher"),
        ({"Al gets": 1, "passing over": {"$typo": 1}}, "no operator or matcher"),
        ({"Al is closed": {"$typo": 1}}, "no operator or matcher"),
        ({"repeat": [{"time passes": 1}]}, "how many times"),
        ({"repeat": {"time passes": 1}, "times": 2}, "Expected `array`"),
        ({"repeat": [5], "times": 2}, "Expected `object`"),
    ],
    ids=str,
)
def test_what_is_no_step_is_refused_with_its_number(line: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConversationError) as error:
        read({"time passes": 1}, line)
    assert str(error.value).startswith("test, step 2")
    assert complaint in str(error.value)


def test_a_bad_step_within_a_repetition_is_told_with_both_numbers() -> None:
    with pytest.raises(ConversationError, match=r"test, step 1\.2: .*dances"):
        read({"repeat": [{"time passes": 1}, {"Al dances": 1}], "times": 2})


@pytest.mark.parametrize(
    ("file", "complaint"),
    [
        (b"", "malformed|truncated"),
        (b"[]", "Expected `object`"),
        (b'{"title": "t", "tags": []}', "steps"),
        (b'{"title": "t", "tags": [], "steps": [], "colour": 1}', "colour"),
        (b'{"title": "t", "tags": ["fun"], "steps": []}', "'fun'"),
        (b'{"title": "t", "tags": [], "steps": [], "requires": {"$typo": 1}}', "no operator"),
    ],
)
def test_what_is_no_conversation_is_refused(file: bytes, complaint: str) -> None:
    with pytest.raises(ConversationError, match=complaint) as error:
        read_conversation("odd", file)
    assert str(error.value).startswith("odd: ")


@pytest.mark.parametrize(
    ("lines", "tags"),
    [
        ([{"Al connects": "v1"}], ["plain"]),
        ([{"Al connects": "v1"}], []),
        ([{"Al enters plain": "$room"}], ["plain", "v1"]),
        ([{"repeat": [{"Al says hello": "$Al"}], "times": 1}], []),
        ([], ["v1"]),
    ],
)
def test_the_tags_name_the_profiles_that_are_used(lines: list[Any], tags: list[str]) -> None:
    with pytest.raises(ConversationError, match="should name the profiles"):
        read(*lines, tags=tags)


@pytest.mark.parametrize(
    ("lines", "tags"), [([{"the server": "stops"}], []), ([{"time passes": 1}], ["control"])]
)
def test_control_is_the_tag_of_those_that_move_the_server(
    lines: list[Any], tags: list[str]
) -> None:
    with pytest.raises(ConversationError, match="control"):
        read(*lines, tags=tags)


def test_a_folder_is_read_in_the_order_of_names_and_only_its_json_files(tmp_path: Path) -> None:
    file = '{"title": "t", "tags": [], "steps": []}'
    for name in ("b.json", "a.json", "README.md"):
        (tmp_path / name).write_text(file)
    (tmp_path / "client").mkdir()
    assert [one.name for one in load_conversations(tmp_path)] == ["a", "b"]


def test_the_protocol_s_own_conversations_are_found_without_being_told_where() -> None:
    assert "message" in {conversation.name for conversation in load_conversations()}
