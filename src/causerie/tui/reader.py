"""Lines from a file descriptor: a pipe, a file, a terminal that is read without a prompt."""

import asyncio
import os
import threading
from collections import deque
from typing import Final

from causerie.tui.chat import Typed

CHUNK: Final = 64 * 1024
"""Bytes read at once: what a pipe holds on Linux."""

LONGEST_LINE: Final = 1024 * 1024
"""Bytes. What is longer is no line of text, whatever a server's limits are."""


class LineReader:
    """Reads lines, no further ahead than it must.

    A thread of its own does the reading, since an event loop can wait for neither a file nor a
    terminal that it shares with a shell. `endless` is what is wrong with a line that is too long.
    """

    def __init__(self, descriptor: int, *, endless: str) -> None:
        self.count = 0
        """The lines that have been read."""
        self.ended = asyncio.Event()
        """There are no more than those."""
        self._descriptor = descriptor
        self._endless = endless
        self._loop = asyncio.get_running_loop()
        self._lines: deque[Typed] = deque()
        self._rest = bytearray()
        self._is_endless = False
        self._changed = asyncio.Event()
        self._more_wanted = threading.Event()
        self._more_wanted.set()
        # A daemon: it may wait for a terminal when the program ends.
        threading.Thread(target=self._read, name="causerie stdin", daemon=True).start()

    @property
    def unread(self) -> int:
        """The lines that have been read and not been asked for."""
        return len(self._lines)

    async def next(self) -> Typed | None:
        """Waits for the next line; None: there will be no more. Cancelling it loses nothing."""
        while not self._lines and not self.ended.is_set():
            self._changed.clear()
            await self._changed.wait()
        if not self._lines:
            return None
        typed = self._lines.popleft()
        if not self._lines:
            self._more_wanted.set()
        return typed

    def end(self) -> None:
        """What has not been read by now is not to be read any more."""
        self.ended.set()
        self._changed.set()

    def _read(self) -> None:
        """Reads until the end, in a thread of its own."""
        while True:
            self._more_wanted.wait()
            self._more_wanted.clear()
            try:
                chunk = os.read(self._descriptor, CHUNK)
            except OSError:  # a terminal that has gone
                chunk = b""
            try:
                self._loop.call_soon_threadsafe(self._take, chunk)
            except RuntimeError:  # the loop has ended
                return
            if not chunk:
                return

    def _take(self, chunk: bytes) -> None:
        if self.ended.is_set():
            return
        self._rest += chunk
        *lines, rest = self._rest.split(b"\n")
        for line in lines:
            self._add(line)
        if not chunk:
            self.ended.set()
            if rest or self._is_endless:
                self._add(rest)
        elif len(rest) > LONGEST_LINE:
            self._is_endless = True
            rest.clear()
        self._rest = bytearray(rest)
        if not self._lines and not self.ended.is_set():
            self._more_wanted.set()
        self._changed.set()

    def _add(self, line: bytearray) -> None:
        self.count += 1
        fault = self._endless if self._is_endless else ""
        text = "" if fault else line.removesuffix(b"\r").decode(errors="replace")
        self._lines.append(Typed(text, self.count, fault))
        self._is_endless = False


def count_lines(descriptor: int, most: int) -> int | None:
    """Counts the lines that are still to be read of a file of at most so many bytes; None where
    it is no such file.
    """
    try:
        start, size = os.lseek(descriptor, 0, os.SEEK_CUR), os.fstat(descriptor).st_size
    except OSError:  # a pipe, a terminal
        return None
    if not start < size <= most:
        return None
    content = os.pread(descriptor, size - start, start)
    return content.count(b"\n") + (not content.endswith(b"\n"))
