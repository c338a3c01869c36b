import json
from typing import Any

import pytest
from tests.client.frames import welcome

from causerie.client.errors import Ended, EndedByServer, GaveUp, HelloRefused, NameRefused, TryAgain
from causerie.client.machine.backoff import EARLY_CEILING
from causerie.client.machine.events import (
    LatencyMeasured,
    MachineEvent,
    Renamed,
    ServerError,
    StateChanged,
)
from causerie.client.machine.link import (
    STABLE_AFTER,
    WELCOME_TIMEOUT,
    Credentials,
    Greeted,
    Link,
    Reasons,
)
from causerie.client.machine.liveness import PROBE
from causerie.client.machine.output import Output
from causerie.client.machine.states import (
    Closed,
    Connected,
    Connecting,
    Disconnected,
    Reconnecting,
    State,
)
from causerie.wire.codes import CloseCode, ErrorCode
from causerie.wire.replies import Pong

KEY = "k" * 22


class Rig:
    """A link with ids `i1`, `i2` … and a chance that is always the same."""

    def __init__(self, *, chance: float = 0.5, max_attempts: int | None = None) -> None:
        self.out = Output()
        self.ids = 0
        self.link = Link(
            "Alice",
            Credentials(key=KEY, locale="fr"),
            max_attempts=max_attempts,
            reasons=Reasons(no_welcome="no welcome", silent="silence"),
            new_id=self.new_id,
            chance=lambda: chance,
            out=self.out,
        )

    def new_id(self) -> str:
        self.ids += 1
        return f"i{self.ids}"

    @property
    def last_id(self) -> str:
        return f"i{self.ids}"

    def states(self) -> list[State]:
        """The states since the last call."""
        return [event.state for event in self.events() if isinstance(event, StateChanged)]

    def events(self) -> list[MachineEvent]:
        return self.out.take_events()

    def frames(self) -> list[dict[str, Any]]:
        return [json.loads(frame) for frame in self.out.take_frames()]

    def greet(self, now: float, **fields: Any) -> None:
        """A connection is opened, and the server says welcome at once."""
        self.link.opened(now)
        assert self.link.welcomed(welcome(self.last_id, **fields), now)


def connected(**options: Any) -> Rig:
    rig = Rig(**options)
    rig.greet(0.0)
    rig.events()
    rig.frames()
    return rig


# The beginning.


def test_the_first_word_on_a_connection_is_hello() -> None:
    rig = Rig()
    assert rig.link.state == Connecting()
    assert rig.link.wanted
    assert rig.link.deadline() is None
    rig.link.opened(1.0)
    assert rig.frames() == [
        {"type": "hello", "id": "i1", "username": "Alice", "key": KEY, "locale": "fr"}
    ]
    assert rig.link.deadline() == 1.0 + WELCOME_TIMEOUT


def test_hello_can_carry_a_token() -> None:
    hello = Credentials(token="t").hello("h", "Alice", returning=False)
    assert (hello.token, hello.key, hello.locale) == ("t", None, "en")


def test_the_name_is_a_wish_until_it_is_answered_and_then_the_one_had_last() -> None:
    rig = Rig()
    rig.link.opened(0.0)
    assert "returning" not in rig.frames()[0]
    rig.link.lost(1.0, 1006, "")
    rig.link.tick(10.0)
    rig.greet(10.0)
    assert "returning" not in rig.frames()[0]
    rig.link.lost(11.0, 1006, "")
    rig.link.tick(20.0)
    rig.link.opened(20.0)
    assert rig.frames()[0]["returning"]


def test_a_key_or_token_is_not_shown_where_it_may_be_logged() -> None:
    assert KEY not in repr(Credentials(key=KEY))
    assert "secret" not in repr(Credentials(token="secret"))


def test_a_welcome_connects_and_tells_the_round_trip() -> None:
    rig = Rig()
    rig.link.opened(1.0)
    assert rig.link.welcomed(welcome("i1"), 1.0425)
    assert rig.events() == [
        StateChanged(state=Connected(since=1.0425)),
        LatencyMeasured(rtt_ms=42),
    ]
    assert rig.link.rtt_ms == 42
    assert rig.link.welcome == welcome("i1")


def test_the_server_says_how_one_is_called() -> None:
    rig = Rig()
    rig.greet(0.0, username="Älice")
    assert Renamed(username="Älice") in rig.events()
    assert rig.link.username == "Älice"
    rig.link.lost(1.0, 1006, "")
    rig.link.tick(9.0)
    rig.link.opened(9.0)
    assert rig.frames()[-1]["username"] == "Älice"


def test_a_welcome_to_another_hello_is_none() -> None:
    rig = Rig()
    assert not rig.link.welcomed(welcome("i1"), 0.0), "nothing was said yet"
    rig.link.opened(0.0)
    assert not rig.link.welcomed(welcome("i0"), 0.0)
    assert not rig.link.welcomed(welcome(None), 0.0)
    assert rig.link.state == Connecting()


def test_a_server_that_does_not_answer_hello_is_as_good_as_none() -> None:
    rig = Rig()
    rig.link.opened(0.0)
    rig.link.tick(WELCOME_TIMEOUT - 0.01)
    assert rig.states() == []
    rig.link.tick(WELCOME_TIMEOUT)
    [state] = rig.states()
    assert isinstance(state, Disconnected)
    assert (state.code, state.reason) == (1006, "no welcome")


def test_the_servers_time_is_told_without_a_clock_of_ones_own() -> None:
    rig = connected()
    greeted = rig.link.connection
    assert isinstance(greeted, Greeted)
    assert greeted.server_time(2.5) == 1_002_500


# Hello refused.


def refuse(rig: Rig, code: str, again_at: float | None) -> None:
    kind = NameRefused if code == ErrorCode.NAME_TAKEN else TryAgain
    assert rig.link.hello_refused(rig.last_id, kind(code, "no"), again_at)


def test_a_newcomer_hears_at_once_that_the_name_is_taken() -> None:
    rig = Rig()
    rig.link.opened(0.0)
    refuse(rig, ErrorCode.NAME_TAKEN, 5.0)
    [state] = rig.states()
    assert isinstance(state, Closed)
    assert isinstance(state.error, HelloRefused)
    assert isinstance(state.error.refusal, NameRefused)
    assert not rig.link.wanted


def test_who_comes_back_waits_for_the_name() -> None:
    rig = connected()
    rig.link.lost(1.0, 1006, "")
    rig.link.tick(9.0)
    rig.link.opened(9.0)
    rig.events()
    rig.frames()
    refuse(rig, ErrorCode.NAME_TAKEN, 14.0)
    [complaint] = rig.events()
    assert isinstance(complaint, ServerError)
    assert rig.link.deadline() == 14.0
    rig.link.tick(13.9)
    assert rig.frames() == []
    rig.link.tick(14.0)
    assert [frame["type"] for frame in rig.frames()] == ["hello"]
    assert rig.link.welcomed(welcome(rig.last_id), 14.1)
    assert LatencyMeasured(rtt_ms=100) in rig.events()


def waiting_for_the_name() -> Rig:
    rig = connected()
    rig.link.lost(1.0, 1006, "")
    rig.link.tick(9.0)
    rig.link.opened(9.0)
    refuse(rig, ErrorCode.NAME_TAKEN, 14.0)
    rig.events()
    rig.frames()
    return rig


def test_who_waits_for_a_name_may_be_welcomed_under_another() -> None:
    rig = waiting_for_the_name()
    waits = [rig.link.waits_for_name]
    rig.link.take_other(rig.link.credentials.hello("r1", "Bob", returning=False), 10.0)
    waits.append(rig.link.waits_for_name)
    assert waits == [True, False]
    assert [frame["username"] for frame in rig.frames()] == ["Bob"]
    assert rig.link.welcomed(welcome("r1", "Bob"), 10.1)
    assert Renamed(username="Bob") in rig.events()
    assert rig.link.username == "Bob"


def test_who_is_refused_another_name_too_goes_on_waiting_for_the_first() -> None:
    rig = waiting_for_the_name()
    rig.link.take_other(rig.link.credentials.hello("r1", "Bob", returning=False), 10.0)
    rig.frames()
    # What becomes of a rename is not the link's to tell.
    assert not rig.link.hello_refused("r1", NameRefused(ErrorCode.NAME_TAKEN, "no"), None)
    assert rig.events() == []
    assert rig.link.waits_for_name
    rig.link.tick(14.0)
    assert [frame["username"] for frame in rig.frames()] == ["Alice"]


def test_hello_is_said_again_to_a_server_that_cannot_answer_now() -> None:
    rig = Rig()
    rig.link.opened(0.0)
    refuse(rig, ErrorCode.UNAVAILABLE, 1.0)
    rig.link.tick(1.0)
    assert rig.link.deadline() == 1.0 + WELCOME_TIMEOUT
    assert not rig.link.welcomed(welcome("i1"), 1.0), "that one was refused"
    assert rig.link.welcomed(welcome("i2"), 1.0)


def test_a_refusal_for_good_is_the_end_for_whoever_was_here_before_too() -> None:
    rig = connected()
    rig.link.lost(1.0, 1006, "")
    rig.link.tick(9.0)
    rig.link.opened(9.0)
    refuse(rig, ErrorCode.AUTH_REQUIRED, None)
    assert isinstance(rig.states()[-1], Closed)


def test_the_refusal_of_another_command_is_not_hellos() -> None:
    rig = Rig()
    refused = TryAgain(ErrorCode.UNAVAILABLE, "no")
    assert not rig.link.hello_refused("i1", refused, None)
    rig.link.opened(0.0)
    assert not rig.link.hello_refused("x", refused, None)
    assert rig.link.state == Connecting()


# The end of a connection.


def test_a_lost_connection_is_opened_again_after_a_while() -> None:
    rig = connected()
    rig.link.lost(5.0, 1006, "reset")
    assert rig.states() == [Disconnected(code=1006, reason="reset", attempt=1, retry_at=5.5)]
    assert rig.link.deadline() == 5.5
    rig.link.tick(5.4)
    assert rig.states() == []
    rig.link.tick(5.5)
    assert rig.states() == [Reconnecting(attempt=1)]
    assert rig.link.wanted
    assert rig.link.deadline() is None


def test_nobody_wants_a_connection_while_an_attempt_waits_for_its_time() -> None:
    rig = connected()
    rig.link.lost(5.0, 1006, "reset")
    assert not rig.link.wanted


def test_attempts_are_counted_until_a_welcome() -> None:
    rig = Rig()
    rig.link.lost(0.0, 1006, "refused")
    rig.link.tick(99.0)
    rig.link.lost(99.0, 1006, "refused")
    rig.link.tick(199.0)
    attempts = [
        state.attempt for state in rig.states() if isinstance(state, Disconnected | Reconnecting)
    ]
    assert attempts == [2, 2, 3, 3]
    rig.greet(200.0)
    rig.link.lost(201.0, 1006, "")
    state = rig.states()[-1]
    assert isinstance(state, Disconnected)
    assert state.attempt == 1


def test_what_was_not_written_yet_is_not_for_the_next_connection() -> None:
    rig = Rig()
    rig.link.opened(0.0)
    rig.link.lost(0.0, 1006, "")
    assert rig.frames() == []


@pytest.mark.parametrize("code", [1001, 1005, 1006, 1011, 1012, 1013, 4000, 4008, 4499, 3000])
def test_after_most_close_codes_the_client_comes_back(code: int) -> None:
    rig = connected()
    rig.link.lost(1.0, code, "")
    assert isinstance(rig.link.state, Disconnected)


@pytest.mark.parametrize("code", [1000, 1002, 1007, 1008, 1009, 4500, 4999])
def test_after_others_it_stays_away(code: int) -> None:
    rig = connected()
    rig.link.lost(1.0, code, "go")
    [state] = rig.states()
    assert isinstance(state, Closed)
    assert isinstance(state.error, EndedByServer)
    assert (state.error.code, state.error.reason) == (code, "go")


def test_the_delay_that_a_server_asks_for_is_kept_with_jitter_on_top() -> None:
    rig = connected()
    rig.link.lost(0.0, CloseCode.RESTART, "restarting, retry-after=3000")
    assert rig.link.deadline() == 3.5


def test_a_connection_that_does_not_last_does_not_end_the_outage() -> None:
    rig = connected(chance=1.0)
    now, delays = 0.0, []
    for _ in range(4):
        rig.link.lost(now + STABLE_AFTER - 1, 1006, "")
        retry_at = rig.link.deadline()
        assert retry_at is not None
        delays.append(retry_at - (now + STABLE_AFTER - 1))
        now = retry_at
        rig.link.tick(now)
        rig.greet(now)
    assert delays == [1.0, 2.0, 4.0, EARLY_CEILING]
    rig.link.lost(now + STABLE_AFTER, 1006, "")
    assert rig.link.deadline() == now + STABLE_AFTER + 1.0


def test_after_as_many_failed_attempts_as_are_allowed_the_client_gives_up() -> None:
    rig = Rig(max_attempts=2)
    rig.link.lost(0.0, 1006, "refused")
    assert isinstance(rig.link.state, Disconnected)
    rig.link.tick(9.0)
    rig.link.lost(9.0, 1012, "restarting")
    state = rig.states()[-1]
    assert isinstance(state, Closed)
    assert isinstance(state.error, GaveUp)
    assert (state.error.attempts, state.error.reason) == (2, "restarting")
    assert state.error.code == 1012


def test_a_lost_connection_is_no_failed_attempt() -> None:
    rig = connected(max_attempts=1)
    rig.link.lost(1.0, 1006, "")
    assert isinstance(rig.link.state, Disconnected)
    rig.link.tick(9.0)
    rig.link.lost(9.0, 1006, "refused")
    assert isinstance(rig.link.state, Closed)


def test_the_application_can_end_it_in_any_state() -> None:
    for rig in (Rig(), connected()):
        rig.link.end(Ended("enough"))
        assert isinstance(rig.link.state, Closed)
        assert rig.link.deadline() is None
        assert not rig.link.wanted


# Signs of life.


def measured() -> Rig:
    """A connection that was measured for the first time, and answered at once, at 1 s."""
    rig = connected(chance=0.0)
    rig.link.tick(1.0)
    rig.link.heard(1.0)
    rig.link.pong(Pong(id=rig.last_id, time=0), 1.0)
    rig.events()
    rig.frames()
    return rig


def test_soon_after_the_welcome_a_ping_corrects_its_round_trip() -> None:
    rig = Rig(chance=0.0)
    rig.link.opened(0.0)
    rig.link.welcomed(welcome(rig.last_id), 0.5)
    assert rig.link.rtt_ms == 500
    rig.events()
    rig.frames()
    assert rig.link.deadline() == 1.5
    rig.link.heard(1.4)
    rig.link.tick(1.5)
    assert rig.frames() == [{"type": "ping", "id": rig.last_id}]
    rig.link.heard(1.75)
    rig.link.pong(Pong(id=rig.last_id, time=0), 1.75)
    assert rig.events() == [LatencyMeasured(rtt_ms=250)]
    assert rig.link.rtt_ms == 250


def test_after_some_quiet_a_ping_measures_the_round_trip() -> None:
    rig = measured()
    assert rig.link.deadline() == 11.0
    rig.link.tick(11.0)
    assert rig.frames() == [{"type": "ping", "id": rig.last_id}]
    rig.link.heard(11.03)
    rig.link.pong(Pong(id=rig.last_id, time=0), 11.03)
    assert rig.events() == [LatencyMeasured(rtt_ms=30)]
    rig.link.pong(Pong(id=rig.last_id, time=0), 11.04)
    assert rig.events() == []


def test_what_is_heard_puts_the_ping_off() -> None:
    rig = measured()
    rig.link.heard(5.0)
    rig.link.tick(11.0)
    assert rig.frames() == []


def test_a_server_that_has_fallen_silent_is_lost() -> None:
    rig = connected(chance=0.0)
    while rig.link.wanted:
        deadline = rig.link.deadline()
        assert deadline is not None
        rig.link.tick(deadline)
    state = rig.link.state
    assert isinstance(state, Disconnected)
    assert (state.reason, state.retry_at) == ("silence", 50.0)


def test_who_wakes_asks_at_once_whether_the_connection_lives() -> None:
    rig = connected(chance=0.0)
    rig.link.woke(5.0)
    rig.link.tick(5.0)
    assert [frame["type"] for frame in rig.frames()] == ["ping"]
    rig.link.tick(5.0 + PROBE)
    assert isinstance(rig.link.state, Disconnected)


def test_who_wakes_does_not_wait_for_the_next_attempt() -> None:
    rig = connected(chance=1.0)
    rig.link.lost(1.0, 1006, "")
    rig.link.woke(1.1)
    assert rig.link.state == Reconnecting(attempt=1)


def test_without_a_welcome_there_is_nothing_to_hear_or_to_wake() -> None:
    rig = Rig()
    rig.link.heard(0.0)
    rig.link.pong(Pong(id="x", time=0), 0.0)
    rig.link.woke(0.0)
    rig.link.tick(0.0)
    rig.link.opened(0.0)
    rig.link.heard(0.0)
    rig.link.pong(Pong(id="x", time=0), 0.0)
    assert rig.events() == []


def test_pings_count_against_the_rate() -> None:
    rig = Rig(chance=0.0)
    limits = welcome("").limits
    rig.greet(0.0, limits=type(limits)(**{**_fields(limits), "rate": 0.01, "burst": 2}))
    greeted = rig.link.connection
    assert isinstance(greeted, Greeted)
    before = greeted.pacer.ready_at()
    rig.link.tick(10.0)
    assert greeted.pacer.ready_at() > before + 10.0


def _fields(limits: Any) -> dict[str, Any]:
    return {name: getattr(limits, name) for name in limits.__struct_fields__}
