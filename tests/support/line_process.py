"""Child processes that speak in lines, waited for by what they say."""

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import IO, Self

PATIENCE = 20.0
"""Seconds until a wait fails. Far more than anything takes, also on a machine that is busy: a wait
that succeeds costs no more than it has to."""


class WaitFailed(AssertionError):
    """What was waited for did not come; the message has all that the process wrote."""


class LineProcess:
    """A child process whose standard output is gathered line by line.

    It is a context manager: what still runs at the end is killed. All methods block the thread that
    calls them, and can be called from any (`asyncio.to_thread`).
    """

    def __init__(
        self, command: Sequence[str], *, environment: Mapping[str, str] | None = None
    ) -> None:
        """Starts the process; `environment` is all of it, by default that of the tests."""
        # A file, unlike a pipe, is never full: a process may say as much as it likes.
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self._lines: list[str] = []
        self._changed = threading.Condition()
        self._ended = False
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environment,
            encoding="utf-8",
            errors="replace",
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends it, if it still runs, and lets go of its pipes."""
        self.kill()
        self._reader.join()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            assert stream is not None
            with suppress(BrokenPipeError):  # what it did not read before it ended
                stream.close()

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    @property
    def lines(self) -> list[str]:
        """What it has written to its standard output so far, without the ends of line."""
        with self._changed:
            return self._lines.copy()

    @property
    def errors(self) -> str:
        """What it has written to its standard error so far."""
        fd = self._errors.fileno()
        return os.pread(fd, os.fstat(fd).st_size, 0).decode("utf-8", "replace")

    def say(self, line: str) -> None:
        """Writes a line to its standard input."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def end_input(self) -> None:
        """Ends its standard input, as Ctrl+D does."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def wait_until(
        self, holds: Callable[[list[str]], bool], what: str, within: float = PATIENCE
    ) -> list[str]:
        """Waits until something holds of its lines, and returns them.

        Raises:
            WaitFailed: it did not within so many seconds, or the process ended before.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._ended or holds(self._lines), within)
            if holds(self._lines):
                return self._lines.copy()
        raise WaitFailed(self._explain(what))

    def wait_for(self, text: str, within: float = PATIENCE) -> str:
        """Waits for a line that contains a text, and returns the first such line.

        Raises:
            WaitFailed: none came within so many seconds, or before the process ended.
        """
        lines = self.wait_until(
            lambda lines: any(text in line for line in lines), f"a line with {text!r}", within
        )
        return next(line for line in lines if text in line)

    def wait(self, within: float = PATIENCE) -> int:
        """Waits for its end and all that it has written; returns the exit code, that of a signal as
        a negative number.

        Raises:
            WaitFailed: it has not ended within so many seconds.
        """
        deadline = time.monotonic() + within
        try:
            code = self._process.wait(within)
        except subprocess.TimeoutExpired:
            raise WaitFailed(self._explain("its end")) from None
        # A child of its own may still hold the pipe: that would be a leak worth failing for.
        self._reader.join(max(0.0, deadline - time.monotonic()) + 1.0)
        if self._reader.is_alive():
            raise WaitFailed(self._explain("the end of its output"))
        return code

    def signal(self, number: signal.Signals) -> None:
        """Sends it a signal; one that has ended gets none."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """Ends it at once (SIGKILL) and waits for that; does nothing if it has ended."""
        self._process.kill()
        self._process.wait()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._changed:
                self._lines.append(line.rstrip("\r\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _explain(self, what: str) -> str:
        state = "still runs" if self.is_running else f"ended with {self._process.returncode}"
        written = "\n".join(self.lines)
        return (
            f"waited in vain for {what}; the process {state}\n"
            f"--- its output\n{written}\n--- its errors\n{self.errors}"
        )
