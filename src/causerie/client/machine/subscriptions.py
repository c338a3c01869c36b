"""What a client follows: its rooms and private conversations, as the application is told of them.

`Rooms` knows where one stands in each of them, and which are still to be joined; `Company` who else
is there; `OwnTyping` what was told of oneself. Here the application's wishes (join, leave, type)
and what the server says of rooms (joined, left, entries, presence, typing) go to those that they
concern, and what comes of it becomes events and commands.
"""

from collections.abc import Callable

from causerie.client.errors import CommandRefused, Ended, refusal
from causerie.client.machine.company import Company
from causerie.client.machine.events import Answered, Entry, Failed, MachineEvent, RoomLost
from causerie.client.machine.link import Greeted
from causerie.client.machine.outbox import Lane
from causerie.client.machine.output import Output
from causerie.client.machine.requests import Requests
from causerie.client.machine.rooms import Rooms
from causerie.client.machine.typing import OwnTyping
from causerie.wire.codes import ErrorCode
from causerie.wire.commands import Cursor, Join, Leave, SetTyping
from causerie.wire.commands import Rooms as ListRooms
from causerie.wire.replies import Joined, Left, Presence, Private, RoomsPage, Typing


class Subscriptions:
    """The rooms and conversations of one client. `now` is in seconds, monotonic.

    Where a connection is asked for, None says that there is none on which one may speak yet.
    """

    __slots__ = ("_company", "_new_id", "_out", "_own_typing", "_requests", "_rooms")

    def __init__(
        self, rooms: Rooms, requests: Requests, *, new_id: Callable[[], str], out: Output
    ) -> None:
        self._rooms = rooms
        self._requests = requests
        self._new_id = new_id
        self._out = out
        self._company = Company()
        self._own_typing = OwnTyping()

    # What one can see.

    def resolve(self, room: str) -> str:
        """The canonical name of a room, where it is known."""
        return self._rooms.resolve(room)

    def members(self, room: str) -> tuple[int, tuple[str, ...]]:
        """How many are in a joined room, and the names of those who are known (all, up to 200)."""
        return self._company.members(self._rooms.resolve(room))

    def typing(self, room: str) -> tuple[str, ...]:
        """Who else is typing in a room, the first to begin first."""
        return self._company.typing(self._rooms.resolve(room))

    def position(self, room: str) -> tuple[str | None, Cursor | None]:
        """The epoch and the cursor of what was shown of a room."""
        view = self._rooms.find(room)
        return (view.epoch, view.cursor) if view else (None, None)

    def may_send(self, lane: Lane) -> bool:
        """Tells whether what a lane holds may go out: what is said in a room waits for its join."""
        return lane.kind != "room" or self._rooms.is_open(lane.name)

    # What the application wishes.

    def join(self, command: Join, id: str) -> None:
        """Joins a room; `id` is answered when that is done, at once where it was before."""
        room = self._rooms.resolve(command.room)
        self._requests.withdraw_leave(room)
        if self._rooms.want(command, id):
            joined = self._company.joined(room)
            assert joined is not None, "a room that is open was joined on this connection"
            self._tell(Answered(id=id, reply=joined))

    def is_waiting(self, id: str) -> bool:
        """Whether a join with this id is not answered yet."""
        return self._rooms.is_waiting(id)

    def leave(self, room: str, id: str, link: Greeted | None) -> None:
        """Leaves a room; `id` is answered when that is done, and who waited to be in it fails."""
        room = self._rooms.resolve(room)
        if self._rooms.find(room) is None or link is None:
            self._tell(Answered(id=id, reply=Left(room=room)))
        else:
            self._requests.add(id, Lane("room", room), Leave(room=room))
        self._own_typing.stop(room)
        self._tell(*self._company.leave(room))
        left = refusal(ErrorCode.NOT_JOINED, "the room was left before it was joined")
        for asker in self._rooms.leave(room):
            self._tell(Failed(id=asker, error=left))

    def type(self, room: str, link: Greeted | None, now: float, *, is_typing: bool) -> None:
        """A key was pressed, or one has stopped."""
        room = self._rooms.resolve(room)
        if link is not None and self._rooms.is_joined(room):
            told = self._own_typing.key(room, now) if is_typing else self._own_typing.stop(room)
            if told:
                self._tell_own_typing(link, room, now, is_typing=is_typing)

    def stop_typing(self, room: str) -> None:
        """One has sent what one typed: the message says it by itself."""
        self._own_typing.stop(self._rooms.resolve(room))

    # The connection, and time.

    def list_conversations(self, after: str | None = None) -> None:
        """Asks for one's private conversations, to learn what was said there meanwhile."""
        question = ListRooms(after=after)
        self._requests.add(self._new_id(), Lane("ask", "rooms"), question, own=True)

    def send_joins(self, link: Greeted, now: float) -> None:
        """Joins the rooms that are to be joined now."""
        while (view := self._rooms.next_join(now)) and link.pacer.take(now):
            self._out.write(self._rooms.join(view, self._new_id()))

    def next_join_at(self) -> float | None:
        """When `send_joins` has something to do, but for the rate."""
        return self._rooms.deadline()

    def tick(self, link: Greeted | None, now: float) -> None:
        """Time has passed."""
        if link is not None:
            for room in self._own_typing.tick(now):
                self._tell_own_typing(link, room, now, is_typing=False)
        self._tell(*self._company.tick(now))

    def deadline(self) -> float | None:
        """When `tick` has something to do."""
        times = (self._own_typing.deadline(), self._company.deadline())
        return min((time for time in times if time is not None), default=None)

    def cut(self) -> None:
        """The connection is lost."""
        self._rooms.cut()
        self._own_typing.cut()
        self._tell(*self._company.cut())

    def end(self, error: Ended) -> None:
        """Nothing will be joined any more: who waited to be in a room fails."""
        for asker in self._rooms.end():
            self._tell(Failed(id=asker, error=error))

    # What the server says.

    def entry(self, entry: Entry) -> None:
        """An entry came: it is shown if it is next."""
        if isinstance(entry, Private):
            self._rooms.meet(entry)
        followed, gap = self._rooms.follow(entry)
        if gap:
            self._tell(gap)
        if followed == "shown":
            self._tell(entry, *self._company.said(entry.room, entry.username))

    def typed(self, typing: Typing, now: float) -> None:
        """Somebody else types, or has stopped."""
        if self._rooms.find(typing.room):
            self._tell(*self._company.typed(typing, now))

    def presence(self, presence: Presence) -> None:
        """Others have come to a room or gone."""
        self._tell(*self._company.presence(presence))

    def joined(self, reply: Joined) -> None:
        """A join was answered."""
        if (joined := self._rooms.joined(reply)) is None:
            return
        view, gap, askers = joined
        self._requests.withdraw_leave(view.name)
        self._company.enter(reply)
        if view.wanted:
            self._tell(reply)
        if gap:
            self._tell(gap)
        for asker in askers:
            self._tell(Answered(id=asker, reply=reply))

    def left(self, room: str) -> None:
        """A leave was carried out."""
        self._rooms.left(room)

    def listed(self, page: RoomsPage) -> None:
        """A page came of the answer to `list_conversations`."""
        for summary in page.rooms:
            if summary.peer is not None:
                self._rooms.listed(summary)
        if page.more and page.rooms:
            self.list_conversations(after=page.rooms[-1].room)
        else:
            self._tell(*self._rooms.all_listed())

    def refused(self, id: str, refused: CommandRefused, again_at: float | None) -> None:
        """A join was refused, perhaps: it is made again at a time, or the room is given up."""
        if (given_up := self._rooms.refused(id, again_at)) is None:
            return
        view, gap, askers = given_up
        if gap:
            self._tell(gap)
        if view.wanted:
            self._tell(RoomLost(room=view.name, error=refused))
            self._tell(*self._company.leave(view.name))
        for asker in askers:
            self._tell(Failed(id=asker, error=refused))

    def _tell_own_typing(self, link: Greeted, room: str, now: float, *, is_typing: bool) -> None:
        if link.pacer.take(now):  # or it is not worth telling any more
            self._out.write(SetTyping(room=room, is_typing=is_typing))

    def _tell(self, *events: MachineEvent) -> None:
        for event in events:
            self._out.tell(event)
