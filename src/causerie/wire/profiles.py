"""The two profiles of the protocol, and how a connection says which one it speaks."""

from typing import Final

SUBPROTOCOL: Final = "causerie.v1"
"""The WebSocket subprotocol (RFC 6455, section 1.9) of the v1 profile; without it a connection is
plain."""


def close_reason(text: str, *, retry_after: int) -> str:
    """The reason of a close frame that asks its reader to wait before it comes back.

    `retry_after` is in milliseconds; clients look for `retry-after=<ms>`.
    """
    return f"{text}; retry-after={retry_after}"
