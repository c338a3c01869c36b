import contextlib
from collections.abc import Callable, Iterator

import msgspec
import pytest
from bench import compare
from bench.comparison.contestants import Contestant, contestants, loop_held
from bench.comparison.loads import Load, loads
from bench.comparison.records import PLAIN, V1, Comparison, LoadInfo, ServerInfo
from bench.comparison.tables import tables

from causerie.bench.dialects import DIALECTS, Dialect
from causerie.bench.generator import LoadFailed
from causerie.bench.result import Result
from causerie.bench.target import Target

Runs = list[tuple[str, str]]


def make(
    key: str, runs: Runs, deliveries: float = 1.0, *, pace: float = 0.0, once: bool = False
) -> Load:
    """A load that notes where it is run, and fails where there are no deliveries."""

    def work(target: Target, dialect: Dialect, *, progress: Callable[[float], None]) -> Result:
        del dialect
        runs.append((key, target.name))
        progress(0.5)
        if not deliveries:
            raise LoadFailed("it fell over")
        return Result(key, target.name, {"deliveries_per_second": deliveries})

    info = LoadInfo(key=key, title=key, group="fanout")
    return Load(info, work, 2.0, pace=pace, once=once)


def server(name: str) -> Contestant:
    @contextlib.contextmanager
    def start(_is_watched: bool) -> Iterator[Target]:
        yield Target(name, ("127.0.0.1", 1), None)

    return Contestant(ServerInfo(name=name, version="1", description=""), DIALECTS["plain"], start)


@pytest.fixture(autouse=True)
def two(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "real" not in request.keywords:
        monkeypatch.setattr(compare, "contestants", lambda: ([server("a"), server("b")], []))


def go(chosen: list[Load], told: list[float] | None = None) -> Comparison:
    def tell(what: str, lasts: float) -> compare.Step:
        assert what
        assert lasts
        return (told if told is not None else []).append

    return compare.compare(chosen, 3, "make bench", tell, is_trial=False)


def test_all_servers_have_their_turn_before_any_has_the_next() -> None:
    runs: Runs = []
    told: list[float] = []
    found = go([make("x", runs), make("y", runs)], told)
    assert runs == [(load, name) for load in "xy" for name in "ab"] * 3
    assert [record.round for record in found.records] == [0] * 4 + [1] * 4 + [2] * 4
    assert told == [0.5, 1.0] * 12


def test_what_is_run_once_is_run_in_the_first_round() -> None:
    runs: Runs = []
    go([make("x", runs, once=True), make("y", runs)])
    assert runs.count(("x", "a")) == 1
    assert runs[:2] == [("x", "a"), ("x", "b")]


@pytest.mark.parametrize(("deliveries", "pace"), [(0.0, 0.0), (90.0, 100.0)])
def test_what_was_too_much_is_not_tried_again(deliveries: float, pace: float) -> None:
    runs: Runs = []
    found = go([make("x", runs, deliveries, pace=pace)])
    assert runs == [("x", "a"), ("x", "b")]
    for record in found.records:
        assert record.failed == "it fell over" or "does not keep the pace" in record.remarks[0]


def test_loads_are_run_on_those_that_they_are_for() -> None:
    runs: Runs = []
    load = make("x", runs)
    go([Load(load.info, load.run, 1.0, servers=frozenset({"b"}))])
    assert runs == [("x", "b")] * 3


def test_what_was_found_can_be_kept_and_shown_again(capsys: pytest.CaptureFixture[str]) -> None:
    found = go([make("x", [])])
    kept = msgspec.json.decode(msgspec.json.encode(found), type=Comparison)
    assert kept == found
    compare.show(tables(kept))
    assert "deliveries/s" in capsys.readouterr().out


def test_the_loads_of_a_trial_are_the_same_and_smaller() -> None:
    real, trial = loads(quick=False), loads(quick=True)
    keys = [load.info.key for load in real]
    assert len(set(keys)) == len(keys)
    assert {load.info.key for load in trial} <= set(keys)
    assert {load.info.group for load in trial} == {load.info.group for load in real}
    assert sum(load.lasts for load in trial) < sum(load.lasts for load in real) / 2


def test_loads_are_for_servers_that_there_are() -> None:
    names = {server.info.name for server in contestants()[0]} | {"Bun", "ws", "websockets", "C"}
    assert {V1, PLAIN} <= names
    for load in loads(quick=False):
        assert load.servers <= names


@pytest.mark.real
@pytest.mark.slow
def test_causerie_is_started_anew_and_says_how_long_it_was_held_up_if_it_is_watched() -> None:
    ours = next(one for one in contestants()[0] if one.info.name == V1)
    with ours.start(True) as first, ours.start(False) as second:
        assert first.pid != second.pid
        held = loop_held(first)
        assert loop_held(second) == {}
    assert 0 <= held["loop_held_ms"] < 10_000
    assert loop_held(Target("other", ("127.0.0.1", 1), None)) == {}


@pytest.mark.parametrize("error", [OSError("ports"), RuntimeError("Traceback\nports\n"), OSError()])
def test_what_nobody_has_thought_of_ends_one_run_and_not_all(error: Exception) -> None:
    def work(target: Target, dialect: Dialect, *, progress: Callable[[float], None]) -> Result:
        raise error

    broken = Load(make("y", []).info, work, 1.0)
    found = go([broken, make("x", [])])
    last = "ports" if error.args else "OSError"
    assert [record.failed for record in found.records[:4]] == [last, last, "", ""]
