"""The player does what clients do, and finds what a server does otherwise than told.

For each kind of step there is a conversation that is wrong on purpose.
"""

import json
from collections import deque
from random import Random
from typing import Any

import pytest

from causerie.server.settings import HubSettings
from causerie.testing.conversations import (
    Ability,
    Action,
    Conversation,
    Profile,
    read_conversation,
)
from causerie.testing.memory_driver import MemoryDriver
from causerie.testing.playing import (
    Closed,
    ConversationFailed,
    Link,
    Unreachable,
    play,
    unmet,
    welcome,
)

Line = dict[str, Any]

PING: Line = {"Al sends": {"type": "ping", "id": "1"}}
PONG: Line = {"Al gets": {"type": "pong", "id": "1"}}


def conversation(*steps: Line, presence: bool = False) -> Conversation:
    """A conversation called `test`; its tags follow from its steps."""
    text = json.dumps(steps)
    tags = []
    if "plain" in text:
        tags.append("plain")
    if "v1" in text or '"Al enters"' in text or "says hello" in text:
        tags.append("v1")
    if "the server" in text:
        tags.append("control")
    file = {"title": "A test", "tags": tags, "steps": steps, "presence": presence}
    return read_conversation("test", json.dumps(file).encode())


async def played(
    *steps: Line, presence: bool = False, settings: HubSettings | None = None
) -> MemoryDriver:
    """Plays steps with a server in memory."""
    driver = MemoryDriver(settings)
    chance = Random(1)
    greeting = await welcome(driver, chance)
    await play(conversation(*steps, presence=presence), driver, greeting, chance)
    return driver


async def failure(*steps: Line, presence: bool = False) -> str:
    """What is said of a conversation that does not hold."""
    with pytest.raises(ConversationFailed) as error:
        await played(*steps, presence=presence)
    return str(error.value)


class Script:
    """A server that says what it is told to, whatever it hears. Is a `Driver` and its `Link`."""

    def __init__(self, *says: bytes | Closed | None) -> None:
        self._says = deque(says)
        self.heard: list[str | bytes] = []
        self.did: list[str] = []
        self.unreachable = ""
        self._elapsed = 0.0

    @property
    def abilities(self) -> frozenset[Ability]:
        return frozenset({"socket", "control"})

    def now(self) -> int:
        return 1_800_000_000_000_000

    def elapsed(self) -> float:
        return self._elapsed

    async def connect(self, profile: Profile) -> Link:
        if self.unreachable:
            raise Unreachable(self.unreachable)
        self.did.append(f"connects {profile}")
        return self

    async def wait(self, milliseconds: float) -> None:
        self._elapsed += milliseconds
        self.did.append(f"waits {milliseconds:.0f}")

    async def control(self, action: Action) -> None:
        self.did.append(action)

    async def send(self, text: str) -> None:
        self.heard.append(text)

    async def send_binary(self, data: bytes) -> None:
        self.heard.append(data)

    async def receive(self, within: int) -> bytes | Closed | None:
        del within
        return self._says.popleft() if self._says else None

    async def close(self, code: int) -> None:
        self.did.append(f"closes {code}")

    async def cut(self) -> None:
        self.did.append("cuts")

    async def fall_silent(self) -> None:
        self.did.append("falls silent")


async def scripted(script: Script, *steps: Line) -> None:
    await play(conversation(*steps), script, {}, Random(1))


async def scripted_failure(script: Script, *steps: Line) -> str:
    with pytest.raises(ConversationFailed) as error:
        await scripted(script, *steps)
    return str(error.value)


# What holds.


async def test_what_is_sent_is_filled_and_what_comes_is_compared() -> None:
    await played(
        {"Al says hello": "$Al"},
        {"Al sends": {"type": "join", "room": "$room", "id": "$id"}},
        {"Al gets": {"type": "joined", "id": "$id", "room": "$room", "head": "$head"}},
        {
            "Al sends": {
                "type": "message",
                "room": "$room",
                "content": "after $head.seq",
                "id": "$id2",
            }
        },
        {
            "Al gets in any order": [
                {"type": "message", "username": "$Al", "content": "after 0"},
                {"type": "ack", "id": "$id2", "seq": {"$above": "$head.seq"}},
            ]
        },
    )


async def test_several_frames_are_sent_one_after_another_and_text_as_it_is() -> None:
    script = Script()
    await scripted(
        script,
        {"Al connects": "v1"},
        {"Al sends": ["a b", {"n": "é"}]},
        {"Al sends binary": "c"},
        {"Al closes": 1001},
    )
    assert script.heard == ["a b", '{"n": "é"}', b"c"]
    assert script.did == ["connects v1", "closes 1001"]


async def test_a_step_and_a_block_are_repeated_with_a_counter() -> None:
    script = Script()
    await scripted(
        script,
        {"Al connects": "v1"},
        {"Al sends": "a$n", "times": 2},
        {"repeat": [{"Al sends": "b$n"}, {"Al sends": "c$n"}], "times": {"$sum": [1, 1]}},
        {"Al sends at once": "d$n", "times": 2},
        {"Al is cut off": True},
    )
    assert script.heard == ["a1", "a2", "b1", "c1", "b2", "c2", "d1", "d2"]
    assert script.did[-1] == "cuts"


async def test_time_passes_and_the_server_is_moved() -> None:
    script = Script()
    await scripted(
        script,
        {"time passes": {"$sum": [1000, 500]}},
        {"the server": "is copied"},
        {"the server": "cannot read its log"},
    )
    assert script.did == ["waits 1500", "is copied", "cannot read its log"]


@pytest.mark.parametrize("action", ["is killed", "loses its log", "goes back to its copy"])
async def test_who_was_connected_to_a_server_that_died_can_connect_again(action: str) -> None:
    script = Script()
    await scripted(
        script,
        {"Al connects": "v1"},
        {"the server": action},
        {"Al connects": "v1"},
        {"Al closes": 1000},
    )
    assert script.did == ["connects v1", action, "connects v1", "closes 1000"]


async def test_commands_keep_to_the_rate_limit_unless_they_are_sent_at_once() -> None:
    settings = HubSettings(rate=10.0)
    driver = await played(
        {"Al connects": "v1"}, {"repeat": [PING, PONG], "times": 100}, settings=settings
    )
    assert driver.elapsed() >= (100 - 20) / 10 * 1000
    driver = await played(
        {"Al connects": "v1"},
        {"Al sends at once": {"type": "ping", "id": "ping $n"}, "times": 30},
        {"Al gets": {"type": "pong", "id": {"$is": "string"}}, "times": 20},
        {"Al gets": {"type": "error", "code": "rate_limited"}, "times": 10},
        settings=settings,
    )
    assert driver.elapsed() < 1000


async def test_a_server_without_a_rate_limit_is_not_waited_for() -> None:
    driver = await played(
        {"Al connects": "v1"},
        {"repeat": [PING, PONG], "times": 100},
        settings=HubSettings(rate=0.0),
    )
    assert driver.elapsed() == 0


async def test_comings_and_goings_are_passed_over_in_both_profiles() -> None:
    await played(
        {"Al enters": "$room"},
        {"Bo enters plain": "$room"},
        {"Cy enters": "$room"},
        {"Cy closes": 1000},
        {"time passes": 1000},
        {"Al gets nothing": True},
        {"Bo gets nothing": True},
    )


async def test_what_somebody_says_about_comings_and_goings_counts() -> None:
    said = await failure(
        {"Al enters plain": "$room"},
        {"Al sends": {"type": "message", "room": "$room", "content": "Bo has joined the chat"}},
        {"Al gets nothing": True},
    )
    assert "Al should get nothing, but got" in said
    await played(
        {"Al enters plain": "$room"},
        {"Al sends": {"type": "message", "room": "$room", "content": "Bo has joined the chat"}},
        {"Al gets": {"type": "message", "username": "$Al"}},
    )


async def test_frames_that_do_not_count_are_passed_over() -> None:
    await played(
        {"Al connects": "v1"},
        {"Al sends at once": {"type": "ping", "id": "ping $n"}, "times": 5},
        {"Al gets": {"type": "pong", "id": "ping 3"}, "passing over": {"type": "pong"}},
        {
            "Al gets in any order": [{"id": "ping 5"}, {"id": "ping 4"}],
            "passing over": {"type": "pong"},
        },
    )


async def test_who_is_silent_is_not_asked_in_the_end() -> None:
    script = Script()
    await scripted(script, {"Al connects": "v1"}, {"Al falls silent": True})
    assert script.did == ["connects v1", "falls silent", "closes 1000"]
    assert script.heard == []


async def test_the_code_of_a_close_can_be_taken_and_used() -> None:
    script = Script(Closed(4001))
    await scripted(
        script, {"Al connects": "v1"}, {"Al is closed": "$code"}, {"time passes": "$code"}
    )
    assert script.did == ["connects v1", "waits 4001"]


# What does not.


async def test_a_frame_that_differs_is_told_with_file_step_person_and_both_frames() -> None:
    said = await failure(
        {"Al connects": "v1"}, PING, PONG, PING, {"Al gets": {"type": "pong", "id": "2"}}
    )
    assert said.startswith('test, step 5: Al should get\n  {"type": "pong", "id": "2"}\nbut got\n')
    assert '(id should be "2", and is "1")' in said
    assert 'Before that, Al got\n  {"type": "pong"' in said


async def test_what_is_expected_is_told_with_its_names_filled_in() -> None:
    said = await failure(
        {"Al connects": "v1"},
        PING,
        {"Al gets": {"type": "pong", "id": "$id", "time": "$time", "list": ["$Al"]}},
    )
    assert '"id": "$id"' not in said
    assert '"time": "$time", "list": ["Al-' in said
    assert "Al had got nothing before" in said


async def test_the_order_of_frames_counts_unless_it_does_not() -> None:
    pings: Line = {"Al sends": [{"type": "ping", "id": "1"}, {"type": "ping", "id": "2"}]}
    wanted = [{"id": "2"}, {"id": "1"}]
    await played({"Al connects": "v1"}, pings, {"Al gets in any order": wanted})
    said = await failure({"Al connects": "v1"}, pings, {"Al gets": wanted})
    assert 'step 3: Al should get\n  {"id": "2"}\nbut got' in said


async def test_in_any_order_each_pattern_has_its_own_frame() -> None:
    pings: Line = {"Al sends": [{"type": "ping", "id": "1"}, {"type": "ping", "id": "1"}]}
    said = await failure(
        {"Al connects": "v1"}, pings, {"Al gets in any order": [{"id": "1"}, {"id": "2"}]}
    )
    assert 'should get\n  {"id": "2"}\nbut got' in said
    said = await failure({"Al connects": "v1"}, pings, {"Al gets in any order": [{"a": 1}, 2]})
    assert '{"a": 1}\nor\n  2' in said


async def test_what_does_not_come_in_time_is_missed() -> None:
    said = await failure({"Al connects": "v1"}, {"Al gets": {"type": "pong"}, "within": 100})
    assert said.startswith("test, step 2: Al should get")
    assert "but nothing came" in said


async def test_a_greeting_that_comes_later_than_told_is_missed() -> None:
    await played({"Al connects": "plain"}, {"Al gets": {"timestamp": 0}, "within": 1100})
    said = await failure({"Al connects": "plain"}, {"Al gets": {"timestamp": 0}, "within": 900})
    assert "but nothing came" in said


async def test_what_is_passed_over_takes_from_the_time_all_the_same() -> None:
    said = await scripted_failure(
        Script(b"{}", b"{}", None),
        {"Al connects": "v1"},
        {"Al gets": {"type": "pong"}, "passing over": {}},
    )
    assert "but nothing came" in said


async def test_an_end_instead_of_a_frame_is_told_with_its_code_and_reason() -> None:
    said = await scripted_failure(
        Script(Closed(1011, "oh no")), {"Al connects": "v1"}, {"Al gets": {"a": 1}}
    )
    assert said.startswith('test, step 2: Al should get\n  {"a": 1}\nbut was closed with 1011')
    assert "(oh no)" in said
    said = await scripted_failure(
        Script(Closed(1006)), {"Al connects": "v1"}, {"Al gets": {"a": 1}}
    )
    assert "closed with 1006\n" in said


async def test_something_instead_of_nothing_is_told() -> None:
    for profile in ("v1", "plain"):
        script = Script(b'{"type": "surprise"}')
        said = await scripted_failure(script, {"Al connects": profile}, {"Al gets nothing": True})
        assert said == 'test, step 2: Al should get nothing, but got\n  {"type": "surprise"}'


async def test_nothing_at_all_is_no_answer_to_what_asks_for_nothing() -> None:
    said = await scripted_failure(Script(), {"Al connects": "v1"}, {"Al gets nothing": True})
    assert "but nothing came" in said


async def test_who_is_still_there_may_get_nothing_after_the_last_step() -> None:
    said = await failure({"Al connects": "v1"}, PING)
    assert said.startswith("test, after the last step: Al should get nothing, but got")


async def test_presence_that_nobody_told_of_is_found_where_it_counts() -> None:
    said = await failure({"Al enters": "$room"}, presence=True)
    assert '{"type": "presence"' in said


async def test_what_is_no_json_object_is_told_as_it_came() -> None:
    for frame in (b"oops", b"[1]", b"\xff"):
        said = await scripted_failure(Script(frame), {"Al connects": "v1"}, {"Al gets": {}})
        assert said == f"test, step 2: Al got what is no JSON object: {frame!r}"


async def test_a_close_with_another_code_is_told() -> None:
    said = await scripted_failure(
        Script(Closed(1000, "bye")), {"Al connects": "v1"}, {"Al is closed": 4008}
    )
    assert said.startswith("test, step 2: Al should be closed with 4008, and was with 1000 (bye)")
    said = await scripted_failure(
        Script(Closed(1000)), {"Al connects": "v1"}, {"Al is closed": 4008}
    )
    assert "and was with 1000\n" in said


async def test_a_close_that_does_not_come_is_missed() -> None:
    said = await failure({"Al connects": "v1"}, {"Al is closed": 1000, "within": 10})
    assert said.startswith("test, step 2: Al should be closed with 1000, and is not")


async def test_a_frame_before_a_close_is_told_unless_it_is_passed_over() -> None:
    steps = ({"Al connects": "v1"}, {"Al is closed": 4008, "passing over": {"type": "error"}})
    await scripted(Script(b'{"type": "error"}', Closed(4008)), *steps)
    said = await scripted_failure(Script(b'{"type": "pong"}', Closed(4008)), *steps)
    assert said.startswith("test, step 2: Al should be closed with 4008, but got\n  {")
    said = await scripted_failure(Script(b"{}"), steps[0], {"Al is closed": 4008})
    assert "but got" in said


async def test_who_is_not_welcomed_has_not_said_hello() -> None:
    said = await failure({"Al says hello": "System"})
    assert 'step 1: Al should get\n  {"type": "welcome"' in said
    assert '"code": "name_invalid"' in said


async def test_who_does_not_get_in_has_not_entered() -> None:
    said = await failure({"Al enters": "no room!"})
    assert 'Al should get\n  {"type": "joined"' in said
    said = await failure({"Al enters plain": "no room!"})
    assert said.startswith("test, step 1: Al should get nothing, but got")


async def test_in_a_repetition_the_round_is_told() -> None:
    said = await failure(
        {"Al connects": "v1"},
        {
            "repeat": [
                {"Al sends": {"type": "ping", "id": "ping $n"}},
                {"Al gets": {"type": "pong", "id": "ping 1"}},
            ],
            "times": 3,
        },
    )
    assert said.startswith("test, step 2.2, round 2: Al should get")


@pytest.mark.parametrize(
    ("steps", "complaint"),
    [
        ([{"Al sends": "x"}], "step 1: Al is not connected"),
        ([{"Al closes": 1000}], "step 1: Al is not connected"),
        ([{"Al connects": "v1"}, {"Al connects": "v1"}], "step 2: Al is connected already"),
        ([{"Al connects": "v1"}, {"Al sends": "$seq"}], "step 2: nothing has set $seq"),
        ([{"time passes": "$seq"}], "step 1: nothing has set $seq"),
        ([{"repeat": [], "times": "$seq"}], "step 1: nothing has set $seq"),
    ],
)
async def test_what_a_conversation_cannot_ask_for_is_told(
    steps: list[Line], complaint: str
) -> None:
    assert await scripted_failure(Script(), *steps) == f"test, {complaint}"


async def test_who_enters_where_presence_counts_has_to_tell_it_in_full() -> None:
    assert "tell it in full" in await failure({"Al enters plain": "$room"}, presence=True)


async def test_all_connections_are_closed_when_a_conversation_fails() -> None:
    script = Script(b"{}")
    await scripted_failure(script, {"Al connects": "v1"}, {"Al gets": {"a": 1}})
    assert script.did[-1] == "closes 1000"


async def test_a_server_that_cannot_be_reached_is_no_failed_conversation() -> None:
    script = Script()
    script.unreachable = "no route"
    with pytest.raises(Unreachable, match="no route"):
        await scripted(script, {"Al connects": "v1"})


# What the server tells of itself.


async def test_the_welcome_of_a_server_tells_its_limits() -> None:
    greeting = await welcome(MemoryDriver(HubSettings(content=7, version="x/1")), Random(1))
    assert greeting["server"] == "x/1"
    limits = greeting["limits"]
    assert isinstance(limits, dict)
    assert limits["content"] == 7


async def test_who_says_something_else_does_not_welcome() -> None:
    with pytest.raises(ConversationFailed, match="welcome, step 1"):
        await welcome(Script(b'{"type": "hi"}'), Random(1))


async def test_limits_grace_and_heartbeat_are_known_by_name() -> None:
    script = Script()
    greeting: dict[str, Any] = {
        "limits": {"rate": 0, "burst": 0, "content": 7},
        "grace": 15,
        "heartbeat": 3,
    }
    steps = [{"time passes": f"${name}"} for name in ("limits.content", "grace", "heartbeat")]
    await play(conversation(*steps), script, greeting, Random(1))
    assert script.did == ["waits 7", "waits 15", "waits 3"]


@pytest.mark.parametrize(
    ("tags", "requires", "reason"),
    [
        ([], {}, None),
        ([], {"limits": {"rooms": {"$below": 101}}}, None),
        (
            [],
            {"limits": {"rooms": {"$below": 5}}},
            "in this server's welcome limits.rooms should be a number below 5, and is 100",
        ),
        (["socket"], {}, "it takes a real WebSocket"),
        (["control"], {}, "it takes control of the server"),
    ],
)
def test_what_cannot_be_played_says_why(
    tags: list[str], requires: dict[str, Any], reason: str | None
) -> None:
    steps = [{"the server": "stops"}] if "control" in tags else []
    file = {"title": "t", "tags": tags, "requires": requires, "steps": steps}
    one = read_conversation("test", json.dumps(file).encode())
    greeting: dict[str, Any] = {"limits": {"rooms": 100}}
    assert unmet(one, greeting, frozenset()) == reason
    if tags:
        assert unmet(one, greeting, frozenset({"socket", "control"})) is None
