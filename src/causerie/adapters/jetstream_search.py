"""Finding a place in a room by asking about few. Pure.

The stream tells of any seq which entry of the room comes next, and how many there are from that one
up to an end. So two entries that enclose a place can be drawn together, until what lies between is
little enough to be read.
"""

from typing import NamedTuple


class Mark(NamedTuple):
    """An entry, or a seq right before it, and how many there are from it to the end, itself among
    them.
    """

    seq: int
    left: int


class Search:
    """The two marks that enclose a place: it is after `low`, and at `high` or before."""

    def __init__(self, low: Mark, high: Mark) -> None:
        self.low = low
        self.high = high
        self._guesses = 0

    @property
    def between(self) -> int:
        """How many entries there are after `low`, up to `high`."""
        return self.low.left - self.high.left

    def probe(self, wanted: int | None = None) -> int:
        """Tells which seq to ask about; there must be some between.

        With `wanted` the entry is looked for that has so many from it to the end, and every other
        guess is where it would stand if the room's entries stood evenly in the stream; the others
        halve what is left, so that an uneven room cannot make it long.
        """
        low, high = self.low, self.high
        assert high.seq - low.seq > 1, "with nothing between there is nothing to ask"
        self._guesses += 1
        if wanted is None or self._guesses % 2 == 0:
            return (low.seq + high.seq) // 2
        step = (wanted - high.left) * (high.seq - low.seq) // max(1, self.between)
        return min(max(high.seq - step, low.seq + 1), high.seq - 1)

    def tell(self, probe: int, found: Mark, *, is_behind: bool) -> None:
        """Takes the first entry from the probe on, and whether the place is at it or before."""
        if is_behind:
            # From the probe up to that entry there is none.
            self.high = Mark(probe, found.left)
        else:
            self.low = found
