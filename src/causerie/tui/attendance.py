"""Who has come and gone in one room, as it is worth telling people.

The server tells of each who comes or goes. Told as they come, these would be mostly noise: whoever
was cut off together with oneself, as all are when a server restarts, comes back a moment later; and
who comes and goes at once need not be mentioned. So changes are gathered for a moment, and those
who were there before a cut are given time to come back.

All times are in seconds, monotonic.
"""

from collections.abc import Iterable
from typing import NamedTuple

GATHERED_FOR = 0.5
"""Changes of so long are told together."""

BACK_WITHIN = 15.0
"""Whoever was there before a cut, and is not after it, has not left before this."""


class News(NamedTuple):
    """What is to be told."""

    joined: tuple[str, ...]
    left: tuple[str, ...]


class Attendance:
    """One room's people, by name, save oneself."""

    def __init__(self) -> None:
        # Who is there, as people have been told, or will be with the news.
        self._here: dict[str, None] = {}
        # Of those, who has not come back yet since a cut, and until when that is no news.
        self._missed: dict[str, float] = {}
        # name -> whether it has come or gone
        self._news: dict[str, bool] = {}
        self._due: float | None = None

    def begin(self, names: Iterable[str]) -> None:
        """One has come to the room and found these there."""
        self._here = dict.fromkeys(names)
        self._missed.clear()
        self._news.clear()
        self._due = None

    def resume(self, names: Iterable[str], *, all_named: bool, now: float) -> None:
        """After a cut, or having been too slow for the news, one finds these there.

        Where not all are named, nothing can be said of who has gone.
        """
        found = dict.fromkeys(names)
        if not all_named:
            self.begin(found)
            return
        for name in self._here:
            if name not in found:
                self._missed.setdefault(name, now + BACK_WITHIN)
        self.change(joined=found, left=(), now=now)

    def change(self, joined: Iterable[str], left: Iterable[str], now: float) -> None:
        """These have come and gone."""
        for name in left:
            self._leave(name, now)
        for name in joined:
            self._missed.pop(name, None)
            if name not in self._here:
                self._here[name] = None
                self._tell(name, now, came=True)

    def tick(self, now: float) -> News | None:
        """Time has passed; answers what is to be told now, if anything is."""
        for name in [name for name, until in self._missed.items() if until <= now]:
            self._leave(name, now)
        return self.flush() if self._due is not None and self._due <= now else None

    def flush(self) -> News | None:
        """Answers what there is to be told, however fresh."""
        news = News(
            joined=tuple(name for name, came in self._news.items() if came),
            left=tuple(name for name, came in self._news.items() if not came),
        )
        self._news.clear()
        self._due = None
        return news if any(news) else None

    def deadline(self) -> float | None:
        """When `tick` has something to do."""
        times = [*self._missed.values(), *(() if self._due is None else (self._due,))]
        return min(times, default=None)

    def _leave(self, name: str, now: float) -> None:
        self._missed.pop(name, None)
        if name in self._here:
            del self._here[name]
            self._tell(name, now, came=False)

    def _tell(self, name: str, now: float, *, came: bool) -> None:
        if self._news.pop(name, came) != came:
            return  # it takes back what was to be told
        self._news[name] = came
        if self._due is None:
            self._due = now + GATHERED_FOR
