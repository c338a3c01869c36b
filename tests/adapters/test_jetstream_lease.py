"""A lease, renewed or not, on values in memory."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence

import pytest
from structlog.testing import capture_logs
from tests.adapters.jetstream_nodes import until
from tests.adapters.values_in_memory import ValuesInMemory

from causerie.adapters.jetstream_lease import Lease
from causerie.adapters.jetstream_names import Change, Value, node_key
from causerie.testing.contracts import DEADLINE

KEY = node_key("one")


class Rig:
    """A lease that the test renews."""

    def __init__(self) -> None:
        self.values = ValuesInMemory()
        self.lapses = 0
        self.lease = Lease(self.values, "one", length=600, lapsed=self._lapsed)

    def _lapsed(self) -> None:
        assert self.lease.is_held()
        self.lapses += 1


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    rig = Rig()
    yield rig
    await rig.lease.abandon()


async def test_it_is_held_from_the_first_renewal_on(rig: Rig) -> None:
    assert not rig.lease.is_held()
    await rig.lease._renew()
    assert rig.lease.is_held()
    await rig.lease.held()
    assert (rig.lease.generation, rig.lapses) == (1, 0)
    assert rig.lease.may_judge()
    assert rig.values.values[KEY].data


async def test_one_that_is_renewed_in_time_is_the_same(rig: Rig) -> None:
    for _ in range(3):
        await rig.lease._renew()
    assert (rig.lease.generation, rig.lapses) == (1, 0)


async def test_one_that_had_ended_is_another_and_says_so(rig: Rig) -> None:
    await rig.lease._renew()
    rig.values.expire(KEY)
    await rig.lease._renew()
    assert (rig.lease.generation, rig.lapses) == (2, 1)
    # Others may have lapsed with it, and need time to come back.
    assert not rig.lease.may_judge()
    await rig.lease._renew()
    assert (rig.lease.generation, rig.lapses) == (2, 1)


async def test_one_whose_renewal_was_not_answered_is_the_same(rig: Rig) -> None:
    await rig.lease._renew()
    rig.values.loses_answers = True
    with pytest.raises(Exception, match="the answer is lost"):
        await rig.lease._renew()
    rig.values.loses_answers = False
    await rig.lease._renew()
    assert (rig.lease.generation, rig.lapses) == (1, 0)


async def test_one_that_had_ended_is_another_though_its_first_renewal_was_not_answered(
    rig: Rig,
) -> None:
    await rig.lease._renew()
    rig.values.expire(KEY)
    rig.values.loses_answers = True
    with pytest.raises(Exception, match="the answer is lost"):
        await rig.lease._renew()
    rig.values.loses_answers = False
    await rig.lease._renew()
    assert (rig.lease.generation, rig.lapses) == (2, 1)


@pytest.fixture
async def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds for which the process has stood still: each that is added has just gone by."""
    loop = asyncio.get_running_loop()
    time, stood_still = loop.time, list[float]()
    monkeypatch.setattr(loop, "time", lambda: time() + sum(stood_still))
    return stood_still


def answer_late(values: ValuesInMemory, act: Callable[[], None]) -> None:
    """Has something happen once, between a writing and its answer."""

    def written(_asking: object) -> None:
        values.written = lambda _: None
        act()

    values.written = written


async def test_an_answer_that_comes_when_all_is_over_that_it_grants_is_not_gone_by(
    rig: Rig, pauses: list[float]
) -> None:
    await rig.lease._renew()

    def stand_still() -> None:
        pauses.append(601)
        rig.values.expire(KEY)

    answer_late(rig.values, stand_still)
    await rig.lease._renew()
    assert rig.lease.is_held()
    assert (rig.lease.generation, rig.lapses) == (2, 1)


async def test_it_is_renewed_the_sooner_the_later_the_last_answer_came(
    rig: Rig, pauses: list[float]
) -> None:
    answer_late(rig.values, lambda: pauses.append(500))
    rig.lease.begin()
    await until(lambda: rig.values.revision == 2, "another renewal")
    assert rig.lapses == 0


async def test_it_is_renewed_by_itself_and_again_and_again_while_nobody_answers() -> None:
    values = ValuesInMemory()
    values.is_away = True
    lease = Lease(values, "one", length=0.03, lapsed=lambda: None)
    renewed_often = asyncio.Event()
    values.written = lambda _: renewed_often.set() if values.revision == 3 else None
    lease.begin()
    asked = asyncio.ensure_future(lease.held())
    await asyncio.sleep(0)
    assert not asked.done()
    values.is_away = False
    await asyncio.wait_for(asked, DEADLINE)
    await asyncio.wait_for(renewed_often.wait(), DEADLINE)
    await lease.end(DEADLINE)
    assert values.values[KEY].data == b""
    assert lease._keeper is not None
    assert lease._keeper.done()


async def test_that_there_is_none_is_said_once_for_each_time_that_it_has_ended() -> None:
    values = ValuesInMemory()
    values.is_away = True
    lapsed = asyncio.Event()
    missed: list[bool] = []
    lease = Lease(values, "one", length=0.03, lapsed=lapsed.set, missed=missed.append)
    with capture_logs() as logs:
        lease.begin()
        for count in (1, 2):
            await until(lambda: len(logs) == count, "a warning")  # noqa: B023 called at once
            values.expire(KEY)
            values.is_away = False
            await asyncio.wait_for(lease.held(), DEADLINE)
            values.is_away = True
    await lease.abandon()
    assert {log["event"] for log in logs} == {"this node has no lease: nobody gets a name"}
    assert [log["error"] for log in logs] == ["it is away"] * 2
    assert missed == [True, False] * 2
    assert lapsed.is_set()


async def test_a_fault_in_renewing_it_is_not_the_end_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = ValuesInMemory()
    faults = [RuntimeError("a fault of ours")] * 2
    write = values.write

    async def written(changes: Sequence[Change]) -> int:
        if faults:
            raise faults.pop()
        return await write(changes)

    monkeypatch.setattr(values, "write", written)
    missed: list[bool] = []
    lease = Lease(values, "one", length=0.03, lapsed=lambda: None, missed=missed.append)
    with capture_logs() as logs:
        lease.begin()
        await asyncio.wait_for(lease.held(), DEADLINE)
    await lease.abandon()
    assert missed == [True, False]
    assert [log["event"] for log in logs] == [
        "the lease of this node could not be renewed",
        "this node has no lease: nobody gets a name",
        "the lease of this node could not be renewed",
    ]


async def test_it_is_given_up_even_if_nobody_can_be_told(rig: Rig) -> None:
    await rig.lease._renew()
    rig.values.is_away = True
    await rig.lease.end(DEADLINE)
    assert rig.values.values[KEY].data


async def test_who_hears_nothing_does_not_wait_for_longer_than_there_is_time(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rig.lease._renew()
    is_over = asyncio.Event()

    async def read(_keys: Iterable[str]) -> dict[str, Value]:
        await is_over.wait()
        raise AssertionError

    monkeypatch.setattr(rig.values, "read", read)
    await asyncio.wait_for(rig.lease.end(0.01), DEADLINE)
    assert rig.values.values[KEY].data
