"""Whether a member was told a room's log whole, once and in order, without I/O.

Every entry names the one before it (`prev`), so a member's account of a room is one number, and
what contradicts it is found out at once, however long the load runs.
"""

from dataclasses import dataclass, field

from causerie.bench.faults import Faults
from causerie.wire.commands import Cursor

NOTHING = Cursor(seq=0, id="")
"""The cursor of whoever has seen none of a room, from its beginning."""


@dataclass
class Chain:
    """One member's account of one room."""

    cursor: Cursor = NOTHING
    epoch: str | None = None
    is_listening: bool = False
    """Whether what comes continues the chain. It does from `joined` on; what comes before that of
    a conversation is told again after it."""
    holes: list[tuple[int, int]] = field(default_factory=list)
    """What was lost: the seqs after the one and up to the other."""

    def hear(self, seq: int, prev: int, id: str, faults: Faults) -> None:
        """Takes an entry, and counts what is wrong with its place."""
        if not self.is_listening:
            return
        last = self.cursor.seq
        if seq <= last:
            if any(after < seq <= upto for after, upto in self.holes):
                faults.misordered += 1
            else:
                faults.doubled += 1
            return
        if prev != last:
            faults.lost += 1
            self.holes.append((last, prev))
        self.cursor = Cursor(seq=seq, id=id)


class Ledger:
    """A room's log, as put together from what members were told."""

    def __init__(self) -> None:
        self._ids: dict[int, str] = {}
        self._seqs: dict[str, int] = {}

    def note(self, seq: int, id: str, faults: Faults) -> None:
        """Takes an entry that somebody was told of, or an ack."""
        if self._ids.setdefault(seq, id) != id:
            faults.misordered += 1
        if self._seqs.setdefault(id, seq) != seq:
            faults.doubled += 1

    @property
    def head(self) -> int:
        """The seq of the newest entry."""
        return max(self._ids, default=0)
