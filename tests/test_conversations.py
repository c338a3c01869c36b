"""The protocol, as its golden conversations tell it, holds.

Each file is played whole with a server in memory; those that a server's own control or a socket is
needed for, with a real one, too. `causerie check` plays the rest with real ones: here with two
nodes of a cluster, and with one server in test_check.py.
"""

import asyncio
import io
import json
import re
import shutil
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from itertools import cycle
from pathlib import Path
from queue import SimpleQueue
from random import Random, SystemRandom
from typing import Any, assert_never, get_args

import pytest
from tests.support.server_process import ServerProcess
from websockets.asyncio.client import ClientConnection, connect

from causerie.adapters.nats_server import NatsServer
from causerie.adapters.sqlite import open_folder
from causerie.check import HELD, Choice, Report, check
from causerie.ports import Failed
from causerie.resources import protocol_path
from causerie.server.settings import HubSettings
from causerie.testing.conversations import (
    Ability,
    Action,
    Conversation,
    Gets,
    IsClosed,
    Profile,
    Repeat,
    Sends,
    ServerActs,
    Step,
    Tag,
    TimePasses,
    load_conversations,
)
from causerie.testing.memory_driver import MemoryDriver
from causerie.testing.playing import Link, play, unmet, welcome
from causerie.testing.websocket_driver import WebSocketDriver
from causerie.wire.codes import ErrorCode
from causerie.wire.commands import AnyCommand
from causerie.wire.plain import PLAIN_TYPES
from causerie.wire.replies import AnyServerFrame, Notice

CONVERSATIONS = load_conversations()
IN_MEMORY = [one for one in CONVERSATIONS if "socket" not in one.tags]
TO_CONTROL = [one for one in CONVERSATIONS if "control" in one.tags]

UNREACHABLE = {
    # An open server takes no tokens; and it limits no names of its own machine.
    ErrorCode.AUTH_REQUIRED,
    ErrorCode.NAME_LIMIT,
}


def name_of(conversation: Conversation) -> str:
    return conversation.name


def deeds(steps: list[Step]) -> list[Any]:
    """All that is done, repetitions unrolled once."""
    found: list[Any] = []
    for step in steps:
        if isinstance(step.deed, Repeat):
            found += deeds(step.deed.steps)
        else:
            found.append(step.deed)
    return found


def as_json(of: type[Gets] | type[Sends]) -> list[str]:
    """All frames that are expected, or sent, anywhere."""
    return [
        json.dumps(frame)
        for conversation in CONVERSATIONS
        for deed in deeds(conversation.steps)
        if isinstance(deed, of)
        for frame in (deed.frames if isinstance(deed, Sends) else deed.patterns)
    ]


# They hold.


@pytest.mark.parametrize("conversation", IN_MEMORY, ids=name_of)
async def test_it_holds_with_a_server_in_memory(conversation: Conversation) -> None:
    driver, chance = MemoryDriver(), Random(1)
    greeting = await welcome(driver, chance)
    assert unmet(conversation, greeting, driver.abilities) is None
    await play(conversation, driver, greeting, chance)


@pytest.mark.parametrize("nodes", [2, 3])
@pytest.mark.parametrize("conversation", IN_MEMORY, ids=name_of)
async def test_it_holds_with_a_cluster_in_memory_and_each_speaker_on_another_node(
    conversation: Conversation, nodes: int
) -> None:
    driver, chance = MemoryDriver(nodes=nodes), Random(1)
    greeting = await welcome(driver, chance)
    await play(conversation, driver, greeting, chance)


@pytest.mark.parametrize(
    "settings",
    [
        HubSettings(rate=3.0, content=60, rooms=7, grace=4.5, frame=20_000, reply=20_000),
        HubSettings(rate=0.0, content=10_000, rooms=150, grace=25.0, heartbeat=60.0),
    ],
    ids=["strict", "lax"],
)
async def test_they_hold_whatever_limits_the_server_tells(settings: HubSettings) -> None:
    played = 0
    for conversation in IN_MEMORY:
        driver, chance = MemoryDriver(settings), Random(2)
        greeting = await welcome(driver, chance)
        if unmet(conversation, greeting, driver.abilities) is None:
            await play(conversation, driver, greeting, chance)
            played += 1
    assert played >= len(IN_MEMORY) - 8


async def test_they_can_be_played_again_and_again_with_one_server() -> None:
    driver, chance = MemoryDriver(), Random(3)
    greeting = await welcome(driver, chance)
    for _ in range(2):
        for conversation in IN_MEMORY:
            if "control" not in conversation.tags:
                await play(conversation, driver, greeting, chance)


def trim(data: Path) -> None:
    """Removes all but the newest entry of each room from a data folder."""
    calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
    log, _ = open_folder(
        data, clock=int, call_threadsafe=calls.put, schedule=calls.put, names_per_address=0
    )
    removed: list[int | Failed] = []
    log.trim(before=0, keep=1, done=removed.append)
    while not removed:
        calls.get(timeout=20)()
    log.close()


class RealServer(WebSocketDriver):
    """A driver that has the server's process in its hand."""

    def __init__(self, server: ServerProcess, data: Path) -> None:
        super().__init__(f"{server.ws}/ws")
        self._server = server
        self._data = data
        self._copy = data.with_name("copy")

    @property
    def abilities(self) -> frozenset[Ability]:
        return frozenset({"socket", "control"})

    async def control(self, action: Action) -> None:
        await asyncio.to_thread(self._control, action)

    def _control(self, action: Action) -> None:
        match action:
            case "stops":
                assert self._server.stop() == 0
                self._server.start()
            case "is killed":
                self._server.restart()
            case "loses its log":
                self._server.kill()
                shutil.rmtree(self._data)
                self._server.start()
            case "is copied":
                shutil.copytree(self._data, self._copy)
            case "goes back to its copy":
                self._server.kill()
                shutil.rmtree(self._data)
                self._copy.rename(self._data)
                self._server.start()
            case "keeps the newest alone":
                self._server.kill()
                trim(self._data)
                self._server.start()
            case "cannot read its log" | "can read its log":
                raise AssertionError("a real disk cannot be told to fail")
            case unknown:
                assert_never(unknown)


@pytest.mark.real
@pytest.mark.slow
async def test_they_hold_with_a_real_server_that_compresses_what_is_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extensions: list[str] = []

    async def connect_compressed(url: str, **options: Any) -> ClientConnection:
        connection = await connect(url, **{**options, "compression": "deflate"})
        extensions.extend(extension.name for extension in connection.protocol.extensions)
        return connection

    monkeypatch.setattr("causerie.client.transport.connect", connect_compressed)
    with ServerProcess(tmp_path / "data", "--compression", "on", "--grace", "1") as server:
        driver, chance = WebSocketDriver(f"{server.ws}/ws"), SystemRandom()
        greeting = await welcome(driver, chance)
        played = 0
        # Who tells of typing is not answered: the others' frames may be read before theirs.
        for conversation in [one for one in CONVERSATIONS if "typing" not in one.tags]:
            if unmet(conversation, greeting, driver.abilities) is None:
                await play(conversation, driver, greeting, chance)
                played += 1
    assert played > 80
    assert len(extensions) > played
    assert {*extensions} == {"permessage-deflate"}


class InTurn(WebSocketDriver):
    """A driver that opens each connection with the next of several nodes."""

    def __init__(self, urls: Sequence[str]) -> None:
        super().__init__(urls[0])
        self._nodes = cycle([WebSocketDriver(url) for url in urls])

    async def connect(self, profile: Profile) -> Link:
        return await next(self._nodes).connect(profile)


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize("streams", [1, 3])
async def test_they_hold_with_two_real_nodes_on_nats_and_each_speaker_on_another(
    tmp_path: Path, streams: int
) -> None:
    # What was said under an id in one stream is not known in another.
    played = [
        one for one in CONVERSATIONS if streams == 1 or one.name != "duplicate-in-another-room"
    ]
    options = ("--grace", "5", "--names-per-address", "0", "--streams", str(streams))
    said = io.StringIO()
    async with AsyncExitStack() as stack:
        nats = stack.enter_context(NatsServer(tmp_path / "nats"))
        nodes = [
            ServerProcess(tmp_path / name, *options, "--nats", nats.url) for name in ("one", "two")
        ]
        for node in nodes:
            await asyncio.to_thread(node.start)
            stack.callback(node.kill)
        driver = InTurn([f"{node.ws}/ws" for node in nodes])
        choice = Choice()
        code = await check(nodes[0].url, driver, choice.of(played), choice, Report(said))
    assert code == HELD, said.getvalue()
    assert said.getvalue().count("held  ") > 120


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize(
    "conversation", [one for one in TO_CONTROL if one.name != "unavailable"], ids=name_of
)
async def test_it_holds_with_a_real_server_that_is_moved(
    conversation: Conversation, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    server = ServerProcess(data)
    await asyncio.to_thread(server.start)
    try:
        driver, chance = RealServer(server, data), SystemRandom()
        await play(conversation, driver, await welcome(driver, chance), chance)
        assert await asyncio.to_thread(server.stop) == 0
    finally:
        await asyncio.to_thread(server.kill)


# They are complete.


def test_there_are_many_and_each_says_in_a_sentence_of_its_own_what_it_promises() -> None:
    assert len(CONVERSATIONS) >= 60
    titles = [conversation.title for conversation in CONVERSATIONS]
    assert len(set(titles)) == len(titles)
    assert all(title[0].isupper() or title.startswith("since") for title in titles)
    assert not [title for title in titles if title.endswith(".")]


def test_every_command_is_sent() -> None:
    sent = {
        match[1]
        for frame in as_json(Sends)
        if (match := re.search(r'"type": ?\\?"([a-zA-Z.]+)', frame))
    }
    v1 = {command.__struct_config__.tag for command in get_args(AnyCommand)}
    assert v1 | PLAIN_TYPES <= sent


def test_every_kind_of_frame_that_a_server_sends_is_expected() -> None:
    expected = set(re.findall(r'"type": "([a-zA-Z.]+)"', "".join(as_json(Gets))))
    kinds = {frame.__struct_config__.tag for frame in get_args(AnyServerFrame)}
    # A notice tells what only somebody else can know: that the server will stop soon, say.
    assert kinds - {Notice.__struct_config__.tag} <= expected
    assert {"typing.start", "typing.stop"} <= expected


def test_every_error_that_an_open_server_can_tell_of_is_expected() -> None:
    expected = set(re.findall(r'"code": "([a-z_]+)"', "".join(as_json(Gets))))
    assert set(ErrorCode) - UNREACHABLE <= expected <= set(ErrorCode)


def test_every_close_code_that_a_client_can_bring_about_is_expected() -> None:
    expected = {
        str(deed.code)
        for conversation in CONVERSATIONS
        for deed in deeds(conversation.steps)
        if isinstance(deed, IsClosed)
    }
    for code in (1001, 1003, 1009, 4000, 4008):
        assert any(str(code) in one for one in expected), code


def test_every_tag_and_everything_that_can_happen_to_a_server_is_used() -> None:
    assert {tag for one in CONVERSATIONS for tag in one.tags} == set(get_args(Tag))
    actions = {
        deed.action
        for conversation in TO_CONTROL
        for deed in deeds(conversation.steps)
        if isinstance(deed, ServerActs)
    }
    assert actions == set(get_args(Action))


def test_what_the_readme_shows_is_what_there_is() -> None:
    readme = protocol_path().joinpath("conversations", "README.md").read_text()
    for action in get_args(Action):
        assert f"`{action}`" in readme or f'"{action}"' in readme
    for takes in ("slow", "socket", "control", "lobby"):
        assert f"`{takes}`" in readme
    assert json.dumps("Alice gets in any order") in readme


def test_whoever_has_seconds_pass_says_that_it_is_slow() -> None:
    hardly_any = [600, 1000, "$wait"]
    for conversation in CONVERSATIONS:
        for deed in deeds(conversation.steps):
            if isinstance(deed, TimePasses) and deed.milliseconds not in hardly_any:
                assert "slow" in conversation.tags, conversation.name
