"""The machine's shell: a task, a timer and a connection for the machine, and calls for the client.

It does nothing clever. One task opens the connection and reads it, one writes, one timer calls
`tick`; after every step the shell dispatches the machine's events, wakes the writer, and sets the
timer anew.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Final, TypeVar

from causerie.client.event_queue import EventQueue
from causerie.client.machine import AppCommand, Machine
from causerie.client.machine.events import (
    Acked,
    Answer,
    Answered,
    Failed,
    MachineEvent,
    PresenceChanged,
    Receipt,
    Renamed,
    SendFailed,
    StateChanged,
)
from causerie.client.machine.outbox import Saying
from causerie.client.machine.states import Closed
from causerie.client.sending import ClientEvent, Sending
from causerie.client.transport import Lost, Transport, open_transport
from causerie.language import Words
from causerie.wire.codes import CloseCode

WATCHED_EVERY: Final = 5.0
"""Seconds between two looks at the clock on the wall, which runs on while the computer sleeps."""

SLEPT: Final = 5.0
"""Seconds by which that clock may run ahead before the client takes it for sleep."""

HELD_TOO_LONG: Final = 10.0
"""Seconds after which an application is warned that it reads no events."""

OPEN_TIMEOUT: Final = 10.0
"""Seconds that an attempt to open a connection may take."""

_log = logging.getLogger("causerie.client")

_Reply = TypeVar("_Reply", bound=Answer | Receipt)


class Shell:
    """What a machine needs of the world: it runs from when it is made until `close`.

    `queue`: how many events may wait for the application before nothing more is read from the
    server, save while a call waits for its answer. `words` are those of the reasons why there is no
    connection. `renamed` is called with each name that is one's own from then on, before anybody is
    told of it.
    """

    def __init__(
        self,
        url: str,
        machine: Machine,
        *,
        words: Words,
        queue: int,
        renamed: Callable[[str], None],
    ) -> None:
        self.url = url
        self._renamed = renamed
        self._words = words
        self.machine = machine
        self._loop = asyncio.get_running_loop()
        self._queue = EventQueue(queue, self._presence_snapshot)
        # Calls that wait for an answer, by the id of their command.
        self._calls: dict[str, asyncio.Future[Answer | Receipt]] = {}
        self._transport: Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._drift = self._clock_drift()
        # When the application began to hold up the reader; None once it was warned.
        self._held_since: float | None = None
        # Set whenever the reader, the writer or a waiting call should look again.
        self._to_write = asyncio.Event()
        self._may_read = asyncio.Event()
        self._stepped = asyncio.Event()
        self._fault: BaseException | None = None
        self._keeper = asyncio.create_task(self._keep_connection(), name="causerie client")
        self._keeper.add_done_callback(self._keeper_ended)

    def now(self) -> float:
        """Seconds, on the machine's clock."""
        return self._loop.time()

    def step(self, drive: Callable[[float], object]) -> None:
        """Drives the machine, and does what it says."""
        drive(self.now())
        for event in self.machine.events():
            self._dispatch(event)
        self._to_write.set()
        if not self.machine.wants_connection and self._transport is not None:
            self._drop(self._transport)
        self._stepped.set()
        self._set_timer()

    async def call(self, command: AppCommand, kind: type[_Reply]) -> _Reply:
        """Gives the machine a command, and waits for its answer, which is of this kind.

        When it is cancelled, the command is withdrawn, if it is one that can be
        (`Machine.withdraw`). What says something is told as `Sending`.

        Raises:
            ClientError: The command fails, or cannot be given.
        """
        if self._fault is not None:
            raise self._fault
        call: asyncio.Future[Answer | Receipt] = self._loop.create_future()
        id = self.machine.send(command, self.now())
        self._calls[id] = call
        if isinstance(command, Saying):
            self._queue.put(Sending(id=id, command=command, at=time.time_ns() // 1_000_000))
        self.step(lambda _: None)
        self._let_read()
        try:
            reply = await call
        except asyncio.CancelledError:
            self.machine.withdraw(id)
            raise
        finally:
            del self._calls[id]
        assert isinstance(reply, kind), "the server answers each command with its own reply"
        return reply

    async def next_event(self) -> ClientEvent:
        """Waits for the next event that the application has not read.

        Raises:
            Ended: There are no more.
        """
        try:
            return await self._queue.get()
        finally:
            self._let_read()

    async def wait_for_step(self) -> None:
        """Waits until the machine has been driven once more.

        Raises:
            BaseException: A fault of ours has ended the client.
        """
        if self._fault is not None:
            raise self._fault
        self._stepped.clear()
        await self._stepped.wait()

    async def close(self) -> None:
        """Says goodbye, and ends the machine. What still waits for an answer fails."""
        transport, self._transport = self._transport, None
        self.step(lambda _: self.machine.close())
        try:
            if transport is not None:
                await transport.close()
        finally:
            # However little of the goodbye was waited for, nothing is left running.
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)

    def _dispatch(self, event: MachineEvent) -> None:
        answers: str | None = None
        match event:
            case Answered(id=id, reply=reply):
                self._settle(id, reply)
                return
            case Failed(id=id, error=error):
                self._settle(id, error)
                return
            case Acked(receipt=receipt):
                answers = receipt.id if self._settle(receipt.id, receipt) else None
            case SendFailed(id=id, error=error):
                answers = id if self._settle(id, error) else None
            case Renamed(username=username):
                self._renamed(username)
            case _:
                pass
        self._queue.put(event, answers=answers)
        if isinstance(event, StateChanged) and isinstance(event.state, Closed):
            self._queue.end(event.state.error)

    def _settle(self, id: str, outcome: Answer | Receipt | Exception) -> bool:
        """Answers a call; tells whether anybody waited for it."""
        call = self._calls.get(id)
        if call is None or call.done():
            return False
        if isinstance(outcome, Exception):
            call.set_exception(outcome)
        else:
            call.set_result(outcome)
        return True

    def _set_timer(self) -> None:
        deadline = self.machine.deadline()
        if deadline is not None:
            deadline = min(deadline, self.now() + WATCHED_EVERY)
        if self._timer is not None:
            if deadline is not None and self._timer.when() <= deadline:
                return  # early does no harm
            self._timer.cancel()
            self._timer = None
        if deadline is not None:
            self._timer = self._loop.call_at(deadline, self._tick)

    def _tick(self) -> None:
        self._timer = None
        drift = self._clock_drift()
        slept, self._drift = drift - self._drift > SLEPT, drift
        if self._held:
            # Nothing was heard because nothing was read.
            self.machine.heard(self.now())
            self._warn_of_unread_events()
        try:
            self.step(self.machine.woke if slept else self.machine.tick)
        except BaseException as error:
            self._fail(error)
            raise

    def _warn_of_unread_events(self) -> None:
        now = self.now()
        if self._held_since is not None and now - self._held_since >= HELD_TOO_LONG:
            self._held_since = None  # once is enough
            _log.warning(
                "%d events wait to be read; until some are, nothing is read from %s",
                len(self._queue),
                self.url,
            )

    def _clock_drift(self) -> float:
        return time.time() - self.now()

    @property
    def _held(self) -> bool:
        """Whether the application should first read some events."""
        return self._queue.full and not self._calls

    def _let_read(self) -> None:
        if not self._held:
            self._may_read.set()

    def _presence_snapshot(self, room: str) -> PresenceChanged:
        count, names = self.machine.members(room)
        return PresenceChanged(room=room, members=count, joined=names, left=(), snapshot=True)

    async def _keep_connection(self) -> None:
        while not isinstance(self.machine.state, Closed):
            if not self.machine.wants_connection:
                await self.wait_for_step()
                continue
            try:
                transport = await open_transport(self.url, within=OPEN_TIMEOUT, words=self._words)
            except Lost as lost:
                # Whom a server has let in once it will let in again, whatever stands before it now.
                code = lost.code if self.machine.welcome is None else CloseCode.TRY_AGAIN_LATER
                self._lost(code, lost.reason)
                continue
            await self._use(transport)

    async def _use(self, transport: Transport) -> None:
        self._transport = transport
        self.step(self.machine.connected)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._write(transport), name="causerie client, writing")
                await self._read(transport)
        except* Lost as group_of_one:
            lost = group_of_one.exceptions[0]
            assert isinstance(lost, Lost), "only the reader tells of it, and it once"
            if self._transport is transport:  # otherwise the machine has given it up itself
                self._transport = None
                self._lost(lost.code, lost.reason)
        finally:
            transport.abort()

    async def _read(self, transport: Transport) -> None:
        while True:
            text = await transport.receive()
            self.step(partial(self.machine.receive, text))
            self._held_since = self.now() if self._held else None
            while self._held:
                self._may_read.clear()
                await self._may_read.wait()

    async def _write(self, transport: Transport) -> None:
        try:
            while True:
                self._to_write.clear()
                for frame in self.machine.frames_to_send():
                    await transport.send(frame)
                await self._to_write.wait()
        except Lost:
            pass  # the reader reads what has still come, and then tells

    def _lost(self, code: int, reason: str) -> None:
        self.step(lambda now: self.machine.disconnected(now, code, reason))

    def _drop(self, transport: Transport) -> None:
        self._transport = None
        transport.abort()

    def _keeper_ended(self, keeper: "asyncio.Task[None]") -> None:
        if not keeper.cancelled() and (error := keeper.exception()) is not None:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        """A fault of ours must not leave anybody waiting."""
        self._fault = error
        self._queue.end(error)
        for call in self._calls.values():
            if not call.done():
                call.set_exception(error)
        self._stepped.set()
