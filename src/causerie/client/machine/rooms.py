"""The rooms and private conversations of one client, and which of them are still to be joined."""

from causerie.client.machine.events import Entry, Gap
from causerie.client.machine.room_view import NOW, Absent, Followed, Joining, RoomView
from causerie.wire.commands import Join
from causerie.wire.replies import Joined, RoomSummary


class Rooms:
    """The rooms and conversations of one client. `now` is in seconds, monotonic.

    A room goes by the name that was asked for until the server has told its canonical name.
    `most` and `private_replay`: how many entries a join asks for, to catch up and in a conversation
    that is new to this client.
    """

    __slots__ = (
        "_absent",
        "_aliases",
        "_askers",
        "_joins",
        "_most",
        "_private_replay",
        "_unlisted",
        "_views",
    )

    def __init__(self, *, most: int, private_replay: int) -> None:
        self._most = most
        self._private_replay = private_replay
        self._views: dict[str, RoomView] = {}
        self._aliases: dict[str, str] = {}
        self._absent: dict[str, None] = {}
        # Joins under way: id -> the room's name.
        self._joins: dict[str, str] = {}
        # Whom to tell when a room is joined: name -> ids of the application's commands.
        self._askers: dict[str, list[str]] = {}
        # Conversations that this client knows of, and the server has not told of yet.
        self._unlisted: set[str] = set()

    def resolve(self, name: str) -> str:
        """The canonical name of a room, where it is known."""
        return self._aliases.get(name, name)

    def find(self, name: str) -> RoomView | None:
        """The view of a room."""
        return self._views.get(self.resolve(name))

    def is_open(self, name: str) -> bool:
        """Tells whether something can be said in a room: either it is joined, or it need not be."""
        view = self.find(name)
        return view is None or not isinstance(view.phase, Absent | Joining)

    def is_joined(self, name: str) -> bool:
        """Tells whether this connection follows a room."""
        return self.find(name) is not None and self.is_open(name)

    def want(self, join: Join, asker: str) -> bool:
        """The application joins a room; answers whether it is joined already.

        Where it is not, `asker` (the id of the command) is told in `joined` or `refused`.
        """
        name = self.resolve(join.room)
        view = self._views.get(name)
        if view is None:
            view = RoomView(name, wanted=True, replay=join.limit or 0, most=self._most)
            view.cursor, view.epoch = join.since, join.epoch
            self._views[name] = view
            self._leave_behind(view, NOW)
        elif self.is_open(name):
            if view.wanted:
                return True
            self._leave_behind(view, NOW)
        view.wanted = True
        self._askers.setdefault(name, []).append(asker)
        return False

    def is_waiting(self, asker: str) -> bool:
        """Whether who waits to be in a room is not told yet."""
        return any(asker in waiting for waiting in self._askers.values())

    def leave(self, name: str) -> list[str]:
        """The application leaves a room; answers those who still waited to be in it."""
        name = self.resolve(name)
        self._views.pop(name, None)
        self._absent.pop(name, None)
        self._joins = {id: room for id, room in self._joins.items() if room != name}
        return self._askers.pop(name, [])

    def left(self, name: str) -> None:
        """The server has taken one out of a room; if one has come back meanwhile, it was behind
        that, and one joins once more.
        """
        view = self._views.get(name)
        if view is not None and self.is_open(name):
            self._leave_behind(view, NOW)

    def next_join(self, now: float) -> RoomView | None:
        """A room that is to be joined now."""
        for name in self._absent:
            view = self._views[name]
            if isinstance(view.phase, Absent) and view.phase.not_before <= now:
                return view
        return None

    def join(self, view: RoomView, id: str) -> Join:
        """The command that joins a room; it is under way."""
        self._absent.pop(view.name, None)
        self._joins[id] = view.name
        return view.join(id)

    def joined(self, reply: Joined) -> tuple[RoomView, Gap | None, list[str]] | None:
        """The server has answered a join; answers the room, what of it is lost for good, and who
        waited to be in it. None: nobody wants the room any more.
        """
        asked = self._joins.pop(reply.id, None) if reply.id else None
        if asked is None:
            return None
        askers = self._askers.pop(asked, [])
        view = self._views[asked]
        if asked != reply.room:
            self._aliases[asked] = reply.room
            del self._views[asked]
            if known := self._views.get(reply.room):
                # The same room by two names. The server now goes on from its head: back to where
                # this client stands.
                known.wanted = True
                if isinstance(known.phase, Joining):
                    self._askers.setdefault(known.name, []).extend(askers)
                    return None
                self._leave_behind(known, NOW)
                return known, None, askers
            view.name = reply.room
            self._views[reply.room] = view
        return view, view.joined(reply), askers

    def refused(
        self, id: str | None, again_at: float | None
    ) -> tuple[RoomView, Gap | None, list[str]] | None:
        """The server has refused a join: it is tried again at a time, or given up.

        Answers the room that is given up, what of it is lost for good, and who waited to be in it;
        or None. A conversation is followed on, as well as it goes.
        """
        name = self._joins.pop(id, None) if id else None
        if name is None:
            return None
        view = self._views[name]
        if again_at is not None:
            self._leave_behind(view, again_at)
            return None
        askers = self._askers.pop(name, [])
        if not view.wanted:
            return view, view.give_up(), askers
        del self._views[name]
        return view, None, askers

    def follow(self, entry: Entry) -> tuple[Followed, Gap | None]:
        """Takes an entry; answers whether it is to be shown, and what is missing before it."""
        view = self._views.get(entry.room)
        if view is None:
            return "skipped", None
        followed, gap = view.follow(entry)
        if followed == "broken":
            self._leave_behind(view, NOW)
        return followed, gap

    def meet(self, entry: Entry) -> None:
        """A private entry came: its conversation is followed from now on, if it was not already.

        Unless it is the conversation's first, what was said before it is asked for.
        """
        if entry.room not in self._views:
            view = self._conversation(entry.room)
            if entry.prev and self._private_replay:
                self._leave_behind(view, NOW)

    def listed(self, summary: RoomSummary) -> None:
        """The server told of a conversation: it is joined where there is more than was shown."""
        self._unlisted.discard(summary.room)
        view = self._views.get(summary.room)
        if view is None:
            view = self._conversation(summary.room)
            if not summary.head.seq or not self._private_replay:
                view.begin_at(summary)
            else:
                self._leave_behind(view, NOW)
        elif view.is_behind(summary):
            self._leave_behind(view, NOW)

    def all_listed(self) -> list[Gap]:
        """The server has told of all conversations; answers what is lost for good.

        A conversation that it does not know any more is another when it begins again.
        """
        lost = [self._views[name] for name in sorted(self._unlisted) if name in self._views]
        self._unlisted.clear()
        return [view.give_up() for view in lost if not view.wanted]

    def cut(self) -> None:
        """The connection is lost."""
        self._joins.clear()
        self._absent.clear()
        # A conversation of which nothing was shown yet is as good as new.
        self._views = {
            name: view for name, view in self._views.items() if view.wanted or view.cursor
        }
        for view in self._views.values():
            view.cut()
            if view.wanted:
                self._absent[view.name] = None
        self._unlisted = {name for name, view in self._views.items() if not view.wanted}

    def end(self) -> list[str]:
        """Nothing will be joined any more; answers those who still waited to be in a room."""
        askers = [asker for waiting in self._askers.values() for asker in waiting]
        self._askers.clear()
        return askers

    def deadline(self) -> float | None:
        """When the next room is to be joined."""
        phases = (self._views[name].phase for name in self._absent)
        return min(
            (phase.not_before for phase in phases if isinstance(phase, Absent)), default=None
        )

    def _conversation(self, name: str) -> RoomView:
        view = RoomView(name, wanted=False, replay=self._private_replay, most=self._most)
        self._views[name] = view
        return view

    def _leave_behind(self, view: RoomView, not_before: float) -> None:
        view.leave_behind(not_before)
        self._absent[view.name] = None
