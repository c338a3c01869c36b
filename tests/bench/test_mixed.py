import contextlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from tests.bench.tiny_chat import TinyChat

from causerie.bench import mixed, office
from causerie.bench.asking import Asking
from causerie.bench.chains import Chain
from causerie.bench.dialects import DIALECTS
from causerie.bench.generator import Generator, LoadFailed, ServerFailed
from causerie.bench.health import Census
from causerie.bench.mixed import Mixed
from causerie.bench.office import Kind
from causerie.bench.result import FIGURES
from causerie.bench.staff import Person, Staff
from causerie.bench.target import OwnServer, at_url, own_server
from causerie.wire.commands import Cursor

SMALL = Mixed(members=24, rate=60, cuts=20, seconds=1.5)


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who leaves is back soon."""
    monkeypatch.setattr(mixed, "AWAY", (0.05, 0.4))


@pytest.fixture(scope="module")
def watched() -> Iterator[OwnServer]:
    """A server that tells what it keeps, and does not keep it for long."""
    with own_server(options=["--watch-loop", "--grace", "0.2"]) as server:
        yield server


@pytest.mark.slow
@pytest.mark.real
def test_in_an_office_everything_happens_and_nothing_is_lost(
    watched: OwnServer, alone: None, soon: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: Counter[str] = Counter()
    for name in ("speak", "cut", "sit_down", "_joined", "_conversations"):
        whole = getattr(Staff, name)

        def counted(*arguments: Any, name: str = name, whole: Any = whole) -> None:
            done[name] += 1
            whole(*arguments)

        monkeypatch.setattr(Staff, name, counted)
    result = mixed.run(SMALL, watched, DIALECTS["v1"], room="office")
    figures = result.figures
    assert figures.keys() <= FIGURES.keys()
    assert [figures[name] for name in ("lost", "doubled", "misordered")] == [0, 0, 0]
    assert result.remarks == ()
    assert figures["connections"] == 24
    assert 80 < figures["messages"] == done["speak"] <= 99
    assert 20 < figures["returns"] == done["cut"] == done["sit_down"] <= 30
    assert done["_joined"] > 24 * office.ROOMS_EACH + done["cut"]
    assert done["_conversations"] >= 24 + done["cut"]
    assert figures["deliveries_per_second"] > figures["messages"]
    assert 0 < figures["p50_ms"] <= figures["max_ms"]
    assert figures["rss_warm_mb"] > 1
    assert 0 < figures["connections_warm"] <= 24
    assert figures["connections_warm"] <= figures["sessions_warm"] <= 24
    assert figures["rooms_warm"] >= 24 * office.ROOMS_EACH / 12
    assert figures["tasks_warm"] > 0
    assert [figures[f"{kind}_left"] for kind in Census._fields] == [0, 0, 0, 0]


@pytest.mark.slow
@pytest.mark.real
def test_what_a_server_keeps_of_those_who_have_gone_is_remarked(
    watched: OwnServer, alone: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mixed, "LEAVES_WITHIN", 1.0)
    with contextlib.ExitStack() as kept:

        def come_and_stay(staff: Staff) -> None:
            asking = kept.enter_context(Asking(staff.address))
            asking.ask(b'{"type":"hello","id":"h","username":"last"}', "welcome")
            asking.ask(b'{"type":"join","id":"j","room":"forgotten"}', "joined")
            Generator.close(staff)

        monkeypatch.setattr(Staff, "close", come_and_stay)
        load = Mixed(members=4, rate=40, cuts=0, seconds=0.5)
        result = mixed.run(load, watched, DIALECTS["v1"], room="kept")
    assert [result.figures[f"{kind}_left"] for kind in Census._fields[:3]] == [1, 1, 1]
    (remark,) = result.remarks
    assert "1 s after all had gone" in remark
    assert "(connections: 1, sessions: 1, rooms: 1)" in remark


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.usefixtures("alone")
def test_it_is_told_that_a_server_does_not_tell_what_it_keeps(server: OwnServer) -> None:
    load = Mixed(members=4, rate=40, cuts=0, seconds=0.5)
    result = mixed.run(load, server, DIALECTS["v1"], room="untold")
    assert result.remarks == (mixed.UNCOUNTED,)
    assert "sessions_left" not in result.figures


def test_a_server_that_ceases_to_tell_what_it_keeps_has_failed(chat: TinyChat) -> None:
    with pytest.raises(ServerFailed, match="does not tell any more"):
        mixed._left_behind(at_url(chat.url, None), Census(0, 0, 0, 0))


@pytest.mark.slow
@pytest.mark.real
def test_processes_share_the_people_and_know_of_one_another_s_entries(server: OwnServer) -> None:
    load = Mixed(members=20, rate=40, cuts=5, seconds=0.5)
    result = mixed.run(load, server, DIALECTS["v1"], room="offices", processes=2)
    assert [result.figures[name] for name in ("lost", "doubled", "misordered")] == [0, 0, 0]
    assert result.figures["messages"] > 10


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(("room", "member", "seq"), [("holes", None, 2), ("ends", 5, None)])
def test_a_broken_promise_is_remarked(
    server: OwnServer,
    monkeypatch: pytest.MonkeyPatch,
    room: str,
    member: int | None,
    seq: int | None,
) -> None:
    whole = Staff._entry

    def forgetful(self: Staff, person: Person, told: Any, now: int) -> None:
        if person.number != member and told.seq != seq:
            whole(self, person, told, now)

    monkeypatch.setattr(Staff, "_entry", forgetful)
    monkeypatch.setattr(mixed, "SETTLES_WITHIN", 0.2)
    load = Mixed(members=6, rate=60, cuts=0, seconds=0.5)
    result = mixed.run(load, server, DIALECTS["v1"], room=room)
    assert result.figures["lost"] > 0
    assert mixed.BROKEN in result.remarks


@pytest.mark.slow
@pytest.mark.real
def test_members_who_are_not_let_in_end_the_load(
    server: OwnServer, alone: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mixed, "SETTLES_WITHIN", 0.1)
    monkeypatch.setattr(Staff, "_joined", lambda *_: None)
    with pytest.raises(LoadFailed, match="2 members"):
        mixed.run(Mixed(members=2), server, DIALECTS["v1"], room="closed")


@pytest.mark.slow
@pytest.mark.real
def test_an_office_in_which_nobody_speaks_is_told_of(server: OwnServer, alone: None) -> None:
    with pytest.raises(LoadFailed, match="nobody heard anything"):
        mixed.run(Mixed(members=2, seconds=0.1), server, DIALECTS["v1"], room="hush")


def person(number: int, **seqs: int) -> Person:
    person = Person(number, f"m{number}", "k" * 32, [])
    for room, seq in seqs.items():
        person.chains[room.replace("private", "~")] = Chain(Cursor(seq=seq, id="x"))
    return person


def test_an_account_that_ends_before_the_log_is_short() -> None:
    people = [person(0, tea=3), person(1, tea=2, water=1)]
    assert mixed._short(people, {"tea": 3, "water": 1}) == 1


def test_a_conversation_that_one_of_two_has_not_heard_of_is_short() -> None:
    assert mixed._short([person(0, private=1), person(1)], {"~": 1}) == 1
    assert mixed._short([person(0, private=1), person(1, private=1)], {"~": 1}) == 0


def test_a_fifth_of_the_members_speaks_each_second_unless_there_is_a_rate() -> None:
    assert Mixed(members=500).rates[Kind.MESSAGE] == 100
    assert Mixed(members=500, rate=7).rates[Kind.MESSAGE] == 7


def test_the_plain_profile_cannot_tell_what_is_missing() -> None:
    with pytest.raises(LoadFailed, match="plain"):
        mixed.run(SMALL, at_url("ws://localhost:1", None), DIALECTS["plain"], room="none")
