"""How the server writes its log: a line an event, and never what people wrote."""

import logging
from contextlib import suppress
from functools import partial
from typing import Any, Literal, TextIO, cast

import structlog
from structlog.typing import EventDict

from causerie.wire.codes import CloseCode

_SHARED: list[Any] = [
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


class _Lossy:
    """Where the log goes. What cannot be written, because the disk is full or nobody reads on, is
    lost, and whoever had something to tell goes on: the chat does not end with its log.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        """Writes, if that can be."""
        with suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        """Has it written by now, if that can be."""
        with suppress(OSError):
            self._stream.flush()


def name_close_codes(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Writes close codes for people: `1001 (going away)`."""
    for field in ("received", "sent"):
        code = event.get(field)
        if isinstance(code, int):
            with suppress(ValueError):  # a peer may close with any code
                name = CloseCode(code).name.replace("_", " ").lower()
                event[field] = f"{code:d} ({name})"
    return event


def _name_worker(worker: int, _logger: object, _method: str, event: EventDict) -> EventDict:
    event["worker"] = worker
    return event


def configure_logs(
    form: Literal["auto", "console", "json"],
    level: Literal["debug", "info", "warning", "error"],
    stream: TextIO,
    *,
    worker: int | None = None,
) -> None:
    """Has structlog and the standard library's logging write alike.

    `auto` is console on a terminal, otherwise json. A line that cannot be written is lost. Where
    there are several workers, each line has the number of its own.
    """
    on_terminal = stream.isatty()
    lossy = cast(TextIO, _Lossy(stream))
    # A traceback without the values of variables, which may be what somebody wrote.
    rendering: list[Any]
    if form == "console" or (form == "auto" and on_terminal):
        rendering = [
            name_close_codes,
            structlog.dev.ConsoleRenderer(
                colors=on_terminal, exception_formatter=structlog.dev.plain_traceback
            ),
        ]
    else:
        rendering = [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
    shared = _SHARED if worker is None else [*_SHARED, partial(_name_worker, worker)]
    threshold = getattr(logging, level.upper())
    structlog.configure(
        processors=[*shared, *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(file=lossy),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(lossy)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(threshold)
    # uvicorn tells at INFO what we tell ourselves, and warns of what is no HTTP: an open port is
    # sent all sorts of things, and the log is not to be filled by strangers.
    uvicorn = logging.WARNING if threshold == logging.DEBUG else logging.ERROR
    logging.getLogger("uvicorn").setLevel(uvicorn)
