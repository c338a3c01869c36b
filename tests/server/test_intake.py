"""Reading in turns, and not while there is a reason not to: what is dealt with when."""

import asyncio
import gc
import logging
import weakref
from collections.abc import Callable
from typing import ClassVar, cast

import pytest
from tests.server.wire_peer import (
    CLOSE,
    CONT,
    PING,
    TEXT,
    Ear,
    deflated,
    fill,
    masked,
    quiet,
    read_again,
    serving,
    stall,
    until,
)

from causerie.server import loop_share
from causerie.server.intake import BY_RECEIVER, UNSENT, Intake, Readers
from causerie.server.loop_share import LoopShare
from causerie.server.reader import Closed, Fault, Message, Ping, Reader
from causerie.server.scanner import ScannedFrame
from causerie.server.tracing import TracedReader
from causerie.wire.framing import frame_text

pytestmark = pytest.mark.both_loops

SHARE = 128
"""Frames of one connection that are read in a turn."""
SLICE = 4096

LOGGER = logging.getLogger(__name__)


class Tap:
    """A transport of which nothing is known but whether it is read."""

    def __init__(self) -> None:
        self.is_read = True
        self.stops = 0

    def pause_reading(self) -> None:
        self.is_read = False
        self.stops += 1

    def resume_reading(self) -> None:
        self.is_read = True


class Taker(Intake):
    """Writes down what it is told, and does then what a test wants to be done."""

    _readers: ClassVar[Readers]
    _share: ClassVar[LoopShare]

    def __init__(self) -> None:
        super().__init__()
        self.tap = Tap()
        self._transport = cast(asyncio.Transport, self.tap)
        self.told: list[bytes] = []
        self.reads: list[int] = []
        self.texts = 0
        self.then: Callable[[], None] = lambda: None

    def _take_text(self, text: bytes) -> None:
        self.texts += 1
        self.told.append(text)
        self.then()

    def _take(self, reader: Reader | TracedReader, data: bytes) -> None:
        self.reads.append(len(data))
        for told in reader.feed(data):
            self.told.append(word(told))
            self.then()


def word(told: Message | Ping | Closed | Fault) -> bytes:
    return told.content if isinstance(told, Message) else type(told).__name__.encode()


@pytest.fixture
def clock() -> list[float]:
    """The time, which stands still unless it is moved."""
    return [100.0]


@pytest.fixture
def taker_class(clock: list[float]) -> type[Taker]:
    """A server's own: its connections share their readers, and the time for being read."""

    class OneServersTaker(Taker):
        _readers = Readers(
            lambda: Reader(max_message=100_000, binary=False, logger=LOGGER), max_message=100_000
        )
        _share = LoopShare(lambda: clock[0])

    return OneServersTaker


@pytest.fixture
def taker(taker_class: type[Taker]) -> Taker:
    return taker_class()


def numbered(count: int) -> list[bytes]:
    return [str(number).encode() for number in range(count)]


def frames(texts: list[bytes]) -> bytes:
    return b"".join(masked(TEXT, text) for text in texts)


# Readers.


def test_a_reader_between_two_messages_is_handed_on(taker_class: type[Taker]) -> None:
    one, other = taker_class(), taker_class()
    one._read(masked(PING))
    spare = one._readers.spare
    assert spare is not None
    other._read(masked(PING))
    assert other._readers.spare is spare
    assert one._reader is other._reader is None


def test_a_text_that_comes_whole_and_alone_needs_no_reader(taker: Taker) -> None:
    taker._read(masked(TEXT, b"hello"))
    taker._read(masked(TEXT, b"x" * (SLICE - 8)))
    assert (taker.texts, taker.reads, taker._readers.spare) == (2, [], None)
    taker._read(masked(TEXT, b"x" * (SLICE - 7)))
    assert taker.texts == 2
    assert [len(told) for told in taker.told] == [5, SLICE - 8, SLICE - 7]


def test_a_text_is_never_taken_for_whole_in_the_middle_of_a_message(taker: Taker) -> None:
    taker._read(masked(TEXT, b"a ", fin=False))
    taker._read(masked(CONT, b"message"))
    taker._read(masked(TEXT, b"whole ", fin=False))
    taker._read(masked(TEXT, b"and alone"))
    assert taker.told == [b"a message", b"Fault"]
    assert taker.texts == 0


def test_a_reader_in_the_middle_of_a_message_is_nobody_elses(taker_class: type[Taker]) -> None:
    one, other = taker_class(), taker_class()
    one._read(masked(TEXT, b"one")[:5])
    other._read(masked(TEXT, b"other"))
    one._read(masked(TEXT, b"one")[5:])
    assert (one.told, other.told) == ([b"one"], [b"other"])
    assert one._reader is other._reader is None


def test_whoever_is_held_at_rest_keeps_no_reader(taker: Taker) -> None:
    taker.then = lambda: taker._hold(UNSENT)
    taker._read(masked(PING))
    assert taker._reader is None
    assert taker._readers.spare is not None


# Turns.


def test_a_little_is_read_in_one_piece_and_much_in_slices(taker: Taker) -> None:
    taker._read(masked(TEXT, b"x" * 2_000) * 2)
    taker._read(masked(TEXT, b"x" * 9_000))
    assert taker.reads == [4_016, SLICE, SLICE, 9_008 - 2 * SLICE]
    assert taker.tap.stops == 0


async def test_after_a_share_of_frames_the_rest_waits_for_the_next_turn(taker: Taker) -> None:
    texts = numbered(3_000)
    taker._read(frames(texts))
    first = len(taker.told)
    assert SHARE <= first < SHARE + SLICE // 7
    assert not taker.tap.is_read
    turns = [first]
    while len(taker.told) < len(texts):
        await asyncio.sleep(0)
        turns.append(len(taker.told) - sum(turns))
    assert max(turns) < SHARE + SLICE // 7
    assert taker.told == texts
    assert taker.tap.is_read


async def test_a_share_is_used_up_by_a_few_slices_of_what_is_large(taker: Taker) -> None:
    taker._read(masked(TEXT, b"x" * 50_000))
    assert taker.reads == [SLICE] * 4
    await until(lambda: taker.told)
    assert taker.told == [b"x" * 50_000]


async def test_what_comes_before_the_next_turn_waits_behind_the_rest(taker: Taker) -> None:
    texts = numbered(1_000)
    taker._read(frames(texts))
    taker._read(masked(TEXT, b"last"))
    await until(lambda: len(taker.told) > len(texts))
    assert taker.told == [*texts, b"last"]


async def test_what_comes_when_all_have_had_their_time_is_read_in_a_later_turn(
    taker_class: type[Taker], clock: list[float]
) -> None:
    one, other, third = taker_class(), taker_class(), taker_class()
    one._read_in_turn(masked(TEXT, b"1"))
    clock[0] += 2 * loop_share.SHARE
    for number in (b"2", b"3"):
        other._read_in_turn(masked(TEXT, number))
        third._read_in_turn(masked(TEXT, number))
    assert (one.told, other.told, third.told) == ([b"1"], [], [])

    def spend() -> None:
        clock[0] += loop_share.SHARE

    other.then = spend
    await asyncio.sleep(0)
    assert (other.told, third.told) == ([b"2", b"3"], [])
    one._read_in_turn(masked(TEXT, b"4"))
    await asyncio.sleep(0)
    assert (one.told, third.told) == ([b"1", b"4"], [b"2", b"3"])
    assert [taker.tap.stops for taker in (one, other, third)] == [0, 0, 0]


async def test_who_sends_much_meanwhile_is_not_read_until_it_is_its_turn(
    taker: Taker, clock: list[float]
) -> None:
    texts = numbered(2_000)
    taker._read_in_turn(masked(TEXT, b"first"))
    clock[0] += 2 * loop_share.SHARE
    for text in texts:
        taker._read_in_turn(masked(TEXT, text))
    assert not taker.tap.is_read
    await until(lambda: len(taker.told) > len(texts))
    assert taker.told == [b"first", *texts]
    assert taker.tap.is_read


async def test_a_word_waits_for_a_slice_of_each_of_those_who_send_much_and_not_for_all_of_it(
    taker_class: type[Taker], clock: list[float]
) -> None:
    texts = numbered(3_000)
    many = [taker_class() for _ in range(5)]

    def spend() -> None:
        clock[0] += loop_share.SHARE / SHARE

    for one in many:
        one.then = spend
        one._read_in_turn(frames(texts))
    quiet = taker_class()
    quiet._read_in_turn(masked(TEXT, b"a word"))
    await until(lambda: quiet.told)
    assert max(len(one.told) for one in many) < 2 * (SHARE + SLICE // 7)
    await until(lambda: all(len(one.told) == len(texts) for one in many))
    assert all(one.told == texts for one in many)
    assert all(one.tap.is_read for one in many)


async def test_what_is_kept_waits_for_its_turn_and_for_all_reasons_to_go(
    taker: Taker, clock: list[float]
) -> None:
    taker._read_in_turn(masked(TEXT, b"1"))
    clock[0] += 2 * loop_share.SHARE
    taker._read_in_turn(masked(TEXT, b"2"))
    taker._hold(BY_RECEIVER)
    await asyncio.sleep(0)
    assert taker.told == [b"1"]
    taker._release(BY_RECEIVER)
    assert taker.told == [b"1", b"2"]
    assert taker.tap.is_read


async def test_what_comes_while_it_is_held_waits_for_that_alone_however_much_it_is(
    taker: Taker, clock: list[float]
) -> None:
    taker._hold(UNSENT)
    taker._share.is_spent()
    clock[0] += 2 * loop_share.SHARE
    taker._read_in_turn(masked(TEXT, b"x" * (2 * SLICE)))
    await asyncio.sleep(0)
    assert taker.told == []
    taker._release(UNSENT)
    assert taker.told == [b"x" * (2 * SLICE)]
    assert taker.tap.is_read


# Being held.


def test_while_there_is_a_reason_nothing_is_read_and_then_all_in_its_order(taker: Taker) -> None:
    taker._hold(BY_RECEIVER)
    assert not taker.tap.is_read
    taker._read(masked(TEXT, b"1"))
    taker._read(masked(TEXT, b"2"))
    assert taker.told == []
    taker._release(BY_RECEIVER)
    assert taker.told == [b"1", b"2"]
    assert taker.tap.is_read


def test_all_reasons_have_to_be_gone_however_often_each_was_given(taker: Taker) -> None:
    for reason in (UNSENT, BY_RECEIVER, UNSENT):
        taker._hold(reason)
    taker._read(masked(TEXT, b"hello"))
    taker._release(UNSENT)
    assert not taker._is_held(UNSENT)
    assert taker._is_held(BY_RECEIVER)
    assert (taker.told, taker.tap.is_read) == ([], False)
    taker._release(BY_RECEIVER)
    assert (taker.told, taker.tap.is_read) == ([b"hello"], True)


def test_a_reason_that_is_lifted_does_nothing_before_one_reads_on(taker: Taker) -> None:
    taker._hold(UNSENT)
    taker._read(masked(TEXT, b"hello"))
    taker._lift(UNSENT)
    assert (taker.told, taker.tap.is_read) == ([], False)
    taker._read_on()
    assert (taker.told, taker.tap.is_read) == ([b"hello"], True)


def test_a_reason_in_the_middle_of_much_ends_it_at_the_next_slice(taker: Taker) -> None:
    texts = numbered(1_000)
    taker.then = lambda: taker._hold(BY_RECEIVER) if not taker._is_held(BY_RECEIVER) else None
    taker._read(frames(texts))
    assert taker.reads == [SLICE]
    taker._release(BY_RECEIVER)
    assert taker.reads == [SLICE] * 2
    assert not taker.tap.is_read
    assert taker.told == texts[: len(taker.told)]


def test_a_reason_that_comes_and_goes_while_something_is_told_changes_no_order(
    taker: Taker,
) -> None:
    def hold_for_a_moment() -> None:
        taker._hold(BY_RECEIVER)
        taker._release(BY_RECEIVER)

    taker.then = hold_for_a_moment
    texts = numbered(50)
    taker._read(frames(texts))
    assert taker.told == texts
    assert taker.tap.is_read


# Being traced.


def test_frames_are_told_of_before_what_they_amount_to_for_as_long_as_it_is_wanted(
    taker: Taker,
) -> None:
    seen: list[tuple[int, int]] = []

    def scanned(found: list[ScannedFrame]) -> None:
        seen.append((len(found), len(taker.told)))

    taker._scan(scanned)
    taker._read(masked(TEXT, b"1") + masked(TEXT, b"2"))
    assert taker._readers.spare is None, "its reader is not another's"
    taker._scan_no_more()
    taker._read(masked(TEXT, b"3"))
    assert seen == [(2, 0)]
    assert taker.told == [b"1", b"2", b"3"]
    assert taker._readers.spare is not None


def test_the_reader_that_stands_in_a_message_goes_on_with_it_when_it_is_traced(
    taker: Taker,
) -> None:
    half = masked(TEXT, b"hello")
    taker._read(half[:7])
    taker._scan(lambda _: None)
    taker._read(half[7:])
    assert taker.told == [b"hello"]


# The end.


async def test_a_close_frame_gets_in_whatever_there_was_against_reading(taker: Taker) -> None:
    taker._hold(UNSENT)
    taker._hold(BY_RECEIVER)
    taker._await_close()
    assert taker.tap.is_read
    taker._read(masked(TEXT, b"ignored") + masked(CLOSE))
    assert taker.told == [Closed.__name__.encode()]


async def test_what_waits_is_searched_for_a_close_frame_in_the_next_turn(taker: Taker) -> None:
    taker._hold(BY_RECEIVER)
    taker._read(masked(TEXT, b"ignored") + masked(PING))
    taker._await_close()
    assert taker.told == []
    taker._read(masked(CLOSE))
    await until(lambda: taker.told)
    assert taker.told == [b"Ping", b"Closed"]


def test_a_reader_that_ignores_messages_is_nobody_elses(taker: Taker) -> None:
    taker.then = taker._await_close
    taker._read(masked(TEXT, b"one") + masked(TEXT, b"ignored"))
    assert taker.told == [b"one"]
    assert taker._readers.spare is None
    taker._read(masked(TEXT, b"ignored"))
    assert taker.told == [b"one"]
    assert taker._readers.spare is None


def test_who_reads_no_more_does_not_even_read_the_rest_of_what_has_come(taker: Taker) -> None:
    taker.then = taker._read_no_more
    taker._read(masked(TEXT, b"the last") + masked(TEXT, b"x" * 9_000))
    assert taker.reads == [SLICE]
    assert taker.told == [b"the last"]
    assert taker._readers.spare is None


def test_who_reads_no_more_leaves_no_reader_behind(taker: Taker) -> None:
    gc.collect()
    gc.disable()
    try:
        taker._read(masked(TEXT, b"half")[:4])
        assert taker._reader is not None
        reader = weakref.ref(taker._reader)
        taker._read_no_more()
        assert reader() is None
    finally:
        gc.enable()


def test_what_waited_is_forgotten_by_who_reads_no_more(taker: Taker) -> None:
    taker._read(masked(TEXT, b"half")[:4])
    taker._hold(UNSENT)
    taker._read(masked(TEXT, b"half")[4:])
    taker._read_no_more()
    taker._let_in()
    taker._read_on()
    assert taker.told == []
    assert taker.tap.is_read


# Over TCP, with the connection that is built on it.


async def most_in_a_turn(ear: Ear, total: int) -> int:
    """How many messages a receiver is told in one turn of the loop, at most, until it was told so
    many in all.
    """
    most = told = 0

    def next_turn() -> None:
        nonlocal most, told
        most, told = max(most, len(ear.told) - told), len(ear.told)
        if told < total:
            asyncio.get_running_loop().call_soon(next_turn)

    next_turn()
    await until(lambda: told == total)
    return most


async def test_who_sends_much_at_once_is_told_whole_but_not_in_one_turn() -> None:
    async with serving(quiet) as server:
        peer, ear = await server.open()
        texts = [str(i).encode() for i in range(20_000)]
        peer.send(b"".join(masked(TEXT, text) for text in texts))
        assert await most_in_a_turn(ear, 20_000) < 2_000
        assert ear.told == texts


async def test_of_large_messages_too_only_some_are_told_in_one_turn() -> None:
    async with serving() as server:
        peer, ear = await server.open()
        peer.send(masked(TEXT, b"x" * 8_000) * 100)
        assert await most_in_a_turn(ear, 100) <= 4, "of each 16 KiB, and of what was begun before"


async def test_of_what_inflates_to_large_messages_too_only_some_are_told_in_one_turn() -> None:
    async with serving(quiet, compression=True) as server:
        peer, ear = await server.open(Sec_WebSocket_Extensions="permessage-deflate")
        bomb = deflated(b" " * 65_536)
        assert len(bomb) < 100
        peer.send(bomb * 400)
        most = await most_in_a_turn(ear, 400)
        assert set(ear.told) == {b" " * 65_536}
        assert most <= 4, "a slice of 256 bytes, and what was begun before"


async def test_the_receiver_can_have_the_reading_stopped() -> None:
    async with serving() as server:
        peer, ear = await server.open()
        other, _ = await server.open()
        ear.socket.pause_reading()
        peer.send(masked(TEXT, b"hello"))
        for _ in range(3):
            other.send(masked(TEXT, b"one turn and another"))
            await other.frame()
        assert ear.told == []
        ear.socket.resume_reading()
        assert await peer.frame() == (TEXT, b"hello")


async def test_both_reasons_not_to_read_have_to_be_gone() -> None:
    async with serving() as server:
        peer, ear = await server.open()
        stall(peer)
        ear.socket.pause_reading()
        frames = fill(ear, frame_text(b"x" * 32_000))
        peer.send(masked(TEXT, b"hello"))
        read_again(peer)
        for _ in range(frames):
            await peer.frame()
        await until(lambda: ear.events == ["paused", "resumed"])
        other, _ = await server.open()
        for _ in range(3):
            other.send(masked(TEXT, b"one turn and another"))
            await other.frame()
        assert ear.told == []
        ear.socket.resume_reading()
        assert await peer.frame() == (TEXT, b"hello")


async def test_what_came_before_the_reading_was_stopped_is_told_at_most() -> None:
    class Reluctant(Ear):
        def receive(self, text: bytes) -> None:
            self.told.append(text)
            if len(self.told) == 1:
                self.socket.pause_reading()

    async with serving(Reluctant) as server:
        peer, ear = await server.open()
        other, _ = await server.open()
        peer.send(b"".join(masked(TEXT, b"x" * 100) for _ in range(1000)))
        await until(lambda: ear.told)
        other.send(masked(TEXT, b"x"))
        await until(lambda: server.ears[1].told)
        assert len(ear.told) < 50
        ear.socket.resume_reading()
        await until(lambda: len(ear.told) == 1000)
        server.ears[1].socket.resume_reading()
