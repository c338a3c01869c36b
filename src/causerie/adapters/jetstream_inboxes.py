"""Where the answers of NATS come in."""

import asyncio
import itertools
from collections.abc import Callable

from causerie.adapters.jetstream_client import Lost, Message, Told, Unanswered


class Inboxes:
    """The subjects on which this node is answered, of the present connection."""

    def __init__(self) -> None:
        self._prefix = ""
        self._open: dict[str, Told] = {}
        self._asked: dict[str, asyncio.Future[object]] = {}
        """Who waits, by inbox."""
        self._numbers = itertools.count(1)

    def __len__(self) -> int:
        return len(self._open)

    def begin(self, prefix: str) -> None:
        """Begins anew, with a connection on which what is below `prefix` is heard."""
        self._prefix = prefix

    def open(self, told: Told) -> str:
        """Makes one."""
        reply = f"{self._prefix}.{next(self._numbers)}"
        self._open[reply] = told
        return reply

    def close(self, reply: str) -> None:
        """Takes no more answers there."""
        self._open.pop(reply, None)

    def answered(self, message: Message) -> None:
        """Hands an answer to whom it is for."""
        told = self._open.get(message.subject)
        if told is not None:
            told(message)

    def lose(self) -> None:
        """Tells all who wait that the connection is lost."""
        self._open.clear()
        for whole in list(self._asked.values()):
            if not whole.done():
                whole.set_exception(Lost("the connection to NATS was lost"))

    async def exchange(
        self, send: Callable[[str], None], *, within: float, until: Callable[[Message], bool]
    ) -> list[Message]:
        """Has `send` ask, and waits for the answers; `Link.exchange` says how."""
        came: list[Message] = []
        whole: asyncio.Future[object] = asyncio.get_running_loop().create_future()

        def take(message: Message) -> None:
            # More than one server of a cluster may answer, and all of it may be read at once.
            if whole.done():
                return
            came.append(message)
            if message.status == "503" or until(message):
                whole.set_result(None)

        reply = self.open(take)
        self._asked[reply] = whole
        send(reply)
        try:
            async with asyncio.timeout(within):
                await whole
        except TimeoutError:
            raise Unanswered(f"NATS has not answered within {within:g} s") from None
        finally:
            self.close(reply)
            self._asked.pop(reply, None)
        if came[-1].status == "503":
            raise Unanswered("nobody is there to answer")
        return came
