import asyncio

from tests.server.support import key_of, v1

from causerie.server.census import Census, take_census
from causerie.server.hub import Hub
from causerie.testing.memory_server import MemoryServer


async def counted(hub: Hub) -> tuple[int, int, int]:
    census = take_census(hub)
    return census.connections, census.sessions, census.rooms


async def test_all_that_comes_is_counted_and_in_the_end_nothing_is_left() -> None:
    server = MemoryServer()
    assert await counted(server.hub) == (0, 0, 0)
    alice = v1(server, "Alice", "tea", "water", key=key_of("Alice"))
    bob = v1(server, "Bob", "tea")
    assert await counted(server.hub) == (2, 2, 2)
    alice.socket.hang_up(None)
    server.run()
    assert await counted(server.hub) == (1, 2, 2), "whoever was cut may come back"
    bob.socket.hang_up(None)
    server.advance(2 * server.hub.settings.grace)
    assert await counted(server.hub) == (0, 0, 0)


async def test_tasks_of_the_loop_are_counted() -> None:
    server = MemoryServer()
    before = take_census(server.hub)
    forever = asyncio.create_task(asyncio.Event().wait())
    assert take_census(server.hub) == before._replace(tasks=before.tasks + 1)
    forever.cancel()
    await asyncio.wait([forever])
    assert take_census(server.hub) == before == Census(0, 0, 0, before.tasks)
