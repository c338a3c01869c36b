"""How one stands with the server: connected or not, and since when one tries again.

Moments are in seconds, monotonic.
"""

from causerie.client.machine.states import (
    Closed,
    Connected,
    Connecting,
    Disconnected,
    Reconnecting,
    State,
)
from causerie.language import Words
from causerie.tui.lines import Line, Span, Style, line, restyled
from causerie.tui.wording import explain_close


class Standing:
    """The state of the connection, in words."""

    def __init__(self, words: Words, *, max_attempts: int | None) -> None:
        self._words = words
        self._max_attempts = max_attempts
        self._state: State = Connecting()
        self._rtt_ms: int | None = None
        self._told = ""
        """Why there is no connection, as far as that was told last."""

    @property
    def is_waiting(self) -> bool:
        """Whether `words` change by themselves, as time passes."""
        return isinstance(self._state, Disconnected)

    def changed(self, state: State, now: float) -> list[Line]:
        """The state is another; returns the lines that tell of it."""
        before, self._state = self._state, state
        match state:
            case Connecting():
                return [self.words(now)]
            case Reconnecting() | Closed():
                return []
            case Connected():
                # Told with the first measurement, which is about to come.
                self._rtt_ms = None
                return []
            case Disconnected(code=code, reason=given):
                why = explain_close(self._words, code, given)
                next_attempt = restyled(self.words(now), Style.WAITING)
                match before:
                    case Connected() if why:
                        text = self._words("disconnected-because", reason=why)
                    case Connected():
                        text = self._words("disconnected")
                    case Connecting():
                        why = why or self._words("no-reason", code=code)
                        text = self._words("no-connection", reason=why)
                    case _ if why and why != self._told:
                        text = self._words("no-connection", reason=why)
                    case _:
                        return [next_attempt]
                self._told = why
                return [line(text, Style.BAD), next_attempt]

    def measured(self, rtt_ms: int) -> list[Line]:
        """The server took so long to answer; returns the line that one is connected, if that has
        not been told.
        """
        first = self._rtt_ms is None
        self._rtt_ms = rtt_ms
        return [line(self._words("connected", ms=rtt_ms), Style.GOOD)] if first else []

    def words(self, now: float) -> Line:
        """Returns how things stand."""
        match self._state:
            case Connecting():
                return line(self._words("connecting"), Style.WAITING)
            case Connected():
                return line(self._words("connected", ms=self._rtt_ms or 0), Style.GOOD)
            case Disconnected(attempt=attempt, retry_at=retry_at):
                seconds = self._words.decimal(max(0.0, retry_at - now))
                which = self._attempt(attempt)
                text = self._words("reconnecting", seconds=seconds, attempt=which)
                return line(text, Style.BAD)
            case Reconnecting(attempt=attempt):
                text = self._words("reconnecting-now", attempt=self._attempt(attempt))
                return (Span(text, Style.WAITING),)
            case Closed():
                return line(self._words("closed"), Style.BAD)

    def _attempt(self, attempt: int) -> str:
        if self._max_attempts is None:
            return self._words("attempt", attempt=attempt)
        return self._words("attempt-of", attempt=attempt, most=self._max_attempts)
