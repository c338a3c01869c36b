import asyncio

from tests.adapters.jetstream_nodes import until

from causerie.adapters.jetstream_tasks import Tasks


async def last(work: asyncio.Future[None]) -> None:
    await work


async def test_work_goes_on_until_it_is_done_or_ended_and_nobody_is_told_of_that() -> None:
    loop = asyncio.get_running_loop()
    faults: list[BaseException] = []
    tasks = Tasks(faults.append)
    works = [loop.create_future() for _ in range(4)]
    ends = [tasks.begin(last(work), f"work {number}") for number, work in enumerate(works)]
    works[0].set_result(None)
    ends[1]()
    await until(lambda: len(tasks._tasks) == 2, "the end of two")
    assert {task.get_name() for task in tasks._tasks} == {"work 2", "work 3"}
    tasks.stop()
    await until(lambda: not tasks._tasks, "the end of all")
    assert faults == []


async def test_a_fault_is_told() -> None:
    faults: list[BaseException] = []
    tasks = Tasks(faults.append)
    work = asyncio.get_running_loop().create_future()
    tasks.begin(last(work), "work")
    fault = RuntimeError("for a test")
    work.set_exception(fault)
    await until(lambda: bool(faults), "the fault")
    assert faults == [fault]
    assert not tasks._tasks
