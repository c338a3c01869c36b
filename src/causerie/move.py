"""`causerie move`: copies a chat from one store into another, and tells how far it is."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Final, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from causerie.archive import (
    ArchiveError,
    Copied,
    HoldsMore,
    HoldsNames,
    HoldsOther,
    Phase,
    Tell,
    Unlike,
    copy,
)
from causerie.backends import open_archive
from causerie.language import Words
from causerie.server.config import without_secrets
from causerie.tui.sanitise import one_line, sanitise_name
from causerie.wire.errors import CauserieError

LINE_EVERY: Final = 10.0
"""Seconds between two lines that say how far it is, in a pipe."""

LONGEST_ROOM: Final = 64
"""Characters of a room's name; none is longer."""

SHOWN_ROOMS: Final = 5
"""Rooms that are named where many are not alike."""


class MoveError(CauserieError):
    """It cannot be moved; the message says why, and what to do."""


def move(source: str, target: str, words: Words, out: TextIO, *, streams: int = 0) -> None:
    """Copies what `source` holds into `target`, compares both, and says what there is in the end.
    In NATS a new target has so many `streams`. Blocks. It may be interrupted in any way, and called
    again.

    Raises:
        CauserieError: it cannot be done; the message says why, and what to do.
        KeyboardInterrupt: somebody has interrupted it.
    """
    here, there = without_secrets(source), without_secrets(target)
    if _normal(source) == _normal(target):
        raise MoveError(words("move-same", place=here))
    # As a server has it: what people said to one another is nobody else's on this machine.
    os.umask(0o077)
    try:
        copied = asyncio.run(_move(source, target, words, out, streams))
    except ArchiveError as error:
        raise MoveError(_explain(error, here, there, words)) from None
    except KeyboardInterrupt:
        out.write(f"{words('move-interrupted')}\n")
        raise
    out.write(f"{_sum_up(copied, here, there, words)}\n")


async def _move(source: str, target: str, words: Words, out: TextIO, streams: int) -> Copied:
    async with (
        open_archive(source) as here,
        open_archive(target, make=True, streams=streams) as there,
    ):
        with _shown(words, out) as tell:
            return await copy(here, there, tell)


@contextmanager
def _shown(words: Words, out: TextIO) -> Iterator[Tell]:
    """A bar on a terminal, and lines in a pipe."""
    console = Console(file=out)
    if not console.is_terminal:
        yield Lines(words, out)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=None)

        def tell(phase: Phase, done: int, total: int) -> None:
            if not done:
                doing = words(f"move-doing-{phase}")
                progress.reset(task, total=total, description=doing)
            progress.update(task, completed=done, total=total)

        yield tell


class Lines:
    """Says how far it is in lines: when something begins, every ten seconds, and at its end."""

    def __init__(self, words: Words, out: TextIO) -> None:
        self._words = words
        self._out = out
        self._next_at = 0.0

    def __call__(self, phase: Phase, done: int, total: int) -> None:
        """Says it, if it is time to."""
        now = monotonic()
        if 0 < done < total and now < self._next_at:
            return
        self._next_at = now + LINE_EVERY
        doing = self._words(f"move-doing-{phase}")
        # Each message is copied once, but looked at in the source and in the target.
        if phase == "copying":
            line = self._words("move-line", doing=doing, done=done, total=total)
        else:
            line = self._words("move-line-both", doing=doing, done=done, total=total)
        self._out.write(f"{line}\n")
        self._out.flush()


def _sum_up(copied: Copied, source: str, target: str, words: Words) -> str:
    done = words(
        "move-done",
        source=source,
        target=target,
        rooms=words("move-rooms", count=copied.rooms),
        entries=words("move-entries", count=copied.entries),
        names=words("move-names", count=copied.names),
    )
    new = words("move-new", count=copied.new)
    return "\n".join((done, new, words("move-kept", source=source)))


def _explain(error: ArchiveError, source: str, target: str, words: Words) -> str:
    match error:
        case HoldsMore():
            return words("move-holds-more", source=source, target=target)
        case HoldsOther(room=room):
            room = _room(room, words)
            return words("move-holds-other", source=source, target=target, room=room)
        case HoldsNames(name=name):
            name = sanitise_name(name)
            return words("move-holds-names", source=source, target=target, name=name)
        case Unlike(rooms=rooms, names=names):
            shown = [_room(room, words) for room in rooms[:SHOWN_ROOMS]]
            others = len(rooms) - len(shown)
            if names:
                shown.append(words("move-names", count=names))
            return words(
                "move-unlike",
                source=source,
                target=target,
                what=words.names(shown, others=others),
            )
        case _:
            raise AssertionError("there are no others")


def _room(room: str, words: Words) -> str:
    return words("move-private") if room.startswith("~") else one_line(room, LONGEST_ROOM)


def _normal(place: str) -> str:
    """A place, so that one that is written in another way is the same."""
    return place if "://" in place else str(Path(place).absolute())
