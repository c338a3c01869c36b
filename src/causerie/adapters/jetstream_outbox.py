"""The drafts of this node on their way into the stream. Pure.

Each gets one outcome, and they are told in the order in which the drafts were appended. A draft
under the (identity, id) of one that is on its way is not sent: it gets its outcome with that one.
"""

from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import Final

from causerie.adapters.jetstream_entries import encode_entry
from causerie.adapters.jetstream_subjects import message_id
from causerie.chat.entry import Draft, Entry, placed, repeats
from causerie.ports import Outcome, Rejected, Repeated, Stored

BATCH: Final = 256
"""Messages in a batch, at most; a private entry is three. NATS takes 1,000, and stores no more of
them a second for that; to tell of so many holds up the event loop for a few milliseconds only."""
BATCH_BYTES: Final = 4_000_000
"""Bytes of entries in a batch, about."""

UNKNOWN: Final = -1
"""A `prev` that has not been learnt."""


class Slot:
    """A draft on its way."""

    __slots__ = (
        "copied",
        "draft",
        "first_id",
        "followers",
        "is_sent",
        "message_id",
        "outcome",
        "payload",
        "prev",
        "seq",
        "since",
        "timestamp",
    )

    def __init__(self, draft: Draft, since: float) -> None:
        self.draft = draft
        self.since = since
        """When it was handed over, in seconds of the loop's clock."""
        self.message_id = self.first_id = ""
        """Under which it is sent; and the one of its author and id, by which it is known at first.
        """
        self.timestamp = 0
        self.payload = b""
        """What is stored of it. It stays the same however often it is sent."""
        self.is_sent = False
        """Whether it may have reached NATS."""
        self.seq = 0
        """Where it is stored; 0 as long as NATS has not said so."""
        self.prev = UNKNOWN
        self.copied: tuple[int, int] | None = None
        """The seq and prev with which NATS has published it again."""
        self.followers: list[Slot] = []
        self.outcome: Outcome | None = None

    @property
    def messages(self) -> int:
        """Messages that it takes to store it."""
        return 1 + len(owners(self.draft))

    def stamp(self, timestamp: int) -> None:
        """Gives it its time, and with that what is stored."""
        self.timestamp = timestamp
        self.payload = encode_entry(self.draft, timestamp)

    @property
    def entry(self) -> Entry:
        """The entry that it has become; `seq` and `prev` are known."""
        return placed(self.draft, seq=self.seq, prev=self.prev, timestamp=self.timestamp)


class Outbox:
    """The drafts without an outcome."""

    def __init__(self) -> None:
        self._waiting: deque[Slot] = deque()
        """Those that have not been sent."""
        self._due: deque[Slot] = deque()
        """All, in the order in which they were appended."""
        self._sent: dict[str, Slot] = {}
        """By message id, those that were given out to be sent."""
        self._renamed: dict[str, Slot] = {}
        """By their first message id, those of them that are sent under another."""

    def __len__(self) -> int:
        return len(self._due)

    @property
    def waiting(self) -> Collection[Slot]:
        """The drafts that are still to be sent."""
        return self._waiting

    @property
    def oldest(self) -> float | None:
        """Since when the draft waits that was appended first."""
        return self._due[0].since if self._due else None

    def put(self, draft: Draft, *, since: float, max_bytes: int) -> None:
        """Takes a draft. One that cannot be stored, for it is not text or too long, is rejected."""
        slot = Slot(draft, since)
        self._due.append(slot)
        try:
            size = len(encode_entry(draft, 0)) + len(draft.room.encode())
            slot.message_id = slot.first_id = message_id(draft.identity, draft.id)
        except UnicodeEncodeError:
            size = max_bytes + 1
        if size > max_bytes:
            slot.outcome = Rejected(draft, "failed")
        else:
            self._waiting.append(slot)

    def put_found(self, draft: Draft, entry: Entry, *, since: float) -> None:
        """Takes a draft under whose (identity, id) there was an entry before, and its outcome with
        it: that is told after those of the drafts that are here.
        """
        slot = Slot(draft, since)
        slot.outcome = _compared(draft, entry)
        self._due.append(slot)

    def put_withdrawn(self, draft: Draft, *, since: float) -> None:
        """Takes a draft that was withdrawn before it came here: that is told after the outcomes of
        the drafts that are here.
        """
        slot = Slot(draft, since)
        slot.outcome = Rejected(draft, "name_lost")
        self._due.append(slot)

    def withdraw(self, identity: str) -> None:
        """Rejects what an identity has said under a name that is somebody else's by now, as far as
        it was not sent.
        """
        for slot in self._due:
            if slot.draft.identity == identity and slot.outcome is None and not slot.is_sent:
                slot.outcome = Rejected(slot.draft, "name_lost")
                if self._sent.get(slot.message_id) is slot:
                    del self._sent[slot.message_id]
        self._waiting = deque(slot for slot in self._waiting if slot.outcome is None)

    def take(self) -> list[Slot]:
        """Gives out the next drafts to be sent, as many as make a batch."""
        batch: list[Slot] = []
        messages = size = 0
        while self._waiting:
            slot = self._waiting[0]
            first = self._sent.get(slot.message_id) or self._renamed.get(slot.message_id)
            if first is not None:
                first.followers.append(slot)
            else:
                messages += slot.messages
                size += 4 * len(slot.draft.content)
                if batch and (messages > BATCH or size > BATCH_BYTES):
                    break
                self._sent[slot.message_id] = slot
                batch.append(slot)
            self._waiting.popleft()
        return batch

    def copied(self, message_id: str, seq: int, prev: int) -> Slot | None:
        """Learns that NATS has published an entry again; gives its slot if it is on its way."""
        slot = self._sent.get(message_id)
        if slot is not None:
            slot.copied = (seq, prev)
            if slot.seq == seq:
                slot.prev = prev
        return slot

    def acknowledged(self, slots: Sequence[Slot], last: int) -> None:
        """Learns that all the messages of some drafts are stored, one right after the other, and
        the seq of the last.
        """
        seq = last - sum(slot.messages for slot in slots) + 1
        before: dict[str, int] = {}
        for slot in slots:
            slot.seq = seq
            seq += slot.messages
            room = slot.draft.room
            if slot.copied is not None and slot.copied[0] == slot.seq:
                slot.prev = slot.copied[1]
            elif room in before:
                slot.prev = before[room]
            before[room] = slot.seq

    def send_as(self, slot: Slot, message_id: str) -> None:
        """Has a draft stored under another message id. What repeats it meanwhile goes by the first
        one, and gets its outcome with it all the same.
        """
        self._renamed[slot.first_id] = slot
        del self._sent[slot.message_id]
        slot.message_id = message_id
        self._sent[message_id] = slot

    def stored(self, slot: Slot) -> Entry:
        """Settles a draft that is stored, and whose `prev` is known; gives its entry."""
        entry = slot.entry
        self._settle(slot, Stored(slot.draft, entry), entry)
        return entry

    def found(self, slot: Slot, entry: Entry) -> None:
        """Settles a draft under whose (identity, id) there was an entry before."""
        self._settle(slot, _compared(slot.draft, entry), entry)

    def _settle(self, slot: Slot, outcome: Outcome, entry: Entry) -> None:
        slot.outcome = outcome
        del self._sent[slot.message_id]
        self._renamed.pop(slot.first_id, None)
        for follower in slot.followers:
            follower.outcome = _compared(follower.draft, entry)

    def outcomes(self, owes: Callable[[str, int], bool]) -> list[Outcome]:
        """Takes out the outcomes that can be told: up to the first draft that has none, or whose
        entry is to be told and has not come yet, of which room and seq `owes` says it.
        """
        ready: list[Outcome] = []
        while self._due and (outcome := self._due[0].outcome) is not None:
            if not isinstance(outcome, Rejected) and owes(outcome.entry.room, outcome.entry.seq):
                break
            self._due.popleft()
            ready.append(outcome)
        return ready


def owners(draft: Draft | Entry) -> tuple[str, ...]:
    """The identities whose conversation a draft is part of, in a fixed order; none of a public one.

    The order is the same for every entry of a conversation: then each pointer of an identity stands
    at the same distance from its entry.
    """
    return tuple(sorted({draft.identity, draft.peer})) if draft.peer else ()


def _compared(draft: Draft, entry: Entry) -> Outcome:
    return Repeated(draft, entry) if repeats(draft, entry) else Rejected(draft, "id_reused")
