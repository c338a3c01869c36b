"""A terminal in which a program runs, read as a person would read it."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Self

import pyte
from tests.support.line_process import PATIENCE, WaitFailed

_TAKE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Makes the terminal the program's own, so that Ctrl+C and hanging up are for it, and becomes the
program. (What runs between fork and exec in a process with threads had better not be Python.)"""

POLLED_EVERY = 0.1
"""Seconds after which the reading thread looks whether the terminal is still wanted."""

SCROLLED = 1_000
"""Lines that are kept above the screen."""


class _Screen(pyte.HistoryScreen):
    """What the emulator knows, and faint text, which it does not: as text in bright black."""

    def select_graphic_rendition(self, *attributes: int, **_: object) -> None:
        """Sets colours and the like (ECMA-48, 8.3.117)."""
        super().select_graphic_rendition(*(90 if code == 2 else code for code in attributes))


class Terminal:
    """A pseudo terminal, a program in it, and an emulator that knows what is on the screen.

    It is a context manager: what still runs at the end is killed. All methods block the thread that
    calls them.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        columns: int = 80,
        rows: int = 24,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Starts the program; `environment` is all of it, by default that of the tests."""
        self.screen = _Screen(columns, rows, history=SCROLLED, ratio=0.5)
        self._stream = pyte.ByteStream(self.screen)
        self._raw = bytearray()
        self._changed = threading.Condition()
        self._ended = False
        self._hung_up = threading.Event()
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-c", _TAKE_TERMINAL, *command],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment,
            start_new_session=True,
        )
        os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the program, if it still runs, and removes the terminal."""
        self._process.kill()
        self._process.wait()
        self.hang_up()

    def hang_up(self) -> None:
        """Removes the terminal, as closing a window does."""
        if self._master >= 0:
            # Whoever waits for something to read is not woken by closing alone.
            self._hung_up.set()
            self._reader.join()
            os.close(self._master)
            self._master = -1

    @property
    def pid(self) -> int:
        """The program's process id."""
        return self._process.pid

    @property
    def lines(self) -> list[str]:
        """What can be read: the screen, and what has scrolled out of it."""
        with self._changed:
            return self._lines()

    @property
    def raw(self) -> bytes:
        """All that was written to the terminal."""
        with self._changed:
            return bytes(self._raw)

    def type(self, text: str) -> None:
        """Types; Enter is a carriage return."""
        data = text.encode()
        while data:
            data = data[os.write(self._master, data) :]

    def resize(self, columns: int, rows: int) -> None:
        """Makes it another size. As most terminals do, it moves what does not fit into further
        rows, and the cursor with its place. Only for rows of narrow characters; their styles go.
        """
        with self._changed:
            cursor, place = self.screen.cursor, (0, 0)
            reflowed: list[str] = []
            for y, row in enumerate(self.screen.display):
                text = row.rstrip()
                if y == cursor.y:
                    text = text.ljust(cursor.x)
                    place = (len(reflowed) + cursor.x // columns, cursor.x % columns)
                reflowed += [text[x : x + columns] for x in range(0, len(text) or 1, columns)]
            while not reflowed[-1] and len(reflowed) > place[0] + 1:
                reflowed.pop()
            self.screen.resize(rows, columns)
            self.screen.erase_in_display(2)
            self.screen.cursor_position()
            self._stream.feed("\r\n".join(reflowed).encode())
            y, x = place
            self.screen.cursor_position(y - max(0, len(reflowed) - rows) + 1, x + 1)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def wait_until(
        self, holds: Callable[[list[str]], bool], what: str, within: float = PATIENCE
    ) -> list[str]:
        """Waits until something holds of the lines, and returns them.

        Raises:
            WaitFailed: it did not within so many seconds, or the program ended before.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._ended or holds(self._lines()), within)
            lines = self._lines()
            if holds(lines):
                return lines
        state = "still runs" if self._process.poll() is None else "has ended"
        raise WaitFailed(f"waited in vain for {what}; the program {state}\n" + "\n".join(lines))

    def wait_for(self, text: str, within: float = PATIENCE) -> str:
        """Waits for a line that contains a text, and returns the last such line.

        Raises:
            WaitFailed: none came within so many seconds, or before the program ended.
        """
        lines = self.wait_until(
            lambda lines: any(text in line for line in lines), f"a line with {text!r}", within
        )
        return [line for line in lines if text in line][-1]

    def wait(self, within: float = PATIENCE) -> int:
        """Waits for the program's end and returns its exit code.

        Raises:
            WaitFailed: it has not ended within so many seconds.
        """
        try:
            code = self._process.wait(within)
        except subprocess.TimeoutExpired:
            raise WaitFailed("the program still runs\n" + "\n".join(self.lines)) from None
        self._reader.join(within)
        return code

    def signal(self, number: signal.Signals) -> None:
        """Sends the program a signal."""
        self._process.send_signal(number)

    def modes(self) -> tuple[bool, bool]:
        """Whether the terminal echoes what is typed, and whether it reads line by line."""
        flags = termios.tcgetattr(self._master)[3]
        return bool(flags & termios.ECHO), bool(flags & termios.ICANON)

    def _lines(self) -> list[str]:
        columns = range(self.screen.columns)
        scrolled = [
            "".join(row[column].data for column in columns) for row in self.screen.history.top
        ]
        return [line.rstrip() for line in [*scrolled, *self.screen.display]]

    def _read_some(self) -> bytes:
        while not select.select([self._master], [], [], POLLED_EVERY)[0]:
            if self._hung_up.is_set():
                return b""
        return os.read(self._master, 65_536)

    def _read(self) -> None:
        # Reading fails when the last who had the terminal open has gone.
        with suppress(OSError):
            while data := self._read_some():
                with self._changed:
                    self._raw += data
                    self._stream.feed(data)
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()
