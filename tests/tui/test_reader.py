import asyncio
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from causerie.tui.chat import Typed
from causerie.tui.reader import CHUNK, LONGEST_LINE, LineReader, count_lines


class Pipe:
    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()
        self.is_open = True

    def write(self, data: bytes) -> None:
        os.write(self.writing, data)

    def close(self) -> None:
        if self.is_open:
            self.is_open = False
            os.close(self.writing)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.close()  # which lets the reader's thread end


def read_from(pipe: Pipe) -> LineReader:
    return LineReader(pipe.reading, endless="endless")


async def rest(reader: LineReader) -> list[Typed]:
    lines: list[Typed] = []
    while (typed := await reader.next()) is not None:
        lines.append(typed)
    return lines


async def test_lines_come_one_by_one_with_their_numbers(pipe: Pipe) -> None:
    reader = read_from(pipe)
    pipe.write("one\r\n\ntwö".encode())
    assert await reader.next() == Typed("one", 1)
    assert await reader.next() == Typed("", 2)
    waiting = asyncio.create_task(reader.next())
    pipe.write(b" and a half\n")
    assert await waiting == Typed("twö and a half", 3)
    assert not reader.ended.is_set()
    pipe.close()
    assert await reader.next() is None
    assert reader.ended.is_set()
    assert reader.count == 3


async def test_the_last_line_needs_no_end(pipe: Pipe) -> None:
    reader = read_from(pipe)
    pipe.write(b"one\ntwo")
    pipe.close()
    assert await rest(reader) == [Typed("one", 1), Typed("two", 2)]


async def test_what_is_not_utf_8_is_read_all_the_same(pipe: Pipe) -> None:
    reader = read_from(pipe)
    pipe.write(b"caf\xe9\n")
    assert await reader.next() == Typed("caf\ufffd", 1)


async def test_a_wait_that_is_cancelled_loses_nothing(pipe: Pipe) -> None:
    reader = read_from(pipe)
    waiting = asyncio.create_task(reader.next())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    pipe.write(b"one\n")
    assert await reader.next() == Typed("one", 1)


@pytest.mark.slow
async def test_no_more_is_read_than_is_asked_for(pipe: Pipe) -> None:
    reader = read_from(pipe)
    written = 0

    def write() -> None:
        nonlocal written
        for _ in range(10):
            pipe.write(b"x\n" * (CHUNK // 2))
            written += 1
        pipe.close()

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    for number in range(1, 1001):
        assert await reader.next() == Typed("x", number)
        await asyncio.sleep(0)
        assert reader.unread <= CHUNK // 2
    # One chunk was taken, one fills the pipe, and one is being written.
    assert written <= 3
    assert len(await rest(reader)) == 10 * CHUNK // 2 - 1000
    writer.join()


@pytest.mark.slow
async def test_a_line_without_an_end_is_a_fault_and_takes_no_memory(pipe: Pipe) -> None:
    reader = read_from(pipe)

    def write() -> None:
        for _ in range(3 * LONGEST_LINE // CHUNK):
            pipe.write(b"x" * CHUNK)
        pipe.write(b"\nafter\n" + b"y" * CHUNK)
        for _ in range(2 * LONGEST_LINE // CHUNK):
            pipe.write(b"y" * CHUNK)
        pipe.close()

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    while not reader.unread:
        assert len(reader._rest) <= LONGEST_LINE + CHUNK
        await asyncio.sleep(0)
    assert await rest(reader) == [
        Typed("", 1, "endless"),
        Typed("after", 2),
        Typed("", 3, "endless"),
    ]
    writer.join()


async def test_when_it_is_ended_what_was_read_is_still_there_and_nothing_else(pipe: Pipe) -> None:
    reader = read_from(pipe)
    pipe.write(b"one\ntwo\n")
    assert await reader.next() == Typed("one", 1)
    assert reader.unread == 1
    reader.end()
    assert await reader.next() == Typed("two", 2)
    pipe.write(b"three\n")
    assert await reader.next() is None


async def test_to_end_it_ends_a_wait(pipe: Pipe) -> None:
    reader = read_from(pipe)
    waiting = asyncio.create_task(reader.next())
    await asyncio.sleep(0)
    reader.end()
    assert await waiting is None


async def test_what_cannot_be_read_has_ended(tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        assert await rest(LineReader(folder, endless="")) == []
    finally:
        os.close(folder)


def test_a_reader_outlives_its_loop_without_a_sound(pipe: Pipe) -> None:
    async def begin() -> None:
        read_from(pipe)

    before = set(threading.enumerate())
    asyncio.run(begin())
    (thread,) = set(threading.enumerate()) - before
    pipe.write(b"late\n")
    thread.join(10)
    assert not thread.is_alive()


def test_the_lines_of_a_file_are_counted_from_where_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "lines"
    file.write_bytes(b"zero\none\ntwo\nthree")
    with file.open("rb", buffering=0) as stream:
        os.lseek(stream.fileno(), 5, os.SEEK_SET)
        assert count_lines(stream.fileno(), 100) == 3
        assert os.lseek(stream.fileno(), 0, os.SEEK_CUR) == 5
        assert count_lines(stream.fileno(), 10) is None
    file.write_bytes(b"one\n")
    with file.open("rb", buffering=0) as stream:
        assert count_lines(stream.fileno(), 100) == 1


def test_what_is_no_file_or_is_empty_has_no_count(pipe: Pipe, tmp_path: Path) -> None:
    assert count_lines(pipe.reading, 100) is None
    (tmp_path / "empty").touch()
    with (tmp_path / "empty").open("rb") as stream:
        assert count_lines(stream.fileno(), 100) is None
