"""A node's sign of life: a value that goes by itself unless the node renews it in time."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import structlog

from causerie.adapters.jetstream_names import AwayError, Change, ValueStore, node_key

LEASE: Final = 15.0
"""Seconds after which a node that does not renew its lease is gone."""
RENEWALS: Final = 3
"""How often it is renewed in that time."""
AGAIN_AFTER: Final = 0.1
"""Seconds until something that NATS has not answered is tried again."""

_logger = structlog.get_logger("causerie.names")


class Lease:
    """The lease of one node.

    Each renewal replaces the one before, so that one which comes too late is found out: what others
    have decided in the meantime, they have decided taking the node for gone. Until that is known,
    the node goes by its own clock, from before a renewal was sent: the lease is held for as long as
    nobody can have seen it end, however late the answer came, and wherever it was held up.
    """

    def __init__(
        self,
        values: ValueStore,
        node: str,
        *,
        length: float,
        lapsed: Callable[[], None],
        missed: Callable[[bool], None] = lambda _is_missed: None,
    ) -> None:
        """Does not begin yet. The value goes after `length` seconds. `lapsed` is called when there
        is a lease again after one that had ended; `missed` is told when there is none and it cannot
        be renewed, and when there is one again.
        """
        self._values = values
        self._key = node_key(node)
        self._length = length
        self._lapsed = lapsed
        self._missed = missed
        self._revision = 0
        self._is_new = True
        self._began = float("-inf")
        """When the last renewal that was answered was sent: NATS counts from then on, or later."""
        self._judges_from = float("-inf")
        self._is_held = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._is_missed = False
        self.generation = 0
        """Which lease it is: one more after each that has ended."""

    def begin(self) -> None:
        """Has it renewed from now on."""
        self._keeper = asyncio.create_task(self._keep(), name="names-lease")

    def is_held(self) -> bool:
        """Whether all others surely take the node for alive."""
        return asyncio.get_running_loop().time() < self._began + self._length

    def may_judge(self) -> bool:
        """Whether a node without a lease is gone. Just after this one's own has lapsed it need not
        be: all have, where NATS was away for longer.
        """
        return asyncio.get_running_loop().time() >= self._judges_from

    async def held(self) -> None:
        """Waits until it is held."""
        while not self.is_held():
            self._is_held.clear()
            await self._is_held.wait()

    async def end(self, within: float) -> None:
        """Gives it up, if NATS can be told of that in so many seconds: the node is gone."""
        await self.abandon()
        with suppress(AwayError, TimeoutError):
            async with asyncio.timeout(within):
                there = (await self._values.read([self._key]))[self._key]
                await self._values.write([Change(self._key, b"", there.revision)])

    async def abandon(self) -> None:
        """Renews it no longer."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])

    async def _keep(self) -> None:
        while True:
            try:
                await self._renew()
            except AwayError as error:
                self._miss(str(error))
                await asyncio.sleep(min(AGAIN_AFTER, self._length / RENEWALS))
            except Exception as error:
                # A fault of ours; but without a lease nobody here would ever get a name again.
                _logger.exception("the lease of this node could not be renewed")
                self._miss(type(error).__name__)
                await asyncio.sleep(self._length / RENEWALS)
            else:
                due = self._began + self._length / RENEWALS
                await asyncio.sleep(due - asyncio.get_running_loop().time())

    def _miss(self, error: str) -> None:
        if not self.is_held() and not self._is_missed:
            self._is_missed = True
            self._missed(True)
            _logger.warning("this node has no lease: nobody gets a name", error=error)

    async def _renew(self) -> None:
        while True:
            began = asyncio.get_running_loop().time()
            revision = await self._values.write([Change(self._key, b"1", self._revision)])
            if revision:
                self._revision, self._began = revision, began
                if self.is_held():
                    break
                # The answer came so late that all is over that it grants: the next will tell what
                # others have made of that.
                continue
            there = (await self._values.read([self._key]))[self._key]
            # One that is there is our own, whose answer was lost.
            self._revision = there.revision
            if not there.data:
                self._is_new = True
        self._is_held.set()
        if self._is_missed:
            self._is_missed = False
            self._missed(False)
        if self._is_new:
            self._is_new = False
            self.generation += 1
            if self.generation > 1:
                self._judges_from = began + self._length
                self._lapsed()
