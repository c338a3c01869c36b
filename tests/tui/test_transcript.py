import asyncio
import io
import os
from collections.abc import Iterator
from contextlib import suppress
from typing import TextIO

import pytest

from causerie.language import Words
from causerie.tui.chat import Typed
from causerie.tui.lines import Span, Style, line
from causerie.tui.progress import APPEARS_AFTER, ERASE_LINE, Done, Progress
from causerie.tui.transcript import Transcript

WORDS = Words("en")
LINES = [(Span("[12:00:00] ", Style.TIME), Span("hello")), line("x", Style.BAD)]


@pytest.fixture
def broken() -> Iterator[TextIO]:
    """A stream that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    stream = open(writing, "w", encoding="utf-8")  # noqa: PTH123, SIM115 it is no path
    yield stream
    with suppress(BrokenPipeError):
        stream.close()


def transcript(
    output: TextIO, errors: TextIO, *, colour: bool = False, from_program: bool = False
) -> Transcript:
    return Transcript(WORDS, output, errors, colour=colour, from_program=from_program)


async def test_lines_are_written_with_colours_only_where_they_are_wanted() -> None:
    plain, coloured = io.StringIO(), io.StringIO()
    transcript(plain, io.StringIO()).show(LINES)
    transcript(coloured, io.StringIO(), colour=True).show(LINES)
    assert plain.getvalue() == "[12:00:00] hello\nx\n"
    assert coloured.getvalue() == "\x1b[2m[12:00:00] \x1b[0mhello\n\x1b[31mx\x1b[0m\n"


async def test_a_person_is_told_among_the_lines_what_was_not_taken() -> None:
    output, errors = io.StringIO(), io.StringIO()
    transcript(output, errors).failed(Typed("hello", 7), "it is too late", "hello")
    transcript(output, errors).failed(Typed("/x", 8), "There is no /x", "")
    assert output.getvalue() == "Not sent: “hello”: it is too late\nThere is no /x\n"
    assert errors.getvalue() == ""


async def test_of_a_programs_lines_the_number_is_told_beside_them() -> None:
    output, errors = io.StringIO(), io.StringIO()
    one = transcript(output, errors, from_program=True)
    one.failed(Typed("hello", 7), "it is too late", "hello")
    assert output.getvalue() == ""
    assert errors.getvalue() == "causerie: line 7: it is too late\n"


async def test_when_nobody_reads_it_writes_no_more_without_a_sound(broken: TextIO) -> None:
    errors = io.StringIO()
    one = transcript(broken, errors)
    one.show([])
    assert not one.closed.is_set()
    one.show(LINES)
    assert one.closed.is_set()
    one.show(LINES)
    assert errors.getvalue() == ""


async def test_what_cannot_be_complained_of_is_left_unsaid(broken: TextIO) -> None:
    output = io.StringIO()
    one = transcript(output, broken)
    one.complain("x")
    one.show([line("y")])
    assert output.getvalue() == "y\n"


async def test_a_progress_bar_makes_room_for_lines_and_complaints(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now)
    terminal = io.StringIO()
    one = transcript(terminal, terminal)
    one.changed()
    one.progress = Progress(WORDS, terminal, lambda: Done(3, None))
    now += APPEARS_AFTER
    one.changed()
    one.show([line("hello")])
    one.changed()
    one.complain("oh")
    drawn = f"{ERASE_LINE}3 lines delivered{ERASE_LINE}"
    assert terminal.getvalue() == f"{drawn}hello\n{drawn}causerie: oh\n"
