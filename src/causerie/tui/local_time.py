"""Moments as the clocks of the place show them."""

from datetime import UTC, datetime
from typing import Final

LAST_MOMENT: Final = datetime(9999, 12, 30, tzinfo=UTC)
"""The last that can be shown anywhere in the world; a server may name later ones."""


def local_time(milliseconds: int) -> datetime:
    """The local time of a moment, given in milliseconds since 1970; none is before that."""
    moment = min(max(0, milliseconds) / 1000, LAST_MOMENT.timestamp())
    return datetime.fromtimestamp(moment, UTC).astimezone()
