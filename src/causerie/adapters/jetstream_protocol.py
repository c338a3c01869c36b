"""What a node writes to NATS, as bytes, and the heads of the messages that come. Pure.

NATS's "Client Protocol" says how; its ADR-4 how a head looks, which is the line `NATS/1.0`, maybe
with a status, a line for each header, and an empty one. Every line ends with CR LF.
"""

import re
from collections.abc import Mapping
from typing import Final

from causerie.wire.errors import CauserieError

Headers = Mapping[str, str]

_PATTERN: Final = re.compile(r"(?:(?:\*|[^.*>]+)\.)*(?:\*|[^.*>]+|>)")
"""What can be subscribed to: names or `*`, with points between, and maybe `>` in the end."""


class Unfit(CauserieError):
    """It cannot be written so that NATS takes it, and for what it is."""


# What we write.


def encode_message(
    subject: str, payload: bytes, reply: str, headers: Headers | None, most: int
) -> bytes:
    """Makes a message of at most so many bytes, headers included.

    Raises:
        Unfit: it is larger, or what is to be one word or one line of it is not.
    """
    address = f"{subject} {reply}" if reply else subject
    if not subject or not address.isprintable() or address.count(" ") != bool(reply):
        raise Unfit(f"it cannot be sent to {subject!r} with answers to {reply!r}")
    head = _encode_head(headers) if headers else b""
    size = len(head) + len(payload)
    if size > most:
        raise Unfit(f"it has {size} bytes; {most} are taken")
    line = f"HPUB {address} {len(head)} {size}\r\n" if head else f"PUB {address} {size}\r\n"
    return b"".join((line.encode(), head, payload, b"\r\n"))


def _encode_head(headers: Headers) -> bytes:
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    # An end of a line within a name or a value would make another header of the rest, or content.
    if not lines.count("\r") == lines.count("\n") == len(headers):
        raise Unfit(f"a header is not one line: {headers!r}")
    try:
        return f"NATS/1.0\r\n{lines}\r\n".encode()
    except UnicodeEncodeError as error:
        raise Unfit(f"a header is not text: {headers!r}") from error


def encode_subscribe(subject: str, number: int) -> bytes:
    """Asks for what is published on a subject; it comes with the number.

    Raises:
        Unfit: it is no subject.
    """
    if not subject.isprintable() or " " in subject or not _PATTERN.fullmatch(subject):
        raise Unfit(f"nothing can be heard on {subject!r}")
    return f"SUB {subject} {number}\r\n".encode()


def encode_unsubscribe(number: int) -> bytes:
    """Ends that."""
    return b"UNSUB %d\r\n" % number


# What comes.


def decode_status(head: bytes) -> str:
    """The three digits in the first line of a head; empty if there are none."""
    status = head[9:12]
    return status.decode() if head.startswith(b"NATS/1.0 ") and status.isdigit() else ""


def decode_headers(head: bytes) -> dict[str, str]:
    """The headers in a head; the last of a name."""
    headers = {}
    for line in head.decode("utf-8", "replace").split("\r\n")[1:]:
        name, colon, value = line.partition(":")
        if colon:
            headers[name] = value.strip()
    return headers


def find_header(head: bytes, name: str) -> str:
    """The value of one header, as `decode_headers` has it; empty if there is none."""
    _, found, rest = head.rpartition(f"\r\n{name}:".encode())
    value, _, _ = rest.partition(b"\r\n")
    return value.decode("utf-8", "replace").strip() if found else ""
