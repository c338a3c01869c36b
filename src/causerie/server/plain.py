"""The plain profile: what a person types into `websocat`, and what clients that nobody here wrote
send. It answers in the unit of time that the client's own timestamps teach, with types that it uses
itself, and tells of errors in the words of System.
"""

from functools import partial
from typing import TYPE_CHECKING

import msgspec

from causerie.chat.entry import Draft
from causerie.chat.identity import is_conversation
from causerie.chat.limits import check_content
from causerie.chat.names import ANONYMOUS, LOBBY
from causerie.ports import Failed, Holder, Outcome, Rejected
from causerie.server import steps
from causerie.server.announcements import system_frame
from causerie.server.connection import Connection
from causerie.server.fields import room_name, username
from causerie.server.frames import DEFLATED, INFLATED, UNITS, Variant
from causerie.server.live_room import LiveRoom
from causerie.server.rooms import Start
from causerie.server.sessions import Session
from causerie.server.socket import Socket
from causerie.server.timers import Timer
from causerie.wire.codec import describe
from causerie.wire.codes import ErrorCode
from causerie.wire.errors import Refused
from causerie.wire.plain import PlainCommand, Unit, decode_plain, from_unit, in_unit, unit_of

if TYPE_CHECKING:
    from causerie.server.hub import Hub

GREETING = "Welcome! Please identify yourself."


class _Stamped(msgspec.Struct):
    """Just enough of a frame that is refused to learn from it how to say so."""

    timestamp: object = None


_stamped = msgspec.json.Decoder(_Stamped)


class PlainConnection(Connection):
    """A connection without a subprotocol."""

    __slots__ = ("_greeting", "_identity", "_spelling", "_taught")

    def __init__(self, hub: "Hub", socket: Socket, address: str, variant: Variant) -> None:
        super().__init__(hub, socket, address, variant)
        self._identity = hub.new_identity()
        self._spelling: str | None = None
        self._taught = False
        self._greeting: Timer | None = hub.timers.at(
            hub.clock.monotonic() + hub.settings.greeting, self._greet
        )

    @property
    def typing_spelling(self) -> str | None:
        """How this client spells typing, if it ever has."""
        return self._spelling

    def handle(self, text: bytes) -> None:
        """Carries out one command; the first one is greeted before."""
        try:
            command = decode_plain(text)
        except Refused:
            # The error is told in the client's unit too: in the other one it would break it.
            self._learn(_timestamp_of(text))
            raise
        self._learn(command.timestamp)
        self._greet()
        match command.type:
            case "join":
                self._join(command)
            case "message":
                self._message(command)
            case "private":
                self._private(command)
            case "leave":
                self._leave(command)
            case _:
                self._typing(command)

    def refuse(self, refused: Refused) -> None:
        """Tells of a refusal in the words of System."""
        self._greet()
        self._say(describe(refused))

    def over_rate(self, text: bytes, retry_after: int) -> Refused:
        """System says it; but a frame that comes too early still teaches nothing."""
        del text
        return Refused(ErrorCode.RATE_LIMITED, retry_after=retry_after)

    def settled(self, outcome: Outcome, command_id: str | None) -> None:
        """A plain client is not acked: it sees its message in the room, or is told of an error."""
        del command_id
        if isinstance(outcome, Rejected):
            self.fault(steps.rejection(outcome))

    def is_goodbye(self, code: int | None) -> bool:
        """Any close frame is a plain client's goodbye."""
        return code is not None

    def closed(self, code: int | None) -> None:
        """The connection has ended, and need not be greeted any more."""
        if self._greeting is not None:
            self._greeting.cancel()
            self._greeting = None
        super().closed(code)

    def tell_name(self) -> None:
        """A plain connection is the only one of its identity."""

    def tell_presence(self, room: LiveRoom) -> None:
        """Plain clients are told of comings and goings, not of who is here."""

    # Time.

    def _learn(self, timestamp: object) -> None:
        unit = unit_of(timestamp, self.hub.clock.wall())
        if unit is None:
            return
        self._taught = True
        wanted = Variant.PLAIN_SECONDS if unit is Unit.SECONDS else Variant.PLAIN_MILLISECONDS
        if self.variant in INFLATED:
            wanted = DEFLATED[wanted]
        if wanted is self.variant:
            return
        live = [room for room, listener in self.listeners.items() if listener.live]
        for room in live:
            # What was gathered so far goes out in the old unit; the rest in the new one.
            room.distribute(self.hub.turn.push)
            listener = room.live[self.variant].pop(self)
            room.live[wanted][self] = listener
        self.variant = wanted

    def _greet(self) -> None:
        if self._greeting is not None:
            self._greeting.cancel()
            self._greeting = None
            self._say(GREETING, timestamp=None if self._taught else 0)

    # Commands.

    def _join(self, command: PlainCommand) -> None:
        if not command.username:
            raise Refused(ErrorCode.INVALID, field="username", reason="it is missing")
        name = username(command.username)
        room = room_name(command.room or LOBBY)
        self.hub.rooms.check_may_join(self, room)
        if self.session is not None and self.session.name == name:
            self._enter(command, room)
            return
        self.hold()
        self.hub.sessions.claim(
            name,
            self._identity,
            self.address,
            self.contained(partial(self._claimed, command, room)),
            is_wanted=lambda: self.is_open,
        )

    def _claimed(self, command: PlainCommand, room: str, answer: Session | Refused) -> None:
        if not self.is_open:
            if isinstance(answer, Session):
                self.hub.sessions.detach(answer, self, goodbye=True)
            return
        if isinstance(answer, Refused):
            self.fault(answer)
        else:
            was_anonymous = self.session is None
            self.session = answer
            self.hub.sessions.attach(answer, self)
            if was_anonymous:
                # Who has heard and said things unnamed is now named wherever it did.
                for known in self.listeners:
                    self.hub.rooms.become_member(self, known)
                for known in list(answer.rooms):
                    self.hub.rooms.tick(known)
            self._enter(command, room)
        self.release()

    def _enter(self, command: PlainCommand, room: str) -> None:
        steps.with_room(self, room, None, partial(self._enter_room, command))

    def _enter_room(self, command: PlainCommand, room: LiveRoom) -> None:
        self.hub.rooms.check_may_read(self, room)
        if room in self.listeners:
            return
        if command.since is None:
            self._listen(room, room.shown)
            return
        self.hold()

        def located(start: Start | Failed) -> None:
            if steps.is_answered(start, self, None):
                self._listen(room, start.cursor)
                self.release()

        since = from_unit(command.since, self._unit)
        self.hub.rooms.locate_time(room, since, self.contained(located))

    def _listen(self, room: LiveRoom, cursor: int) -> None:
        if self.session is not None and not is_conversation(room.name):
            self.hub.rooms.become_member(self, room)
        self.hub.rooms.listen(self, room, cursor)
        self.hub.rooms.tick(room)

    def _message(self, command: PlainCommand) -> None:
        content = self._content(command)
        name = room_name(command.room or LOBBY)
        if is_conversation(name):
            raise Refused(ErrorCode.INVALID, field="room", reason="say it as private, to a person")
        room = self.hub.rooms.get(name)
        if room is not None and room in self.listeners:
            self._say_in(content, room)
        elif self.session is None:
            self.hub.rooms.check_may_join(self, name)
            steps.with_room(self, name, None, partial(self._say_unnamed, content))
        else:
            raise Refused(ErrorCode.NOT_JOINED, field="room")

    def _say_unnamed(self, content: str, room: LiveRoom) -> None:
        """Who speaks before any join is Anonymous, and hears the room from then on."""
        self._listen(room, room.shown)
        self._say_in(content, room)

    def _say_in(self, content: str, room: LiveRoom) -> None:
        session = self.session
        draft = Draft(
            room=room.name,
            identity=self._identity,
            id=self.hub.new_id(),
            kind="message",
            username=session.name.display if session is not None else ANONYMOUS,
            content=content,
        )
        self.hub.append(self, room, draft, None)

    def _private(self, command: PlainCommand) -> None:
        if not command.to:
            raise Refused(ErrorCode.INVALID, field="to", reason="it is missing")
        content = self._content(command)
        session = self._require_session()
        steps.find_recipient(
            self,
            command.to,
            session,
            found=partial(self._private_to, session, content),
            refused=self.fault,
        )

    def _private_to(self, session: Session, content: str, room: LiveRoom, holder: Holder) -> None:
        draft = Draft(
            room=room.name,
            identity=session.identity,
            id=self.hub.new_id(),
            kind="private",
            username=session.name.display,
            content=content,
            to=holder.display,
            peer=holder.identity,
        )
        self.hub.append(self, room, draft, None)

    def _typing(self, command: PlainCommand) -> None:
        self._spelling = "typing" if command.type == "typing" else "typing.start"
        session = self._require_session()
        room = steps.joined_room(self, command.room or LOBBY)
        steps.set_typing(self, room, session, is_typing=command.is_typing)

    def _leave(self, command: PlainCommand) -> None:
        room = steps.joined_room(self, command.room or LOBBY)
        self.hub.rooms.leave(self, room, goodbye=True)
        if self.session is not None and not self.joined:
            session, self.session = self.session, None
            for conversation in list(self.listeners):
                self.hub.rooms.leave(self, conversation, goodbye=True)
            self.hub.sessions.detach(session, self, goodbye=True)
            self._identity = self.hub.new_identity()

    # Steps that several commands share.

    @property
    def _unit(self) -> Unit:
        return UNITS[self.variant]

    def _content(self, command: PlainCommand) -> str:
        content: str = command.content
        check_content(content, self.hub.settings.content)
        return content

    def _require_session(self) -> Session:
        if self.session is None:
            raise Refused(ErrorCode.NOT_JOINED)
        return self.session

    def _say(self, text: str, timestamp: float | None = None) -> None:
        if timestamp is None:
            timestamp = in_unit(self.hub.clock.wall(), self._unit)
        self.send(system_frame(text, timestamp))


def _timestamp_of(text: bytes) -> object:
    """The timestamp of a frame that may be no frame at all."""
    try:
        return _stamped.decode(text).timestamp
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
