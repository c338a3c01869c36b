"""What is asked of the server: sent when it may be, and answered once.

The outbox keeps the commands and their order. Here they are encoded and sent at the rate that the
server allows, each answer is matched with its command by the id, and whoever gave the command is
told: a message or private message ends in one `Acked` or `SendFailed`, a question in one `Answered`
or `Failed`. What the machine asks for itself is sent in the same way, and told to nobody.
"""

from collections.abc import Callable
from typing import assert_never

import msgspec

from causerie.client.errors import ClientError, CommandRefused, Ended, InDoubt, InvalidCommand
from causerie.client.machine.events import Acked, Answer, Answered, Failed, Receipt, SendFailed
from causerie.client.machine.link import Greeted
from causerie.client.machine.outbox import Item, Lane, Outbox, Question, Saying
from causerie.client.machine.output import Output
from causerie.wire.codec import encode
from causerie.wire.codes import ErrorCode
from causerie.wire.commands import (
    GetHistory,
    Hello,
    Leave,
    Members,
    Rooms,
    SendMessage,
    SendPrivate,
)
from causerie.wire.replies import Ack, Left

RENAMES = Lane("ask", "name")
"""The lane of those commands that ask for another name."""


class Requests:
    """The commands of one client that wait for their answers. `now` is in seconds, monotonic.

    `limit`: how many of the application's may wait.
    """

    __slots__ = ("_out", "_outbox")

    def __init__(self, limit: int, out: Output) -> None:
        self._out = out
        self._outbox = Outbox(limit)

    def __len__(self) -> int:
        return len(self._outbox)

    def add(self, id: str, lane: Lane, command: Saying | Question, *, own: bool = False) -> None:
        """Keeps a command until it is answered; `own`: the machine's, not the application's.

        Raises:
            OutboxFull: too much waits already; nothing was kept.
        """
        self._outbox.add(id, lane, msgspec.structs.replace(command, id=id), own=own)

    def is_waiting(self, id: str) -> bool:
        """Whether a command with this id is not answered yet."""
        return self._outbox.find(id) is not None

    def withdraw(self, id: str) -> bool:
        """Takes a command back, of which nobody is told any more; answers whether it surely has no
        effect. A message that the server may have taken is not taken back.
        """
        item = self._outbox.withdraw(id)
        return item is not None and not item.is_tried

    def withdraw_leave(self, room: str) -> None:
        """Who comes back does not leave any more: a leave would go out after the join."""
        for item in self._outbox:
            if item.command == Leave(id=item.id, room=room):
                self._outbox.withdraw(item.id)
                self._answered(item, Left(room=room))

    def send(self, link: Greeted, may_send: Callable[[Lane], bool], now: float) -> None:
        """Sends what may be sent now, the lanes in turn."""
        while (lane := self._outbox.ready(may_send, now)) and link.pacer.take(now):
            self._send_item(self._outbox.take(lane), link, now)

    def take_rename(self, most: int, now: float) -> Hello | None:
        """The first of the renames that wait, if there is one: it is under way from now on. Those
        of more bytes than the server takes fail.
        """
        while (lane := self._outbox.ready(RENAMES.__eq__, now)) is not None:
            item = self._outbox.take(lane)
            assert isinstance(item.command, Hello), "nothing else is in their lane"
            if self._fits(item, encode(item.command), most):
                return item.command
        return None

    def deadline(self, may_send: Callable[[Lane], bool]) -> float | None:
        """When `send` has something to do, but for the rate."""
        return self._outbox.deadline(may_send)

    def acked(self, ack: Ack) -> None:
        """What one said is durable."""
        if item := self._outbox.answered(ack.id):
            receipt = Receipt(id=item.id, room=ack.room, seq=ack.seq, timestamp=ack.timestamp)
            self._out.tell(Acked(receipt=receipt))

    def answered(self, id: str | None, reply: Answer) -> Item | None:
        """The server has answered a question; answers the question, if anybody waited for it."""
        item = self._outbox.answered(id)
        if item is not None:
            self._answered(item, reply)
        return item

    def refused(self, id: str, refused: CommandRefused, again_at: float | None) -> bool:
        """The server has refused a command, which is sent again at a time, or fails; answers
        whether it was one of these.

        A rename fails in any case: people can choose another name meanwhile. Who leaves a room and
        is not in it has left it.
        """
        item = self._outbox.answered(id)
        if item is None:
            return False
        if isinstance(item.command, Leave) and refused.code == ErrorCode.NOT_JOINED:
            self._answered(item, Left(room=item.command.room))
        elif again_at is None or isinstance(item.command, Hello):
            self._fail(item, refused)
        else:
            self._outbox.again(item, again_at)
        return True

    def cut(self) -> None:
        """The connection is lost: what was under way waits for the next one.

        A leave is over, since the server has taken one out of all rooms; and what the machine has
        asked for itself it asks anew, if it still wants to know.
        """
        for item in self._outbox:
            if item.own:
                self._outbox.withdraw(item.id)
            elif isinstance(item.command, Leave):
                self._outbox.withdraw(item.id)
                self._answered(item, Left(room=item.command.room))
        self._outbox.cut()

    def end(self, error: Ended) -> None:
        """Nothing will be sent any more: what waits fails."""
        for item in self._outbox.clear():
            self._fail(item, error)

    def _send_item(self, item: Item, link: Greeted, now: float) -> None:
        command = item.command
        if item.first_tried is None:
            item.first_tried = link.server_time(now)
        elif isinstance(command, Saying):
            command = msgspec.structs.replace(command, at=item.first_tried)
        frame = encode(command)
        if self._fits(item, frame, link.welcome.limits.frame):
            self._out.write_encoded(frame)

    def _fits(self, item: Item, frame: bytes, most: int) -> bool:
        """Whether a command has no more bytes than the server takes; it fails if it has."""
        if len(frame) <= most:
            return True
        # The server would close the connection, and after every reconnect again.
        self._outbox.answered(item.id)
        too_large = f"{len(frame)} bytes, of at most {most}"
        self._fail(item, InvalidCommand(ErrorCode.INVALID, too_large))
        return False

    def _answered(self, item: Item, reply: Answer) -> None:
        if not item.own:
            self._out.tell(Answered(id=item.id, reply=reply))

    def _fail(self, item: Item, error: ClientError) -> None:
        match item.command:
            case SendMessage() | SendPrivate() as command:
                error = InDoubt(error) if item.in_doubt else error
                self._out.tell(SendFailed(id=item.id, command=command, error=error))
            case GetHistory() | Hello() | Leave() | Members() | Rooms():
                if not item.own:
                    self._out.tell(Failed(id=item.id, error=error))
            case unknown:
                assert_never(unknown)
