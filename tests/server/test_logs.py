import errno
import io
import json
import logging
from typing import Any

import pytest
import structlog

from causerie.server.logs import configure_logs
from causerie.wire.codes import CloseCode


class Stream(io.StringIO):
    """What the log is written to."""

    on_terminal = False
    fault: OSError | None = None
    """What keeps it from being written to."""

    def isatty(self) -> bool:
        return self.on_terminal

    def write(self, text: str) -> int:
        if self.fault is not None:
            raise self.fault
        return super().write(text)

    def flush(self) -> None:
        if self.fault is not None:
            raise self.fault


@pytest.fixture
def stderr() -> Stream:
    """Catches the log."""
    return Stream()


def lines(stderr: Stream) -> list[Any]:
    return [json.loads(line) for line in stderr.getvalue().splitlines()]


def test_structlog_and_the_standard_library_write_alike(stderr: Stream) -> None:
    configure_logs("json", "info", stderr)
    structlog.get_logger().info("connected", address="é")
    logging.getLogger("asyncio").warning("something is %s", "slow")
    ours, theirs = lines(stderr)
    assert ours.pop("timestamp").endswith("Z")
    assert theirs.pop("timestamp").endswith("Z")
    assert ours == {"event": "connected", "level": "info", "address": "é"}
    assert theirs == {"event": "something is slow", "level": "warning"}
    assert "é" in stderr.getvalue()


@pytest.mark.parametrize("why", [errno.ENOSPC, errno.EPIPE])
def test_a_line_that_cannot_be_written_is_lost_and_nothing_else(stderr: Stream, why: int) -> None:
    configure_logs("json", "info", stderr)
    stderr.fault = OSError(why, "no")
    structlog.get_logger().info("lost")
    logging.getLogger("asyncio").warning("lost too")
    stderr.fault = None
    structlog.get_logger().info("told")
    assert [line["event"] for line in lines(stderr)] == ["told"]


def test_what_is_less_important_than_asked_for_is_not_written(stderr: Stream) -> None:
    configure_logs("json", "warning", stderr)
    structlog.get_logger().info("no")
    logging.getLogger("causerie").info("no")
    structlog.get_logger().warning("yes")
    # Of what is no HTTP.
    logging.getLogger("uvicorn.error").warning("no")
    logging.getLogger("uvicorn.error").error("yes")
    configure_logs("json", "debug", stderr)
    structlog.get_logger().debug("yes")
    # What uvicorn tells below a warning, we tell ourselves.
    logging.getLogger("uvicorn.error").info("no")
    logging.getLogger("uvicorn.error").warning("yes")
    assert [line["event"] for line in lines(stderr)] == ["yes"] * 4


@pytest.mark.parametrize(
    ("form", "on_terminal", "is_json"),
    [
        ("auto", False, True),
        ("auto", True, False),
        ("json", True, True),
        ("console", False, False),
        ("console", True, False),
    ],
)
def test_the_log_is_for_people_on_a_terminal_and_for_programs_elsewhere(
    stderr: Stream, form: Any, on_terminal: bool, is_json: bool
) -> None:
    stderr.on_terminal = on_terminal
    configure_logs(form, "info", stderr)
    structlog.get_logger().info("connected")
    assert stderr.getvalue().startswith("{") is is_json
    assert ("\x1b[" in stderr.getvalue()) is (on_terminal and not is_json)


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        (CloseCode.GOING_AWAY, "1001 (going away)"),
        (1000, "1000 (normal)"),
        (CloseCode.NAME_LOST, "4000 (name lost)"),
        (3999, "3999"),
        (None, "None"),
    ],
)
def test_people_read_a_close_code_as_a_number_and_a_name(
    stderr: Stream, code: int | None, shown: str
) -> None:
    configure_logs("console", "info", stderr)
    structlog.get_logger().info("disconnected", received=code, sent=code, seconds=1001)
    text = stderr.getvalue()
    assert text.count(shown) == 2
    assert "CloseCode" not in text
    assert "seconds=1001" in text


def test_programs_read_a_close_code_as_a_number(stderr: Stream) -> None:
    configure_logs("json", "info", stderr)
    structlog.get_logger().info("disconnected", received=1000, sent=CloseCode.GOING_AWAY)
    (line,) = lines(stderr)
    assert (line["received"], line["sent"]) == (1000, 1001)


@pytest.mark.parametrize("form", ["console", "json"])
def test_a_traceback_does_not_tell_the_values_of_variables(stderr: Stream, form: Any) -> None:
    configure_logs(form, "info", stderr)

    def fail(secret: str) -> None:
        raise RuntimeError(len(secret))

    for say in (structlog.get_logger().exception, logging.getLogger("asyncio").exception):
        try:
            fail("what " + "somebody wrote")
        except RuntimeError:
            say("a connection failed")
    text = stderr.getvalue()
    assert text.count("RuntimeError: 19") == 2
    assert "what somebody wrote" not in text
