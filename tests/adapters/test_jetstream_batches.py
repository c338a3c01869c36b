"""What is gathered while a stroke is under way, and what becomes of it."""

import asyncio
from collections.abc import Sequence

import pytest

from causerie.adapters.jetstream_batches import MOST_CHANGES, Batches
from causerie.adapters.jetstream_names import AwayError, Change


class Strokes:
    """Strokes that wait until a test ends them."""

    def __init__(self) -> None:
        self.made: list[list[str]] = []
        self.ends: list[asyncio.Future[int]] = []

    async def write(self, changes: Sequence[Change]) -> int:
        self.made.append([change.key for change in changes])
        self.ends.append(asyncio.get_running_loop().create_future())
        return await self.ends[-1]

    async def end(self, revision: int | Exception, *, which: int = -1) -> None:
        if isinstance(revision, int):
            self.ends[which].set_result(revision)
        else:
            self.ends[which].set_exception(revision)
        await idle()


async def idle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def changes(*keys: str) -> list[Change]:
    return [Change(key, b"1", 0) for key in keys]


async def begin(batches: Batches, *wanted: Sequence[str]) -> list["asyncio.Task[int]"]:
    tasks = [asyncio.create_task(batches.write(changes(*keys))) for keys in wanted]
    await idle()
    return tasks


async def test_what_is_wanted_during_a_stroke_is_made_in_the_next() -> None:
    strokes = Strokes()
    batches = Batches(strokes.write)
    (first,) = await begin(batches, "a")
    others = await begin(batches, "bc", "d")
    assert strokes.made == [["a"]]
    await strokes.end(1)
    assert await first == 1
    assert strokes.made[1:] == [["b", "c", "d"]]
    await strokes.end(4)
    # Each is told the revision of its own last.
    assert [await other for other in others] == [3, 4]
    (last,) = await begin(batches, "a")
    await strokes.end(9)
    assert await last == 9


async def test_one_that_is_too_late_does_not_keep_the_others_from_being_written() -> None:
    strokes = Strokes()
    batches = Batches(strokes.write)
    (first,) = await begin(batches, "a")
    others = await begin(batches, "b", "c")
    await strokes.end(1)
    await strokes.end(0)
    assert strokes.made[2:] == [["b"], ["c"]]
    await strokes.end(0, which=-2)
    await strokes.end(2)
    assert await first == 1
    assert [await other for other in others] == [0, 2]


async def test_of_one_key_what_was_wanted_first_is_written_first() -> None:
    strokes = Strokes()
    batches = Batches(strokes.write)
    tasks = await begin(batches, "x")
    tasks += await begin(batches, "ab", "bc", "cd", "e")
    for revision in range(1, 6):
        await strokes.end(revision)
        if all(task.done() for task in tasks):
            break
    # The third waits for the second, though the first of the two alone has its key.
    assert strokes.made == [["x"], ["a", "b", "e"], ["b", "c"], ["c", "d"]]


async def test_a_stroke_has_only_so_many_changes() -> None:
    strokes = Strokes()
    batches = Batches(strokes.write)
    tasks = await begin(batches, "x")
    tasks += await begin(batches, *([f"k{number}"] for number in range(MOST_CHANGES + 1)))
    await strokes.end(1)
    await strokes.end(MOST_CHANGES + 1)
    await strokes.end(MOST_CHANGES + 2)
    assert [len(stroke) for stroke in strokes.made] == [1, MOST_CHANGES, 1]
    assert all(task.done() for task in tasks)


@pytest.mark.parametrize("error", [AwayError("it is away"), RuntimeError("a fault of ours")])
async def test_all_of_a_stroke_are_told_that_there_is_no_answer_and_why(error: Exception) -> None:
    strokes = Strokes()
    batches = Batches(strokes.write)
    (first,) = await begin(batches, "a")
    impatient, other = await begin(batches, "b", "c")
    await strokes.end(1)
    impatient.cancel()
    await strokes.end(error)
    assert await first == 1
    assert other.done(), "nobody waits for ever"
    with pytest.raises(type(error)):
        await other
    (again,) = await begin(batches, "d")
    await strokes.end(5)
    assert await again == 5


async def test_who_waits_no_longer_is_written_all_the_same() -> None:
    strokes = Strokes()
    batches = Batches(strokes.write)
    (first,) = await begin(batches, "a")
    first.cancel()
    (other,) = await begin(batches, "b")
    await strokes.end(1)
    await strokes.end(2)
    assert await other == 2
