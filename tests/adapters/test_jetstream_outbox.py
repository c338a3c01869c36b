from hypothesis import given
from hypothesis import strategies as st

from causerie.adapters.jetstream_outbox import BATCH, UNKNOWN, Outbox, Slot, owners
from causerie.chat.entry import Draft, Entry, placed
from causerie.ports import Outcome, Rejected, Repeated, Stored
from causerie.testing.contracts import draft, private

PLENTY = 100_000


def outbox_with(*drafts: Draft) -> Outbox:
    outbox = Outbox()
    for each in drafts:
        outbox.put(each, since=0.0, max_bytes=PLENTY)
    return outbox


def stamped(slots: list[Slot]) -> list[Slot]:
    for number, slot in enumerate(slots):
        slot.stamp(1_000 + number)
    return slots


def owes_nothing(_room: str, _seq: int) -> bool:
    return False


def test_outcomes_are_told_in_the_order_of_the_drafts_and_no_sooner() -> None:
    first, second = draft("1"), draft("2")
    outbox = outbox_with(first, second)
    one, two = stamped(outbox.take())
    outbox.acknowledged([one, two], 12)
    two_entry = outbox.stored(two)
    assert outbox.outcomes(owes_nothing) == []
    one.prev = 4
    one_entry = outbox.stored(one)
    assert outbox.outcomes(owes_nothing) == [Stored(first, one_entry), Stored(second, two_entry)]
    assert (one_entry.seq, one_entry.prev, two_entry.seq, two_entry.prev) == (11, 4, 12, 11)
    assert len(outbox) == 0
    assert outbox.oldest is None


def test_a_draft_whose_id_leads_to_what_is_gone_is_sent_under_another() -> None:
    outbox = outbox_with(draft("1"), draft("2"))
    one, two = stamped(outbox.take())
    known_as = one.message_id
    outbox.send_as(one, "another")
    assert outbox.copied(known_as, 7, 3) is None
    assert outbox.copied("another", 7, 3) is one
    outbox.acknowledged([one, two], 8)
    entry = outbox.stored(one)
    assert (entry.id, entry.seq, entry.prev) == ("1", 7, 3)
    assert outbox.copied("another", 7, 3) is None


def test_a_repeat_of_what_is_sent_under_another_id_gets_its_outcome_with_it() -> None:
    first, again = draft("1"), draft("1")
    outbox = outbox_with(first)
    (slot,) = stamped(outbox.take())
    for other in ("another", "a third"):
        outbox.send_as(slot, other)
    outbox.acknowledged([slot], 8)
    outbox.put(again, since=1.0, max_bytes=PLENTY)
    assert outbox.take() == []
    slot.prev = 3
    entry = outbox.stored(slot)
    assert outbox.outcomes(owes_nothing) == [Stored(first, entry), Repeated(again, entry)]
    # From now on NATS has to be asked again.
    outbox.put(again, since=2.0, max_bytes=PLENTY)
    assert [taken.draft for taken in outbox.take()] == [again]


def test_a_repeat_of_what_is_on_its_way_gets_its_outcome_with_it() -> None:
    first, again, other = draft("1"), draft("1"), draft("1", content="other")
    outbox = outbox_with(first, again)
    (slot,) = stamped(outbox.take())
    outbox.put(other, since=1.0, max_bytes=PLENTY)
    assert outbox.take() == []
    outbox.acknowledged([slot], 5)
    slot.prev = 0
    entry = outbox.stored(slot)
    expected: list[Outcome] = [Stored(first, entry), Repeated(again, entry)]
    assert outbox.outcomes(owes_nothing) == [*expected, Rejected(other, "id_reused")]


def test_what_is_withdrawn_is_rejected_unless_it_may_have_been_sent() -> None:
    sent, again = draft("1"), draft("1")
    taken, other, waiting = draft("2"), draft("2", identity="bob"), draft("3")
    outbox = outbox_with(sent)
    (slot,) = stamped(outbox.take())
    slot.is_sent = True
    for each in (again, taken, other):
        outbox.put(each, since=0.0, max_bytes=PLENTY)
    _, bobs = outbox.take()
    outbox.put(waiting, since=0.0, max_bytes=PLENTY)
    outbox.withdraw("alice")
    assert outbox.outcomes(owes_nothing) == []
    assert outbox.take() == []
    outbox.acknowledged([slot], 5)
    slot.prev = 0
    entry = outbox.stored(slot)
    assert outbox.outcomes(owes_nothing) == [
        Stored(sent, entry),
        Repeated(again, entry),
        Rejected(taken, "name_lost"),
    ]
    stamped([bobs])
    outbox.acknowledged([bobs], 6)
    bobs.prev = 5
    entry = outbox.stored(bobs)
    assert outbox.outcomes(owes_nothing) == [Stored(other, entry), Rejected(waiting, "name_lost")]
    # It can be said again.
    outbox.put(taken, since=0.0, max_bytes=PLENTY)
    assert [slot.draft for slot in outbox.take()] == [taken]


def test_what_was_withdrawn_before_it_came_here_is_told_after_what_is_here() -> None:
    first, withdrawn = draft("1"), draft("2")
    outbox = outbox_with(first)
    outbox.put_withdrawn(withdrawn, since=7.0)
    (slot,) = stamped(outbox.take())
    assert outbox.outcomes(owes_nothing) == []
    outbox.acknowledged([slot], 5)
    slot.prev = 3
    entry = outbox.stored(slot)
    assert outbox.outcomes(owes_nothing) == [
        Stored(first, entry),
        Rejected(withdrawn, "name_lost"),
    ]
    assert len(outbox) == 0


def test_a_draft_under_a_known_id_is_a_repeat_of_that_entry_or_refused() -> None:
    same, other = draft("1"), draft("2", content="other")
    outbox = outbox_with(same, other)
    one, two = outbox.take()
    entries = [placed(draft(id), seq=3, prev=0, timestamp=1) for id in "12"]
    outbox.found(one, entries[0])
    outbox.found(two, entries[1])
    assert outbox.outcomes(owes_nothing) == [
        Repeated(same, entries[0]),
        Rejected(other, "id_reused"),
    ]


def test_what_was_found_before_it_came_here_is_told_after_what_is_here() -> None:
    first, known = draft("1"), draft("2")
    outbox = outbox_with(first)
    entry = placed(known, seq=3, prev=0, timestamp=1)
    outbox.put_found(known, entry, since=7.0)
    (slot,) = stamped(outbox.take())
    assert outbox.outcomes(owes_nothing) == []
    outbox.acknowledged([slot], 5)
    slot.prev = 3
    assert outbox.outcomes(owes_nothing) == []
    assert outbox.stored(slot).seq == 5
    assert [type(outcome) for outcome in outbox.outcomes(owes_nothing)] == [Stored, Repeated]


def test_an_outcome_waits_for_an_entry_that_is_to_be_told_and_the_others_behind_it() -> None:
    first, again, other, last = draft("1"), draft("1"), draft("1", content="other"), draft("2")
    outbox = outbox_with(first, again, other, last)
    slots = stamped(outbox.take())
    outbox.acknowledged(slots, 12)
    slots[0].prev = 4
    entry, last_entry = [outbox.stored(slot) for slot in slots]
    owed = {("room", 11), ("room", 12)}
    assert outbox.outcomes(lambda *place: place in owed) == []
    owed.remove(("room", 11))
    assert outbox.outcomes(lambda *place: place in owed) == [
        Stored(first, entry),
        Repeated(again, entry),
        Rejected(other, "id_reused"),
    ]
    assert outbox.outcomes(owes_nothing) == [Stored(last, last_entry)]


def test_what_cannot_be_stored_is_rejected_alone_and_never_sent() -> None:
    no_text, too_long, good = draft("1", content="\ud800"), draft("2", content="x" * 99), draft("3")
    outbox = Outbox()
    for each in (no_text, too_long, good):
        outbox.put(each, since=0.0, max_bytes=150)
    (slot,) = stamped(outbox.take())
    assert outbox.outcomes(owes_nothing) == [
        Rejected(no_text, "failed"),
        Rejected(too_long, "failed"),
    ]
    assert slot.draft is good


def test_before_the_ack_and_after_it_a_copy_tells_what_stands_before_an_entry() -> None:
    outbox = outbox_with(draft("1", room="a"), draft("2", room="b"), draft("3", room="c"))
    slots = stamped(outbox.take())
    assert outbox.copied(slots[0].message_id, 7, 2) is slots[0]
    outbox.acknowledged(slots, 9)
    assert [slot.prev for slot in slots] == [2, UNKNOWN, UNKNOWN]
    assert outbox.copied(slots[1].message_id, 8, 5) is slots[1]
    assert slots[1].prev == 5
    assert outbox.copied("of another node", 10, 9) is None


def test_a_copy_of_an_earlier_try_says_nothing_about_a_later_one() -> None:
    outbox = outbox_with(draft("1"))
    (slot,) = stamped(outbox.take())
    outbox.copied(slot.message_id, 3, 1)
    outbox.acknowledged([slot], 9)
    assert slot.prev == UNKNOWN


def test_a_private_entry_takes_a_message_for_each_of_the_two() -> None:
    to_bob, note = private("1", room="talk"), private("2", room="note", peer="alice")
    assert owners(to_bob) == ("alice", "bob")
    assert owners(private("3", room="talk", identity="bob", peer="alice")) == ("alice", "bob")
    assert owners(note) == ("alice",)
    assert owners(draft("4")) == ()
    outbox = outbox_with(to_bob, note, private("5", room="talk"))
    slots = stamped(outbox.take())
    outbox.acknowledged(slots, 18)
    assert [slot.seq for slot in slots] == [11, 14, 16]
    assert [slot.prev for slot in slots] == [UNKNOWN, UNKNOWN, 11]


def test_a_batch_has_an_end_and_the_rest_is_for_the_next() -> None:
    outbox = outbox_with(*(private(str(number), room="talk") for number in range(BATCH)))
    sizes = []
    while outbox.waiting:
        slots = outbox.take()
        assert sum(slot.messages for slot in slots) <= BATCH
        sizes.append(len(slots))
    assert sum(sizes) == BATCH
    assert sizes[0] == BATCH // 3
    large = outbox_with(*(draft(str(number), content="x" * 90_000) for number in range(20)))
    assert len(large.take()) == 11


IDS = st.sampled_from("12345")
ROOMS = st.sampled_from(["red", "blue"])


@given(st.lists(st.tuples(IDS, ROOMS, st.booleans()), max_size=30), st.data())
def test_each_draft_has_one_outcome_and_each_id_one_entry(
    said: list[tuple[str, str, bool]], data: st.DataObject
) -> None:
    outbox = Outbox()
    waiting = [
        draft(id, room=room, content="hello" if is_same else "other") for id, room, is_same in said
    ]
    drafts = list(waiting)
    stored: dict[str, Entry] = {}
    seq = 0
    outcomes: list[Outcome] = []
    while waiting or len(outbox):
        for _ in range(data.draw(st.integers(1, 8))):
            if waiting:
                outbox.put(waiting.pop(0), since=0.0, max_bytes=PLENTY)
        slots = stamped(outbox.take())
        for slot in slots:
            if slot.draft.id in stored:
                outbox.found(slot, stored[slot.draft.id])
        slots = [slot for slot in slots if slot.outcome is None]
        for offset, slot in enumerate(slots):
            if data.draw(st.booleans(), "its copy comes before the ack"):
                outbox.copied(slot.message_id, seq + offset + 1, 99)
        seq += len(slots)
        outbox.acknowledged(slots, seq)
        for slot in data.draw(st.permutations(slots)):
            if slot.prev == UNKNOWN:
                outbox.copied(slot.message_id, slot.seq, 99)
            stored[slot.draft.id] = outbox.stored(slot)
        outcomes += outbox.outcomes(owes_nothing)
    assert [outcome.draft for outcome in outcomes] == drafts
    new = [outcome.entry for outcome in outcomes if isinstance(outcome, Stored)]
    assert sorted(new, key=lambda entry: entry.id) == [stored[id] for id in sorted(stored)]
    for outcome in outcomes:
        if isinstance(outcome, Repeated):
            assert outcome.entry == stored[outcome.draft.id]
