import asyncio
from collections.abc import Awaitable

import pytest
from structlog.testing import capture_logs
from tests.adapters.jetstream_nodes import until

from causerie.adapters.jetstream_answers import Answers
from causerie.adapters.jetstream_link import Unanswered
from causerie.ports import Failed


async def found(what: object, when: Awaitable[None]) -> object:
    await when
    return what


async def test_answers_keep_the_order_of_the_questions() -> None:
    loop = asyncio.get_running_loop()
    times = [loop.create_future() for _ in range(4)]
    answers = Answers()
    told: list[object] = []
    for number, time in enumerate(times):
        answers.ask(found(number, time), told.append)
    for number in (2, 1, 3):
        times[number].set_result(None)
    await until(answers._readings[3].task.done, "the reads")
    assert told == []
    times[0].set_result(None)
    await until(lambda: len(told) == 4, "the answers")
    assert told == [0, 1, 2, 3]


@pytest.mark.parametrize("error", [Unanswered("too late"), RuntimeError("a fault")])
async def test_a_read_that_fails_is_answered_by_why(error: Exception) -> None:
    async def fail() -> object:
        raise error

    answers = Answers()
    told: list[object] = []
    answers.ask(fail(), told.append)
    answers.ask(found("next", asyncio.get_running_loop().create_future()), told.append)
    await until(lambda: bool(told), "the answer")
    assert told == [Failed(f"{type(error).__name__}: {error}")]
    answers.stop()


async def test_an_answer_that_cannot_be_taken_keeps_nobody_from_theirs() -> None:
    answers = Answers()
    told: list[object] = []
    gate = asyncio.get_running_loop().create_future()

    def take(answer: object) -> None:
        raise RuntimeError(answer)

    answers.ask(found(1, gate), take)
    answers.ask(found(2, asyncio.sleep(0)), told.append)
    await until(answers._readings[1].task.done, "the second")
    with capture_logs() as logs:
        gate.set_result(None)
        await until(lambda: told == [2], "the answer")
    assert [log["event"] for log in logs] == ["an answer could not be taken"]


async def test_after_the_end_nobody_is_told() -> None:
    loop = asyncio.get_running_loop()
    times = [loop.create_future() for _ in range(2)]
    answers = Answers()
    told: list[object] = []
    for number, time in enumerate(times):
        answers.ask(found(number, time), told.append)
    await asyncio.sleep(0)
    times[0].set_result(None)
    answers.stop()
    await until(lambda: not answers._readings, "the end")
    assert told == []
