from bisect import bisect_left

from hypothesis import given
from hypothesis import strategies as st

from causerie.adapters.jetstream_search import Mark, Search

SEQS = st.lists(st.integers(1, 10_000), unique=True, min_size=2, max_size=200).map(sorted)


def mark(seqs: list[int], probe: int) -> Mark:
    """What the stream tells of a seq."""
    index = bisect_left(seqs, probe)
    return Mark(seqs[index], len(seqs) - index)


@given(SEQS, st.data())
def test_the_newest_so_many_are_found_wherever_they_stand(
    seqs: list[int], data: st.DataObject
) -> None:
    wanted = data.draw(st.integers(1, len(seqs) - 1))
    search = Search(Mark(seqs[0], len(seqs)), Mark(seqs[-1], 1))
    probes = 0
    while search.between > 1:
        probe = search.probe(wanted)
        probes += 1
        found = mark(seqs, probe)
        search.tell(probe, found, is_behind=found.left <= wanted)
    # The first of them is the one after `low`.
    assert search.low.left == wanted + 1
    assert probes <= 2 * 14, "every other probe halves what is left"


@given(SEQS, st.integers(0, 10_001))
def test_the_first_entry_that_has_something_is_found(seqs: list[int], bound: int) -> None:
    if not seqs[0] < bound <= seqs[-1]:
        return
    search = Search(Mark(seqs[0], len(seqs)), Mark(seqs[-1], 1))
    while search.between > 1:
        probe = search.probe()
        found = mark(seqs, probe)
        search.tell(probe, found, is_behind=found.seq >= bound)
    assert seqs[len(seqs) - search.low.left + 1] == seqs[bisect_left(seqs, bound)]


def test_in_an_even_room_few_questions_are_enough() -> None:
    seqs = list(range(1, 1_000_000, 7))
    for wanted in (100, 50_000, 140_000):
        search = Search(Mark(seqs[0], len(seqs)), Mark(seqs[-1], 1))
        probes = 0
        while search.low.left - wanted > 200:
            probe = search.probe(wanted + 100)
            probes += 1
            found = mark(seqs, probe)
            search.tell(probe, found, is_behind=found.left <= wanted)
        assert probes <= 4
