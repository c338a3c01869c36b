"""The v1 profile: commands with ids, replies, cursors."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, assert_never

from causerie.chat.entry import Draft, Entry, EntryKind
from causerie.chat.identity import (
    is_conversation,
    key_identity,
)
from causerie.chat.limits import check_content
from causerie.ports import Failed, Holder, Outcome, Rejected
from causerie.server import pages, steps
from causerie.server.connection import Connection
from causerie.server.deflate import frame_deflated
from causerie.server.fields import folded, room_name, username
from causerie.server.frames import Variant
from causerie.server.live_room import LiveRoom
from causerie.server.rooms import Start
from causerie.server.sessions import Session
from causerie.server.socket import Socket
from causerie.wire import commands, replies
from causerie.wire.codec import command_id, decode_command, encode, error_frame
from causerie.wire.codes import CloseCode, ErrorCode
from causerie.wire.errors import Refused
from causerie.wire.framing import frame_text

if TYPE_CHECKING:
    from causerie.server.hub import Hub


class V1Connection(Connection):
    """A connection that speaks `causerie.v1`."""

    __slots__ = ("_locale", "_name_told")

    def __init__(self, hub: "Hub", socket: Socket, address: str, variant: Variant) -> None:
        super().__init__(hub, socket, address, variant)
        self._locale = "en"
        self._name_told = ""

    def handle(self, text: bytes) -> None:
        """Carries out one command."""
        command = decode_command(text)
        try:
            self._dispatch(command)
        except Refused as refused:
            refused.id = command.id
            raise

    def refuse(self, refused: Refused) -> None:
        """Tells of a refusal by an error frame."""
        self.reply(error_frame(refused, self._locale))

    def over_rate(self, text: bytes, retry_after: int) -> Refused:
        """The error carries the command's id."""
        return Refused(ErrorCode.RATE_LIMITED, retry_after=retry_after, id=command_id(text))

    def is_goodbye(self, code: int | None) -> bool:
        """1000 is a goodbye. A page that reloads says 1001, and a lost link says nothing."""
        return code == CloseCode.NORMAL

    def settled(self, outcome: Outcome, command_id: str | None) -> None:
        """Acks a message, once it is durable."""
        if isinstance(outcome, Rejected):
            steps.refuse(self, command_id, steps.rejection(outcome))
        elif command_id is not None:
            self._ack(command_id, outcome.entry)

    def tell_presence(self, room: LiveRoom) -> None:
        """Tells who is in the room, as a snapshot."""
        members, names = room.presence.tell_newcomer()
        self.reply(replies.Presence(room=room.name, members=members, joined=names, snapshot=True))

    def tell_name(self) -> None:
        """Says welcome once more, if the name is not the one that was told last."""
        if self.session is not None and self.display != self._name_told and not self.is_paused:
            self._welcome(self.session, None)

    def _dispatch(self, command: commands.AnyCommand) -> None:
        match command:
            case commands.Ping():
                self.reply(replies.Pong(id=command.id, time=self.hub.clock.wall() // 1000))
            case commands.Hello():
                self._hello(command)
            case commands.Trace():
                self._require_session()
                self._trace(command)
            case commands.SendMessage():
                self._message(command, self._require_session())
            case commands.SendPrivate():
                self._private(command, self._require_session())
            case commands.SetTyping():
                self._typing(command, self._require_session())
            case commands.Join():
                self._require_session()
                self._join(command)
            case commands.Leave():
                self._require_session()
                self._leave(command)
            case commands.Members():
                self._require_session()
                pages.members(self, command)
            case commands.Rooms():
                pages.rooms(self, command, self._require_session())
            case commands.GetHistory():
                self._require_session()
                pages.history(self, command)
            case unknown:
                assert_never(unknown)

    # Who one is.

    def _hello(self, command: commands.Hello) -> None:
        if command.token is not None:
            raise Refused(
                ErrorCode.INVALID, field="token", reason="this server is open and takes no tokens"
            )
        name = username(command.username)
        known = self.session.identity if self.session else None
        identity = key_identity(command.key) if command.key else known or self.hub.new_identity()
        if known is not None and identity != known:
            raise Refused(ErrorCode.ALREADY_IDENTIFIED, field="key")
        self._locale = command.locale
        self.hold()
        self.hub.sessions.claim(
            name,
            identity,
            self.address,
            self.contained(partial(self._claimed, command)),
            is_wanted=lambda: self.is_open,
            returning=command.returning,
        )

    def _claimed(self, command: commands.Hello, answer: Session | Refused) -> None:
        if not self.is_open:
            if isinstance(answer, Session):
                self.hub.sessions.detach(answer, self, goodbye=True)
            return
        if isinstance(answer, Refused):
            steps.refuse(self, command.id, answer)
            self.release()
            return
        self.session = answer
        self.hub.sessions.attach(answer, self)
        self._welcome(answer, command.id)
        for connection in answer.connections:
            connection.tell_name()
        self.release()

    def _welcome(self, session: Session, command_id: str | None) -> None:
        self._name_told = session.name.display
        settings = self.hub.settings
        self.reply(
            replies.Welcome(
                id=command_id,
                username=session.name.display,
                kept=session.kept,
                server=settings.version,
                time=self.hub.clock.wall() // 1000,
                heartbeat=round(settings.heartbeat * 1000),
                grace=round(settings.grace * 1000),
                limits=replies.Limits(
                    frame=settings.frame,
                    reply=settings.reply,
                    content=settings.content,
                    rooms=settings.rooms,
                    rate=settings.rate,
                    burst=round(settings.burst),
                    dedupe=None,
                    page=commands.PAGE,
                ),
            )
        )

    def _trace(self, command: commands.Trace) -> None:
        self.socket.trace(on=command.on)
        self.reply(replies.Tracing(id=command.id, on=command.on))

    # Listening.

    def _join(self, command: commands.Join) -> None:
        name = room_name(command.room)
        self.hub.rooms.check_may_join(self, name)
        steps.with_room(self, name, command.id, partial(self._join_room, command))

    def _join_room(self, command: commands.Join, room: LiveRoom) -> None:
        self.hub.rooms.check_may_read(self, room)
        self.hold()
        self.hub.rooms.locate(
            room,
            command.since,
            command.epoch,
            command.limit,
            done=self.contained(partial(self._located, command, room)),
        )

    def _located(self, command: commands.Join, room: LiveRoom, start: Start | Failed) -> None:
        if not steps.is_answered(start, self, command.id):
            return
        private = is_conversation(room.name)
        if room in self.listeners:
            # What it should have had by now it still gets, wherever it goes on: before the answer,
            # after which the entries follow on its new place.
            self.hub.catch_up.hand_out(room)
        elif not private:
            self.hub.rooms.become_member(self, room)
        located = start.located
        members, names = room.presence.tell_newcomer(self._require_session().name.folded)
        self.reply(
            replies.Joined(
                id=command.id,
                room=room.name,
                epoch=room.epoch,
                head=commands.Cursor(room.shown, room.head_id),
                members=len(room.members) if private else members,
                names=names,
                recovered=located.recovered if located else None,
                missing=located.missing if located else 0,
            )
        )
        self.hub.rooms.listen(self, room, start.cursor)
        self.hub.rooms.tick(room)
        self.release()

    def _leave(self, command: commands.Leave) -> None:
        room = steps.joined_room(self, command.room)
        self.hub.rooms.leave(self, room, goodbye=True)
        self.reply(replies.Left(id=command.id, room=room.name))

    # Saying.

    def _message(self, command: commands.SendMessage, session: Session) -> None:
        check_content(command.content, self.hub.settings.content)
        try:
            room = steps.joined_room(self, command.room)
        except Refused as refused:
            if refused.code is not ErrorCode.NOT_JOINED:
                raise
            self._unless_said(command, session, partial(steps.refuse, self, command.id, refused))
            return
        if is_conversation(room.name):
            raise Refused(ErrorCode.INVALID, field="room", reason="say it as private, to a person")
        self._say(command, session, room, "message")

    def _private(self, command: commands.SendPrivate, session: Session) -> None:
        check_content(command.content, self.hub.settings.content)
        if command.at is None:
            self._find_recipient(command, session)
        else:
            folded(command.to, "to")
            # The name may be somebody else's by now, in another conversation.
            self._unless_said(command, session, partial(self._find_recipient, command, session))

    def _find_recipient(self, command: commands.SendPrivate, session: Session) -> None:
        def refuse(refused: Refused) -> None:
            self._unless_said(command, session, partial(steps.refuse, self, command.id, refused))

        found = partial(self._private_to, command, session)
        steps.find_recipient(self, command.to, session, found=found, refused=refuse)

    def _unless_said(
        self,
        command: commands.SendMessage | commands.SendPrivate,
        session: Session,
        otherwise: Callable[[], None],
    ) -> None:
        """Acks what was stored under this id before, though it could not be said anew: one is in
        the room no longer, or the recipient's name is gone. Only if there is no such thing,
        `otherwise` is done.
        """
        if command.id is None:
            otherwise()
            return
        self.hold()

        def found(entry: Entry | Failed | None) -> None:
            if not self.is_open:
                return
            match entry:
                case None:
                    otherwise()
                case Failed():
                    steps.refuse(self, command.id, steps.unavailable())
                case Entry() if _is_same(command, entry):
                    self._ack(command.id, entry)
                case Entry():
                    steps.refuse(self, command.id, Refused(ErrorCode.ID_REUSED, field="id"))
            self.release()

        self.hub.log.find_entry(
            session.identity,
            command.id,
            room=room_name(command.room) if isinstance(command, commands.SendMessage) else "",
            since=0 if command.at is None else command.at * 1000,
            done=self.contained(found),
        )

    def _private_to(
        self, command: commands.SendPrivate, session: Session, room: LiveRoom, holder: Holder
    ) -> None:
        self._say(command, session, room, "private", to=holder.display, peer=holder.identity)

    def _say(
        self,
        command: commands.SendMessage | commands.SendPrivate,
        session: Session,
        room: LiveRoom,
        kind: EntryKind,
        *,
        to: str = "",
        peer: str = "",
    ) -> None:
        draft = Draft(
            room=room.name,
            identity=session.identity,
            id=command.id or self.hub.new_id(),
            kind=kind,
            username=session.name.display,
            content=command.content,
            to=to,
            peer=peer,
            reply_to=command.reply_to or "",
            first_tried=None if command.at is None else command.at * 1000,
        )
        self.hub.append(self, room, draft, command.id)

    def _typing(self, command: commands.SetTyping, session: Session) -> None:
        room = steps.joined_room(self, command.room)
        steps.set_typing(self, room, session, is_typing=command.is_typing)

    # Steps that several commands share.

    def _require_session(self) -> Session:
        if self.session is None:
            raise Refused(ErrorCode.HELLO_REQUIRED)
        return self.session

    def _ack(self, command_id: str | None, entry: Entry) -> None:
        timestamp = entry.timestamp // 1000
        self.reply(replies.Ack(id=command_id, room=entry.room, seq=entry.seq, timestamp=timestamp))

    def reply(self, frame: replies.AnyServerFrame) -> None:
        """Sends a frame."""
        text = encode(frame)
        self.send(frame_text(text) if self.variant is Variant.V1 else frame_deflated(text))


def _is_same(command: commands.SendMessage | commands.SendPrivate, entry: Entry) -> bool:
    """Whether a command is what was stored under its id, sent again."""
    if entry.content != command.content or entry.reply_to != (command.reply_to or ""):
        return False
    if isinstance(command, commands.SendMessage):
        return entry.kind == "message" and entry.room == room_name(command.room)
    return entry.kind == "private" and folded(entry.to, "to") == folded(command.to, "to")
