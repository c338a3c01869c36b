from hypothesis import given
from hypothesis import strategies as st

from causerie.adapters import jetstream_chain
from causerie.adapters.jetstream_chain import Chain, Gap
from causerie.chat.entry import Entry, placed
from causerie.testing.contracts import draft


def room(seqs: list[int]) -> list[Entry]:
    """The entries of a room that stand at these places of the stream."""
    return [
        placed(draft(str(seq)), seq=seq, prev=prev, timestamp=seq)
        for prev, seq in zip([0, *seqs], seqs, strict=False)
    ]


SEQS = st.lists(st.integers(1, 60), unique=True, max_size=20).map(sorted)


@given(SEQS, st.data())
def test_whatever_is_lost_repeated_or_late_each_entry_is_let_through_once_and_in_order(
    seqs: list[int], data: st.DataObject
) -> None:
    log = room(seqs)
    start = data.draw(st.integers(0, len(log)), "entries before the head")
    head = log[start - 1].seq if start else 0
    # Each copy comes never, once or twice, now or later, before the head is known or after it.
    copies = data.draw(st.lists(st.sampled_from(log), max_size=40) if log else st.just([]))
    begins_at = data.draw(st.integers(0, len(copies)))
    chain = Chain()
    told: list[Entry] = []

    def read_gap() -> None:
        gap = chain.gap()
        if gap is not None:
            for entry in log:
                if gap.after < entry.seq <= gap.upto:
                    told.extend(chain.take(entry))

    for number, copy in enumerate(copies):
        if number == begins_at:
            told += chain.begin(head)
        told += chain.take(copy)
        if data.draw(st.booleans(), "a gap is read now"):
            read_gap()
    if chain.head is None:
        told += chain.begin(head)
    # The comparison with the stream's end finds what no later entry has betrayed.
    if log:
        chain.note(log[-1].seq)
    while chain.gap() is not None:
        read_gap()
    assert told == log[start:]
    assert chain.head == (log[-1].seq if log else 0)


def test_nothing_is_let_through_before_the_head_is_known() -> None:
    first, second = room([4, 9])
    chain = Chain()
    assert chain.take(second) == []
    assert chain.take(first) == []
    assert chain.gap() is None
    assert chain.begin(4) == [second]
    assert chain.last is second


def test_a_gap_reaches_from_the_head_to_the_entry_before_what_waits() -> None:
    _, _, third, fourth = room([2, 5, 7, 8])
    chain = Chain()
    chain.begin(0)
    chain.take(fourth)
    assert chain.gap() == Gap(0, 7)
    chain.take(third)
    assert chain.gap() == Gap(0, 5)


def test_the_loss_of_the_newest_is_a_gap_once_the_stream_is_known_to_have_it() -> None:
    chain = Chain()
    chain.begin(3)
    assert chain.gap() is None
    chain.note(3)
    assert chain.gap() is None
    chain.note(8)
    assert chain.gap() == Gap(3, 8)
    (entry,) = room([8])
    assert chain.take(placed(draft("8"), seq=8, prev=3, timestamp=8)) != []
    assert chain.take(entry) == []
    assert chain.gap() is None


def test_an_entry_that_follows_on_what_was_never_there_is_read_from_the_stream() -> None:
    # The log was put back to an older copy: its entry 9 follows on 2, and 5 is gone.
    chain = Chain()
    chain.begin(5)
    assert chain.take(placed(draft("9"), seq=9, prev=2, timestamp=9)) == []
    assert chain.gap() == Gap(5, 9)


def test_only_so_many_wait_and_the_rest_is_read_later() -> None:
    log = room(list(range(1, jetstream_chain.HELD + 100)))
    chain = Chain()
    chain.begin(0)
    for entry in log[1:]:
        assert chain.take(entry) == []
    assert len(chain._held) == jetstream_chain.HELD
    assert len(chain.take(log[0])) == jetstream_chain.HELD + 1
    assert chain.gap() == Gap(jetstream_chain.HELD + 1, log[-1].seq)


def test_what_is_gone_from_the_stream_is_passed_over() -> None:
    *_, third, fourth, fifth = room([2, 4, 6, 8, 9])
    chain = Chain()
    chain.begin(2)
    assert chain.take(fourth) == []
    assert chain.gap() == Gap(2, 6)
    # What is left begins with that at 6, or after it.
    assert chain.skip(4) == []
    assert chain.gap() == Gap(4, 6)
    assert chain.take(third) == [third, fourth]
    assert chain.skip(4) == [], "no further back"
    assert chain.take(fifth) == [fifth]


def test_what_waits_for_what_is_gone_is_let_through() -> None:
    *_, fourth, fifth = room([2, 4, 6, 8, 9])
    chain = Chain()
    chain.begin(2)
    chain.take(fifth)
    chain.take(fourth)
    assert chain.skip(fourth.prev) == [fourth, fifth]
    assert (chain.head, chain.gap()) == (9, None)
