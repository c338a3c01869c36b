"""Giving drafts their places in the log. Pure: the adapter says what is stored and what time it is.

Shared by the adapters that have one writer. What it decides holds only if nobody else writes
between the look at what is stored and the commit.
"""

from collections.abc import Callable, Mapping, Sequence

from causerie.chat.entry import Draft, Entry, placed, repeats
from causerie.ports import Outcome, Rejected, Repeated, Stored


class Tail:
    """The end of a room's log, as its writer knows it; moves with every entry numbered."""

    __slots__ = ("id", "key", "members", "seq", "timestamp")

    def __init__(
        self,
        *,
        seq: int = 0,
        id: str = "",
        timestamp: int = 0,
        members: tuple[str, ...] = (),
        key: int = 0,
    ) -> None:
        self.seq = seq
        self.id = id
        self.timestamp = timestamp
        self.members = members
        self.key = key
        """The adapter's own handle of the room; nothing here reads it."""

    def move_to(self, entry: Entry) -> None:
        """The room ends with this entry now."""
        self.seq = entry.seq
        self.id = entry.id
        self.timestamp = entry.timestamp
        if entry.peer and not entry.prev:
            self.members = members(entry.identity, entry.peer)


def one() -> int:
    """Tells that the next seq follows without a gap."""
    return 1


def number(
    drafts: Sequence[Draft],
    *,
    now: int,
    stored: Mapping[tuple[str, str], Entry],
    tail: Callable[[str], Tail],
    stride: Callable[[], int] = one,
) -> list[Outcome]:
    """Decides what becomes of a batch, and moves the tails of its rooms.

    `stored` holds, by (identity, id), at least those entries that the log has under the keys of
    the batch; `tail` finds the end of a room; `stride` (at least 1) says by how much the next seq
    is greater than the last. Duplicates within the batch are answered like those of earlier ones.
    """
    outcomes: list[Outcome] = []
    tell = outcomes.append
    fresh: dict[tuple[str, str], Entry] = {}
    for draft in drafts:
        scoped_id = (draft.identity, draft.id)
        earlier = stored.get(scoped_id) or fresh.get(scoped_id)
        if earlier is not None:
            tell(
                Repeated(draft, earlier)
                if repeats(draft, earlier)
                else Rejected(draft, "id_reused")
            )
            continue
        end = tail(draft.room)
        timestamp = max(now, end.timestamp + 1)
        entry = placed(draft, seq=end.seq + stride(), prev=end.seq, timestamp=timestamp)
        end.move_to(entry)
        fresh[scoped_id] = entry
        tell(Stored(draft, entry))
    return outcomes


def members(identity: str, peer: str) -> tuple[str, ...]:
    """Names the two of a private conversation in a fixed order; one, who writes to themselves."""
    return tuple(sorted({identity, peer}))
