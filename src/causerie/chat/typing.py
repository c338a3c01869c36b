"""Who is typing in one room.

The server owns the end: who falls silent is forgotten after `FORGOTTEN_AFTER` seconds, so that
nobody types for ever because a frame was lost.
"""

FORGOTTEN_AFTER = 6.0
"""Seconds. A client that still types repeats itself every 3."""

RELAYED_EVERY = 2.5
"""Seconds between two relays of the same person's typing: a repeat is for those who came since."""


class Typing:
    """The people typing in a room, by folded name. `now` is in seconds, monotonic."""

    __slots__ = ("_typists",)

    def __init__(self) -> None:
        # In the order of their ends, since all ends are equally far and a repeat moves to the back.
        self._typists: dict[str, tuple[str, float, float]] = {}

    def start(self, folded: str, display: str, now: float) -> bool:
        """Somebody types (still); answers whether to tell the others."""
        known = self._typists.pop(folded, None)
        tell = known is None or now - known[2] >= RELAYED_EVERY
        told_at = now if tell or known is None else known[2]
        self._typists[folded] = (display, now + FORGOTTEN_AFTER, told_at)
        return tell

    def stop(self, folded: str) -> bool:
        """Somebody has stopped, sent, or gone; answers whether there is anything to tell."""
        return self._typists.pop(folded, None) is not None

    def tick(self, now: float) -> list[tuple[str, str]]:
        """Forgets those who fell silent; answers their (folded, displayed) names."""
        ended: list[tuple[str, str]] = []
        for folded, (display, until, _) in self._typists.items():
            if until > now:
                break
            ended.append((folded, display))
        for folded, _ in ended:
            del self._typists[folded]
        return ended

    def deadline(self) -> float | None:
        """When `tick` has something to do, or None."""
        for _, until, _ in self._typists.values():
            return until
        return None
