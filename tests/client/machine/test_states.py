from typing import get_args

from causerie.client.machine.states import TRANSITIONS, Closed, Connected, Connecting, State


def test_every_state_can_be_reached_from_the_first() -> None:
    reached: set[object] = {Connecting}
    while more := {to for (state, _), to in TRANSITIONS.items() if state in reached} - reached:
        reached |= more
    assert reached == set(get_args(State))


def test_only_the_last_state_has_no_way_out() -> None:
    assert {state for state, _ in TRANSITIONS} == set(get_args(State)) - {Closed}


def test_one_is_connected_only_after_a_welcome() -> None:
    assert {trigger.name for (_, trigger), to in TRANSITIONS.items() if to is Connected} == {
        "WELCOMED"
    }
