import pytest
from tests.adapters.test_memory import MemoryStorage

from causerie.chat.entry import Draft, placed
from causerie.ports import Stored
from causerie.testing.contracts import draft
from causerie.testing.contracts_machine import AdapterMachine


def stored(draft: Draft, seq: int, prev: int) -> Stored:
    return Stored(draft, placed(draft, seq=seq, prev=prev, timestamp=seq))


def test_an_outcome_that_is_told_before_that_of_the_entry_before_it_waits() -> None:
    machine = AdapterMachine(MemoryStorage(), lambda _draft: True)
    first, second = (
        stored(draft("1", identity="alice"), 1, 0),
        stored(draft("2", identity="bob"), 2, 1),
    )
    outcomes = machine.rig.recorder.outcomes
    outcomes.append(second)
    machine.check_outcomes()
    assert machine.early == [second]
    with pytest.raises(AssertionError, match="never told"):
        machine.settle()
    outcomes.append(first)
    machine.check_outcomes()
    machine.settle()
    assert machine.log.rooms == {"room": [first.entry, second.entry]}
    machine.teardown()
