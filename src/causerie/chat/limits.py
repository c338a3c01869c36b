"""How much one connection may ask for."""

from causerie.wire.codes import ErrorCode
from causerie.wire.errors import Refused


class TokenBucket:
    """Allows `rate` actions a second and `burst` at once; a rate of 0 allows everything.

    `now` is in seconds, from a clock that never goes back.
    """

    __slots__ = ("_burst", "_rate", "_tokens", "_updated")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._updated = now

    def take(self, now: float, count: float = 1.0) -> float:
        """Takes so many tokens, or all if there can never be as many; answers 0.0, or the seconds
        until there are enough (and takes none).
        """
        if not self._rate:
            return 0.0
        wanted = min(count, self._burst)
        tokens = min(self._burst, self._tokens + (now - self._updated) * self._rate)
        self._updated = now
        if tokens >= wanted:
            self._tokens = tokens - wanted
            return 0.0
        self._tokens = tokens
        return (wanted - tokens) / self._rate


def check_content(content: str, most: int) -> None:
    """Sees to it that a message's content can be stored and shown.

    Raises:
        Refused: `invalid`, for the field `content`: it is empty, longer than `most` code points,
            or has a character that no reader could be sent (NUL, a lone surrogate).
    """
    if not content or content.isspace():
        raise Refused(ErrorCode.INVALID, field="content", reason="it is empty")
    if len(content) > most:
        raise Refused(
            ErrorCode.INVALID,
            field="content",
            reason=f"it has {len(content)} code points; at most {most} are allowed",
        )
    if "\0" in content:
        raise Refused(ErrorCode.INVALID, field="content", reason="it contains a NUL character")
    if not content.isascii():
        try:
            content.encode()
        except UnicodeEncodeError:
            raise Refused(
                ErrorCode.INVALID, field="content", reason="it contains half a surrogate pair"
            ) from None
