"""The driver of a server in memory keeps time, ends links, and moves the server."""

import json

import pytest

from causerie.server.settings import HubSettings
from causerie.testing.memory_driver import MemoryDriver
from causerie.testing.playing import Closed, Link


async def said(link: Link, within: int = 0) -> dict[str, object]:
    received = await link.receive(within)
    assert isinstance(received, bytes), received
    frame = json.loads(received)
    assert isinstance(frame, dict)
    return frame


async def ask(link: Link, **command: object) -> dict[str, object]:
    await link.send(json.dumps(command))
    return await said(link)


async def hello(driver: MemoryDriver, name: str = "Al") -> Link:
    link = await driver.connect("v1")
    assert (await ask(link, type="hello", username=name, key="k" * 22))["type"] == "welcome"
    return link


async def speak(link: Link, id: str = "1") -> dict[str, object]:
    """Says something in a room, and returns the ack."""
    await link.send(json.dumps({"type": "message", "room": "r", "content": "c", "id": id}))
    frames = [await said(link), await said(link)]
    return next(frame for frame in frames if frame["type"] == "ack")


async def test_what_comes_at_once_takes_no_time() -> None:
    driver = MemoryDriver()
    link = await driver.connect("v1")
    assert await ask(link, type="ping", id="1") == {
        "type": "pong",
        "id": "1",
        "time": driver.now() // 1000,
    }
    assert driver.elapsed() == 0


async def test_what_comes_later_is_waited_for_and_no_longer() -> None:
    driver = MemoryDriver(HubSettings(greeting=0.7))
    link = await driver.connect("plain")
    assert (await said(link, within=5000))["timestamp"] == 0
    assert driver.elapsed() == pytest.approx(700)


async def test_what_does_not_come_is_waited_for_until_the_deadline() -> None:
    driver = MemoryDriver()
    began = driver.now()
    link = await driver.connect("v1")
    assert await link.receive(2500) is None
    assert driver.elapsed() == pytest.approx(2500)
    assert driver.now() - began == 2_500_000


async def test_time_passes_for_the_server() -> None:
    driver = MemoryDriver()
    link = await driver.connect("plain")
    await driver.wait(1000)
    assert driver.elapsed() == 1000
    assert (await said(link))["username"] == "System"


async def test_a_close_frame_of_the_server_is_told_after_what_came_before() -> None:
    driver = MemoryDriver(HubSettings(strikes=1))
    link = await driver.connect("v1")
    await link.send("?")
    await link.send("?")
    assert (await said(link))["type"] == "error"
    closed = await link.receive(0)
    assert isinstance(closed, Closed)
    assert closed.code == 4008
    assert "too many" in closed.reason


async def test_a_silent_client_is_cut_off_without_a_close_frame() -> None:
    driver = MemoryDriver(HubSettings(heartbeat=10.0))
    link = await driver.connect("v1")
    await link.fall_silent()
    assert await link.receive(60_000) == Closed(1006)


async def test_a_goodbye_and_a_cut_are_known_to_the_server_at_once() -> None:
    driver = MemoryDriver()
    for code in (1000, None):
        link = await driver.connect("v1")
        assert len(driver.server.hub.connections) == 1
        await (link.cut() if code is None else link.close(code))
        assert not driver.server.hub.connections


async def test_a_binary_message_is_not_for_it() -> None:
    driver = MemoryDriver()
    assert driver.abilities == {"control"}
    link = await driver.connect("v1")
    with pytest.raises(AssertionError):
        await link.send_binary(b"")


async def test_a_server_that_stops_says_so_and_starts_again_with_its_log() -> None:
    driver = MemoryDriver()
    link = await hello(driver)
    epoch = (await ask(link, type="join", room="r"))["epoch"]
    await driver.control("stops")
    while not isinstance(received := await link.receive(0), Closed):
        pass
    assert received.code == 1001
    link = await hello(driver)
    assert (await ask(link, type="join", room="r"))["epoch"] == epoch


async def test_a_server_that_is_killed_says_nothing_and_keeps_what_it_acknowledged() -> None:
    driver = MemoryDriver()
    link = await hello(driver)
    await ask(link, type="join", room="r")
    ack = await speak(link)
    await driver.control("is killed")
    again = await hello(driver)
    page = await ask(again, type="history", room="r")
    assert [entry["seq"] for entry in page["entries"]] == [ack["seq"]]  # type: ignore[attr-defined]


async def test_a_server_that_loses_its_log_begins_another_epoch() -> None:
    driver = MemoryDriver()
    link = await hello(driver)
    before = await ask(link, type="join", room="r")
    await speak(link)
    await driver.control("loses its log")
    after = await ask(await hello(driver), type="history", room="r")
    assert after["entries"] == []
    assert after["epoch"] != before["epoch"]


async def test_a_server_can_be_put_back_to_an_earlier_copy() -> None:
    driver = MemoryDriver()
    link = await hello(driver)
    await ask(link, type="join", room="r")
    await speak(link, "1")
    await driver.control("is copied")
    await speak(link, "2")
    await driver.control("goes back to its copy")
    page = await ask(await hello(driver), type="history", room="r")
    assert [entry["id"] for entry in page["entries"]] == ["1"]  # type: ignore[attr-defined]


async def test_a_server_can_keep_the_newest_alone() -> None:
    driver = MemoryDriver()
    link = await hello(driver)
    await ask(link, type="join", room="r")
    await speak(link, "1")
    await speak(link, "2")
    await driver.control("keeps the newest alone")
    page = await ask(await hello(driver), type="history", room="r")
    assert [entry["id"] for entry in page["entries"]] == ["2"]  # type: ignore[attr-defined]


async def test_a_server_can_be_kept_from_reading_its_log() -> None:
    driver = MemoryDriver()
    link = await hello(driver)
    await driver.control("cannot read its log")
    assert (await ask(link, type="history", room="r"))["type"] == "error"
    await driver.control("can read its log")
    assert (await ask(link, type="history", room="r"))["type"] == "history"


async def test_what_one_server_made_up_the_next_does_not_make_up_again() -> None:
    driver = MemoryDriver()
    ids = [driver.server.hub.new_id()]
    await driver.control("is killed")
    ids.append(driver.server.hub.new_id())
    assert len(set(ids)) == 2
