"""Values in memory, in the place of NATS: each question waits until a test lets it through."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar

from causerie.adapters.jetstream_names import NODES, AwayError, Change, Value

ASKING: ContextVar[object] = ContextVar("ASKING", default=None)
"""On whose behalf something is asked."""


class ValuesInMemory:
    """A `causerie.adapters.jetstream_names.ValueStore`. What concerns nodes does not wait."""

    def __init__(self, *, waits: bool = False, reads_at_once: bool = True) -> None:
        """`reads_at_once` if a read tells what is so at one moment, which NATS does not promise."""
        self.values: dict[str, Value] = {}
        self._faded: dict[str, Value] = {}
        """What stood there before, where nothing does any more and that may be forgotten."""
        self.revision = 0
        self.waits = waits
        self.reads_at_once = reads_at_once
        self.waiting: list[asyncio.Future[None]] = []
        self.written: Callable[[object], None] = lambda _asking: None
        """Is told on whose behalf something has been written, as it is."""
        self.is_away = False
        self.loses_answers = False

    async def read(self, keys: Iterable[str]) -> dict[str, Value]:
        wanted = list(keys)
        if self.reads_at_once or len(wanted) == 1:
            await self._turn(wanted)
            return {key: self.values.get(key, Value(b"", 0)) for key in wanted}
        found: dict[str, Value] = {}
        for one in await asyncio.gather(*(self.read([key]) for key in wanted)):
            found |= one
        return found

    async def write(self, changes: Sequence[Change]) -> int:
        assert changes
        assert len({change.key for change in changes}) == len(changes)
        await self._turn([change.key for change in changes])
        for change in changes:
            if self.values.get(change.key, Value(b"", 0)).revision != change.replaced:
                return 0
        for change in changes:
            if change.fades and not change.data:
                self._faded[change.key] = self.values[change.key]
            self.revision += 1
            self.values[change.key] = Value(change.data, self.revision)
        self.written(ASKING.get())
        if self.loses_answers:
            raise AwayError("the answer is lost")
        return self.revision

    async def keys(self, beginning: str) -> list[str]:
        await self._turn([beginning])
        return [key for key, value in self.values.items() if key.startswith(beginning)]

    def expire(self, key: str) -> None:
        """Has a value go, as time does."""
        self.values.pop(key, None)

    def bring_back(self) -> None:
        """What has faded stands there again, as when NATS is killed a while after."""
        for key, value in self._faded.items():
            if not self.values[key].data:
                self.values[key] = value
        self._faded.clear()

    async def _turn(self, keys: Sequence[str]) -> None:
        if self.is_away:
            raise AwayError("it is away")
        if self.waits and not keys[0].startswith(NODES):
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.waiting.append(turn)
            await turn
