import asyncio
import gc

import pytest
from tests.adapters.jetstream_nodes import until

from causerie.adapters import jetstream_rounds
from causerie.adapters.jetstream_rounds import Rounds


class Asked:
    """What is asked, answered when the test says so."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, asyncio.Future[str]]] = []
        self.rounds = Rounds(self._ask)

    async def _ask(self, question: str) -> str:
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.asked.append((question, answer))
        return await answer

    @property
    def questions(self) -> list[str]:
        return [question for question, _ in self.asked]

    async def until(self, *questions: str) -> None:
        await until(lambda: self.questions == list(questions), f"{questions}")

    def answer(self, number: int, answer: str) -> None:
        self.asked[number][1].set_result(answer)


async def test_all_who_ask_at_once_share_an_answer() -> None:
    asked = Asked()
    some = [asked.rounds.ask("one") for _ in range(3)]
    other = asked.rounds.ask("other")
    await asked.until("one", "other")
    asked.answer(1, "b")
    assert await other == "b"
    asked.answer(0, "a")
    assert await asyncio.gather(*some) == ["a"] * 3


async def test_who_asks_while_an_answer_is_on_its_way_shares_the_next() -> None:
    asked = Asked()
    first = asked.rounds.ask("one")
    await asked.until("one")
    later = [asked.rounds.ask("one"), asked.rounds.ask("one")]
    for _ in range(10):
        await asyncio.sleep(0)
    assert asked.questions == ["one"]
    asked.answer(0, "old")
    assert await first == "old"
    await asked.until("one", "one")
    asked.answer(1, "new")
    assert await asyncio.gather(*later) == ["new"] * 2
    last = asked.rounds.ask("one")
    await asked.until("one", "one", "one")
    asked.answer(2, "newest")
    assert await last == "newest"
    assert not asked.rounds._present, "nothing is kept of what is answered"
    assert not asked.rounds._next


async def test_an_answer_that_is_lost_does_not_hold_up_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jetstream_rounds, "WAIT_AT_MOST", 0.01)
    asked = Asked()
    lost = asked.rounds.ask("one")
    await asked.until("one")
    following = asked.rounds.ask("one")
    await asked.until("one", "one")
    asked.answer(0, "old, and late")
    assert await lost == "old, and late"
    # It is still the one that went before which is waited for.
    assert asked.rounds._present
    asked.answer(1, "new")
    assert await following == "new"
    last = asked.rounds.ask("one")
    await asked.until("one", "one", "one")
    asked.answer(2, "newest")
    assert await last == "newest"


async def test_a_fault_is_told_to_all_of_its_round_and_to_nobody_else() -> None:
    asked = Asked()
    some = [asked.rounds.ask("one"), asked.rounds.ask("one")]
    await asked.until("one")
    following = asked.rounds.ask("one")
    asked.asked[0][1].set_exception(OSError("it is away"))
    for each in some:
        with pytest.raises(OSError, match="it is away"):
            await each
    await asked.until("one", "one")
    asked.answer(1, "it is back")
    assert await following == "it is back"


async def test_who_gives_up_leaves_the_others_their_answer() -> None:
    asked = Asked()
    patient, hasty = asked.rounds.ask("one"), asked.rounds.ask("one")
    await asked.until("one")
    hasty.cancel()
    asked.answer(0, "here it is")
    assert await patient == "here it is"


async def test_what_all_have_given_up_is_asked_no_longer() -> None:
    asked = Asked()
    some = [asked.rounds.ask("one"), asked.rounds.ask("one")]
    await asked.until("one")
    following = asked.rounds.ask("one")
    for each in (*some, following):
        each.cancel()
    await until(lambda: not len(asked.rounds), "the end of both rounds")
    assert asked.asked[0][1].cancelled()
    last = asked.rounds.ask("one")
    await asked.until("one", "one")
    asked.answer(1, "here it is")
    assert await last == "here it is"


async def test_who_asks_as_all_others_give_up_is_answered() -> None:
    asked = Asked()
    hasty = asked.rounds.ask("one")
    hasty.cancel()
    patient = asked.rounds.ask("one")
    await asked.until("one")
    asked.answer(0, "here it is")
    assert await patient == "here it is"


async def test_a_fault_that_nobody_waits_for_is_not_complained_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked = Asked()
    hasty = asked.rounds.ask("one")
    await asked.until("one")
    asked.asked.pop()[1].set_exception(OSError("it is away"))
    hasty.cancel()
    await until(lambda: not len(asked.rounds), "the end of the round")
    gc.collect()
    assert caplog.records == []


async def test_many_who_share_an_answer_are_not_told_one_after_the_other() -> None:
    # A turn of a busy loop takes long: who waits for a thousand of them is not answered in time.
    asked = Asked()
    many = [asyncio.create_task(wait_for_answer(asked)) for _ in range(1_000)]
    await asked.until("one")
    asked.answer(0, "here it is")
    turns = 0
    while not all(each.done() for each in many):
        turns += 1
        await asyncio.sleep(0)
    assert turns < 10


async def wait_for_answer(asked: Asked) -> None:
    assert await asked.rounds.ask("one") == "here it is"
