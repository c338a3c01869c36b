import multiprocessing
import os
import signal
import time
from typing import Any

import pytest

from causerie.bench import crew, generator
from causerie.bench.crew import Post
from causerie.bench.generator import LoadFailed, ServerFailed
from causerie.bench.phases import Phase
from causerie.bench.target import Target, Use

pytestmark = pytest.mark.slow

MEASURED = ("begin", "end")


class Counter(Target):
    """A server that has used one more of everything whenever one looks."""

    def __init__(self) -> None:
        super().__init__("a server", ("127.0.0.1", 1), None)
        self.looks = 0.0

    def use(self) -> Use:
        self.looks += 1
        return Use(self.looks, self.looks, self.looks)


def run(work: crew.Work, load: Any = None, processes: int = 2, **more: Any) -> crew.Ran:
    try:
        return crew.run(work, load, Counter(), processes=processes, measured=MEASURED, **more)
    finally:
        assert not multiprocessing.active_children()


def share(post: Post, load: Any) -> list[Any]:
    """Works for a while in the middle, in one process more than in the other."""
    post.meet("begin")
    begun = time.monotonic(), time.process_time()
    post.progress((post.index + 1) / 4)
    while time.process_time() - begun[1] < (0.3 if post.index else 0.1):
        pass
    busy = (time.process_time() - begun[1]) / (time.monotonic() - begun[0])
    met = post.meet("end", (post.index, list(post.mine(load))))
    return [met, post.meet("done"), busy]


def test_processes_meet_and_bring_what_they_have_and_are_told_what_was_done() -> None:
    told: list[float] = []
    ran = run(share, 5, at={"done": lambda: "restarted"}, progress=told.append)
    brought = [(0, [0, 1]), (1, [2, 3, 4])]
    assert [result[:2] for result in ran.results] == [[brought, ["restarted"] * 2]] * 2
    assert [ran.moments[name].cpu for name in ("begin", "end", "done")] == [1, 2, 3]
    # The least that any has done; the busiest, since it may be the limit.
    assert told == [0.0, 0.25]
    assert ran.busy == pytest.approx(max(busy for _, _, busy in ran.results), abs=0.1)


def test_who_wants_to_know_is_told_when_what_is_measured_begins_and_ends() -> None:
    target = Counter()
    told: list[tuple[str, float]] = []
    target.at_begin = lambda: told.append(("begin", target.looks))
    target.at_end = lambda: told.append(("end", target.looks))
    crew.run(share, 5, target, processes=1, measured=MEASURED)
    assert told == [("begin", 0), ("end", 2)]


def test_what_came_of_a_load_may_end_later_than_what_is_measured() -> None:
    target = Counter()
    ends: list[float] = []
    target.at_end = lambda: ends.append(target.looks)
    ran = crew.run(share, 5, target, processes=1, measured=MEASURED, settled="done")
    assert ends == [3]
    assert ran.busy == pytest.approx(ran.results[0][2], abs=0.1), "as without it"


def turn(post: Post, _load: Any) -> None:
    post.turn_to(Phase.CONNECTING)
    post.meet("begin")
    post.turn_to(Phase.MEASURING)
    post.meet("end")


def test_the_first_process_tells_what_is_done() -> None:
    target = Counter()
    told: list[Phase] = []
    target.at_phase = told.append
    crew.run(turn, None, target, processes=2, measured=MEASURED)
    assert told == [Phase.CONNECTING, Phase.MEASURING]


def pass_by(post: Post, _load: Any) -> None:
    post.meet("begin")
    if post.index:
        post.pass_by("half")
    post.meet("end")


def test_what_is_done_in_passing_holds_up_nobody() -> None:
    passed: list[str] = []
    run(pass_by, at={"half": lambda: passed.append("half")})
    assert passed == ["half"]


def fail(post: Post, load: Any) -> None:
    if post.index:
        raise load
    post.meet("begin")


def test_the_failure_of_one_ends_all() -> None:
    with pytest.raises(ServerFailed, match=r"^it has failed$"):
        run(fail, ServerFailed("it has failed"))


def test_a_fault_of_the_generator_is_not_taken_for_one_of_the_server() -> None:
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        run(fail, ZeroDivisionError())


def wait_in_vain(_post: Post, load: float) -> None:
    generator.DEADLINE = load
    with_nobody = generator.Generator(("127.0.0.1", 1), None, 0)  # type: ignore[arg-type]
    with_nobody.wait_until(lambda: False, "messages never came")


def test_what_never_comes_ends_all() -> None:
    with pytest.raises(ServerFailed, match=r"^messages never came within 0\.2 s$"):
        run(wait_in_vain, 0.2)


def die(post: Post, _load: Any) -> None:
    if post.index:
        os.kill(os.getpid(), signal.SIGKILL)
    post.meet("begin")


def test_the_death_of_one_ends_all() -> None:
    with pytest.raises(LoadFailed, match="a process of the generator has died"):
        run(die)


def die_at_the_meeting(post: Post, _load: Any) -> None:
    if post.index:
        post.send("meet", "begin")
        os.kill(os.getpid(), signal.SIGKILL)
    post.meet("begin")


def test_the_death_of_one_who_was_waited_for_ends_all() -> None:
    with pytest.raises(LoadFailed, match="a process of the generator has died"):
        run(die_at_the_meeting)


def interrupt(post: Post, load: int) -> None:
    if post.index:
        os.kill(load, signal.SIGINT)
    post.meet("never" if post.index else "begin")
    post.meet("never")


def test_an_interrupt_ends_all() -> None:
    with pytest.raises(KeyboardInterrupt):
        run(interrupt, os.getpid())


def hear_an_interrupt(post: Post, _load: Any) -> None:
    os.kill(os.getpid(), signal.SIGINT)
    post.meet("begin")


def test_an_interrupt_is_for_whoever_leads_and_for_no_other() -> None:
    assert run(hear_an_interrupt).results == [None, None]


def work_here(work: crew.Work, load: Any = None) -> Any:
    """Does a process's work in this one; returns what it tells at last."""
    ours, theirs = multiprocessing.Pipe()
    with ours:
        with theirs:
            crew._work(work, load, crew._Measuring(0, 1, theirs, MEASURED))
        return ours.recv()


def test_a_process_tells_what_came_of_it() -> None:
    assert work_here(lambda _post, load: load + 1, 1) == ("returned", 2, 0.0)
    kind, error, _ = work_here(fail_alone)
    assert (kind, str(error)) == ("failed", "no")


def fail_alone(_post: Post, _load: Any) -> None:
    raise LoadFailed("no")


def test_a_process_that_nobody_leads_any_more_ends() -> None:
    ours, theirs = multiprocessing.Pipe()
    ours.close()
    with theirs:
        crew._work(fail_alone, None, crew._Measuring(0, 1, theirs, MEASURED))
        crew._work(lambda *_: 1, None, crew._Measuring(0, 1, theirs, MEASURED))
