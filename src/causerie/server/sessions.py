"""Who is connected under which name, and who gets a name that two ask for.

A *session* is one identity's stay; its connections may come and go. A keyless one ends with its
grace period and cannot be resumed; meanwhile its name is free to whoever asks. The name of a holder
that is connected but silent is free if the holder does not answer a probe.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, assert_never

from causerie.chat.identity import is_lasting
from causerie.chat.limits import TokenBucket
from causerie.chat.names import Name
from causerie.ports import (
    ClaimAnswer,
    Claimed,
    Directory,
    Failed,
    Holder,
    Log,
    Taken,
    TooManyNames,
)
from causerie.server.settings import UNAVAILABLE_RETRY, Clock, HubSettings
from causerie.server.timers import Timer, Timers
from causerie.wire.codes import CloseCode, ErrorCode
from causerie.wire.errors import Refused

if TYPE_CHECKING:
    from causerie.server.connection import Connection
    from causerie.server.live_room import LiveRoom
    from causerie.server.name_calls import NameCalls

FIRST_SWEEP = 1.0
"""Seconds from the start to the first sweep of the directory, since no server need live long."""
SWEEP_EVERY = 60.0 * 60.0
"""Seconds between two."""

RENAMED_AT_ONCE = 1_000.0
"""Rooms in which one identity may go on under another name at once; more at the rate of commands.
One that is in more may be renamed when it has not been for long enough."""

ASKED_AT_MOST = 8
"""Times that other nodes are asked for one name: what looks alike may be held on several, and what
one gives up may not be known to be free at once."""
ASKED_EVERY = 0.25
"""Seconds before they are asked again."""

LOOKED_UP_AT_ONCE = 64
"""Sessions that the directory is asked about at a time when all are in doubt: those who come
meanwhile need it as well."""

Answer = Callable[["Session | Refused"], None]
"""Gets the session that now has the name, or why there is none."""


class Claim:
    """Somebody asks for a name."""

    __slots__ = (
        "address",
        "answer",
        "asked",
        "freed",
        "identity",
        "is_told",
        "is_wanted",
        "name",
        "returning",
        "silent",
        "withheld",
    )

    def __init__(
        self,
        name: Name,
        identity: str,
        address: str,
        answer: Answer,
        *,
        returning: bool,
        is_wanted: Callable[[], bool] = lambda: True,
        is_told: bool = False,
        freed: Callable[[], None] | None = None,
    ) -> None:
        self.name = name
        self.identity = identity
        self.address = address
        self.answer = answer
        self.returning = returning
        """It is the name had last, and no wish: the one held by now counts."""
        self.is_wanted = is_wanted
        """Tells whether somebody still waits for the answer."""
        self.is_told = is_told
        """Another node has told that the name may have changed: that node knows it already."""
        self.freed = freed
        """On another node: what to do once the name is free for it."""
        self.asked = 0
        """How often other nodes were asked for the name."""
        self.silent: str | None = None
        """The one that did not answer."""
        self.withheld: list[Name] = []
        """Names whose release waits, since this may be answered with one of them."""


class Session:
    """One identity's stay under one name."""

    __slots__ = (
        "claimants",
        "connections",
        "ending",
        "identity",
        "kept",
        "look_up",
        "name",
        "probe",
        "renames",
        "rooms",
    )

    def __init__(self, identity: str, name: Name, renames: TokenBucket, *, kept: bool) -> None:
        self.identity = identity
        self.name = name
        self.renames = renames
        self.kept = kept
        """The name stays the identity's after the session."""
        self.connections: dict[Connection, None] = {}
        self.rooms: dict[LiveRoom, None] = {}
        """Where it has been seen as a member; it may have left since."""
        self.ending: Timer | None = None
        """The end of its grace period."""
        self.claimants: list[Claim] = []
        """Those who wait for this session to show life, or not."""
        self.probe: Timer | None = None
        self.look_up: Timer | None = None
        """When the directory is asked again which name this has."""

    @property
    def has_key(self) -> bool:
        """Whether the identity can come back after this session."""
        return is_lasting(self.identity)

    def heard_at(self) -> float:
        """When any of its connections was last heard of."""
        return max((one.heard_at for one in self.connections), default=float("-inf"))


class Sessions:
    """The sessions of this node, by identity."""

    def __init__(
        self,
        log: Log,
        directory: Directory,
        timers: Timers,
        clock: Clock,
        settings: HubSettings,
        *,
        stopped_typing: "Callable[[LiveRoom, str, str], None]",
        changed: "Callable[[LiveRoom], None]",
    ) -> None:
        """Starts without any. `stopped_typing` is told who types no longer in a room, `changed` in
        which room somebody has just ceased to be a member, or goes on under another name.
        """
        self._log = log
        self._directory = directory
        self._timers = timers
        self._clock = clock
        self._settings = settings
        self._stopped_typing = stopped_typing
        self._changed = changed
        self._by_identity: dict[str, Session] = {}
        # What an identity has claimed without an answer yet. No name that it may get is released,
        # or given to others, behind the claim's back: its answer would let a session begin under
        # a name that is no longer its own.
        self._claiming: dict[str, list[Claim]] = {}
        # Those whose names may be others' by now, and how many of them are just looked up.
        self._in_doubt: dict[Session, None] = {}
        self._looked_up = 0
        self.calls: NameCalls | None = None
        """Leads to the sessions of other nodes, in a cluster."""
        timers.at(clock.monotonic() + FIRST_SWEEP, self._sweep)

    def __len__(self) -> int:
        return len(self._by_identity)

    def of(self, identity: str) -> Session | None:
        """The session of an identity."""
        return self._by_identity.get(identity)

    def is_reachable(self, holder: Holder) -> bool | None:
        """Whether what is said to a holder can ever be read by it: it has a key, or is connected.
        None if it may be to another node, which has to be asked (`seek`).
        """
        if is_lasting(holder.identity):
            return True
        session = self._by_identity.get(holder.identity)
        if session is None and holder.node and self.calls is not None:
            return None
        return session is not None and bool(session.connections)

    def seek(self, holder: Holder, done: Callable[[bool], None]) -> None:
        """Asks the holder's node whether it is connected; one that does not answer is gone."""
        assert self.calls is not None, "without other nodes everybody is here or nowhere"
        self.calls.seek(holder, lambda answer: done(bool(answer)))

    def claim(
        self,
        name: Name,
        identity: str,
        address: str,
        answer: Answer,
        *,
        is_wanted: Callable[[], bool],
        returning: bool = False,
    ) -> None:
        """Gives a name to an identity, or says why not; its session begins, or is renamed. Who is
        `returning` does not wish for the name: where the identity holds another by now, that stays.
        A claim that is not wanted any more, since its connection has ended, is made once at most:
        if each were made again whenever one of many has got the name, and has gone, there would be
        no end of it.

        The answer may take as long as a probe does. How often a session is renamed is limited,
        since that concerns all rooms of all its connections.
        """
        session = self._by_identity.get(identity)
        if session is not None and session.name != name and not returning:
            wait = session.renames.take(self._clock.monotonic(), max(1, len(session.rooms)))
            if wait:
                answer(Refused(ErrorCode.RATE_LIMITED, retry_after=int(wait * 1000) + 1))
                return
        claim = Claim(name, identity, address, answer, returning=returning, is_wanted=is_wanted)
        self._claim(claim, replacing=None)

    def keep(self, session: Session) -> None:
        """Makes a session's name its identity's for good: it has spoken, and has a key."""
        session.kept = True
        self._directory.keep(session.name, session.identity, now=self._clock.wall())
        if self.calls is not None:
            self.calls.name(session.identity, session.name.display, kept=True)

    def attach(self, session: Session, connection: "Connection") -> None:
        """A connection belongs to a session."""
        session.connections[connection] = None
        if session.ending is not None:
            session.ending.cancel()
            session.ending = None

    def detach(self, session: Session, connection: "Connection", *, goodbye: bool) -> None:
        """A connection of a session has ended; with the last one the session ends, at once or
        after the grace period. One that has ended before it was attached leaves a session that was
        in its grace already the rest of that.
        """
        session.connections.pop(connection, None)
        if session.connections or self._by_identity.get(session.identity) is not session:
            return
        if session.ending is not None:
            return
        if session.claimants:
            self._give_way(session)
            if self._by_identity.get(session.identity) is not session:
                return
        if goodbye:
            self._end(session)
        else:
            session.ending = self._timers.at(
                self._clock.monotonic() + self._settings.grace, partial(self._end, session)
            )

    def alive(self, session: Session) -> None:
        """A session that others want the name of has shown life: they are refused."""
        for claim in self._end_probe(session):
            claim.answer(self._taken())

    def _claim(self, claim: Claim, replacing: str | None) -> None:
        # Before the name is the claimant's: from then on it is written to.
        self._log.follow(claim.identity)
        self._claiming.setdefault(claim.identity, []).append(claim)
        self._directory.claim(
            claim.name,
            claim.identity,
            # Who has no key keeps no name, and is not counted.
            address=claim.address if is_lasting(claim.identity) else "",
            now=self._clock.wall(),
            replacing=replacing,
            returning=claim.returning,
            done=partial(self._claimed, claim),
        )

    def _claimed(self, claim: Claim, answer: ClaimAnswer) -> None:
        claiming = self._claiming[claim.identity]
        claiming.remove(claim)
        if not claiming:
            del self._claiming[claim.identity]
        self._answer(claim, answer)
        withheld, claim.withheld = claim.withheld, []
        for name in withheld:
            session = self._by_identity.get(claim.identity)
            if session is None or session.name.folded != name.folded:
                self._release(name, claim.identity)
        self._unfollow_if_gone(claim.identity)

    def _answer(self, claim: Claim, answer: ClaimAnswer) -> None:
        match answer:
            case Claimed(holder, instead):
                name = instead or claim.name
                claim.answer(self._begin(claim.identity, name, kept=holder.kept))
                if self.calls is not None and not claim.is_told and is_lasting(claim.identity):
                    self.calls.name(claim.identity, name.display, kept=holder.kept)
            case Taken() if not claim.is_wanted():
                claim.answer(self._taken())
            case Taken(holder) as taken:
                session = self._by_identity.get(holder.identity)
                if holder.kept:
                    claim.answer(Refused(ErrorCode.NAME_TAKEN, field="username"))
                elif self._is_coming_back(holder.identity, claim.name):
                    claim.answer(self._taken())
                elif session is None and holder.node and self.calls is not None:
                    self._ask_for(claim, taken, self.calls)
                elif session is None:
                    self._claim(claim, replacing=holder.identity)
                elif not session.connections:
                    self._supplant(session, [claim])
                else:
                    self._contest(session, claim)
            case TooManyNames(retry_after):
                claim.answer(
                    Refused(ErrorCode.NAME_LIMIT, field="username", retry_after=retry_after)
                )
            case Failed():
                claim.answer(Refused(ErrorCode.UNAVAILABLE, retry_after=UNAVAILABLE_RETRY))
            case unknown:
                assert_never(unknown)

    # Sessions on other nodes.

    def claimed_elsewhere(
        self, holder: str, held: str, name: Name, identity: str, answer: Callable[[bool], None]
    ) -> None:
        """Another node wants a name that a session here holds, folded, and does not keep: `answer`
        is told whether it is released by now. That may take as long as a probe does.
        """
        session = self._by_identity.get(holder)
        if session is None or session.name.folded != held:
            if holder not in self._claiming:
                self._directory.release(held, holder, now=self._clock.wall())
            answer(holder not in self._claiming)
            return
        claim = Claim(
            name,
            identity,
            "",
            lambda _: answer(False),
            returning=False,
            freed=lambda: answer(True),
        )
        if not session.connections:
            self._supplant(session, [claim])
        else:
            self._contest(session, claim)

    def named_elsewhere(self, identity: str, display: str, *, kept: bool) -> None:
        """An identity is called so by what it did on another node: the session it has here goes
        on under the name that the directory knows.
        """
        session = self._by_identity.get(identity)
        if session is not None and (session.name.display != display or kept > session.kept):
            self._look_up(session)

    def look_up_all(self) -> None:
        """This node was cut off. Names that are borrowed here may have been given to others, who
        keep them; and identities may have been renamed elsewhere.
        """
        self._in_doubt.update(dict.fromkeys(self._by_identity.values()))
        self._look_up_more()

    def _look_up_more(self) -> None:
        while self._in_doubt and self._looked_up < LOOKED_UP_AT_ONCE:
            session = next(iter(self._in_doubt))
            del self._in_doubt[session]
            if self._by_identity.get(session.identity) is session:
                self._looked_up += 1
                self._look_up(session, self._look_up_next)

    def _look_up_next(self) -> None:
        self._looked_up -= 1
        self._look_up_more()

    def look_up(self, identity: str) -> None:
        """This node was taken for gone: the name that an identity has here may be another's."""
        session = self._by_identity.get(identity)
        if session is not None:
            self._look_up(session)

    def _look_up(self, session: Session, done: Callable[[], None] = lambda: None) -> None:
        """Asks anew which name a session has."""

        def answered(answer: Session | Refused) -> None:
            if not isinstance(answer, Refused):
                for connection in list(answer.connections):
                    connection.contain(connection.tell_name)
                if not answer.connections and answer.ending is None:
                    self._end(answer)
            elif answer.code is ErrorCode.NAME_TAKEN:
                self._lose(session)
            else:
                self._look_up_later(session)
            done()

        claim = Claim(
            session.name,
            session.identity,
            "",
            answered,
            returning=session.has_key,
            is_told=True,
        )
        self._claim(claim, replacing=None)

    def _look_up_later(self, session: Session) -> None:
        """The directory cannot say it now: until it does, the name may be another's as well."""

        def again() -> None:
            if self._by_identity.get(session.identity) is session:
                self._look_up(session)

        if session.look_up is not None:
            session.look_up.cancel()
        when = self._clock.monotonic() + UNAVAILABLE_RETRY / 1000
        session.look_up = self._timers.at(when, again)

    def _lose(self, session: Session) -> None:
        """Ends a session whose name is somebody else's by now."""
        if self._by_identity.get(session.identity) is not session:
            return
        for connection in list(session.connections):
            connection.close(CloseCode.NAME_LOST, "the name was claimed while you were cut off")
            connection.socket.abort()
        if session.probe is not None:
            self.alive(session)
        self._forget(session)
        for room in list(session.rooms):
            room.presence.displace(session.name.folded)
            self._changed(room)

    def _ask_for(self, claim: Claim, taken: Taken, calls: "NameCalls") -> None:
        """The holder's session is on another node, which alone knows whether it lives."""
        node = taken.holder.node
        if claim.silent == node or claim.asked == ASKED_AT_MOST:
            claim.answer(self._taken())
            return

        def answered(is_free: bool | None) -> None:
            if is_free is None:
                # The directory says by now whether that node is dead.
                claim.silent = node
                self._claim(claim, replacing=None)
            elif is_free:
                self._claim(claim, replacing=None)
            else:
                claim.answer(self._taken())

        claim.asked += 1
        ask = partial(calls.want, claim.name, claim.identity, taken, answered)
        if claim.asked == 1:
            ask()
        else:
            # Its release may be on its way.
            self._timers.at(self._clock.monotonic() + ASKED_EVERY, ask)

    # Probes.

    def _contest(self, session: Session, claim: Claim) -> None:
        """The holder is connected: it keeps the name if it lives, which a probe tells; one at a
        time, and none while it was heard of a moment ago.

        Where bytes wait to be read, the ping waits behind them, and what the holder sends is not
        read: there it is a sign of life that some of them are taken.
        """
        now = self._clock.monotonic()
        if now - session.heard_at() < self._settings.probe:
            claim.answer(self._taken())
            return
        session.claimants.append(claim)
        if session.probe is None:
            unsent = {}
            for connection in session.connections:
                if connection.is_paused:
                    unsent[connection] = connection.socket.unsent()
                else:
                    connection.socket.ping()
            session.probe = self._timers.at(
                now + self._settings.probe, partial(self._unanswered, session, unsent)
            )

    def _unanswered(self, session: Session, unsent: "dict[Connection, int]") -> None:
        if any(
            connection in session.connections
            and (not connection.is_paused or connection.socket.unsent() != size)
            for connection, size in unsent.items()
        ):
            self.alive(session)
            return
        for connection in list(session.connections):
            connection.close(CloseCode.NAME_LOST, "the name was claimed and you were silent")
            connection.socket.abort()
        self._give_way(session)

    def _is_coming_back(self, identity: str, name: Name) -> bool:
        """Whether an identity is just claiming a name, or one that looks like it."""
        claiming = self._claiming.get(identity, ())
        return any(other.returning or other.name.skeleton == name.skeleton for other in claiming)

    def _give_way(self, session: Session) -> None:
        self._supplant(session, self._end_probe(session))

    @staticmethod
    def _end_probe(session: Session) -> list[Claim]:
        """Answers those who waited for it."""
        assert session.probe is not None, "there are claimants only while a probe is under way"
        session.probe.cancel()
        session.probe = None
        claimants, session.claimants = session.claimants, []
        return claimants

    def _supplant(self, session: Session, claimants: list[Claim]) -> None:
        """Ends a session for others who want its name, unless it is coming back under it. The name
        is released too, since they may be refused for reasons of their own.

        The rooms are told that it has left, if its heir must be somebody else: of two that look the
        same and have no key, one that comes is taken for one that comes back.
        """
        if self._is_coming_back(session.identity, session.name):
            for claim in claimants:
                claim.answer(self._taken())
            return
        self._forget(session)
        heir = claimants[0]
        if session.has_key or is_lasting(heir.identity) or heir.name.folded != session.name.folded:
            for room in list(session.rooms):
                room.presence.displace(session.name.folded)
                self._changed(room)
        for claim in claimants:
            if not claim.is_wanted():
                claim.answer(self._taken())
            elif claim.freed is None:
                self._claim(claim, replacing=session.identity)
        self._release(session.name, session.identity)
        for claim in claimants:
            if claim.freed is not None:
                claim.freed()

    def _begin(self, identity: str, name: Name, *, kept: bool) -> Session:
        session = self._by_identity.get(identity)
        if session is None:
            renames = TokenBucket(self._settings.rate, RENAMED_AT_ONCE, self._clock.monotonic())
            session = Session(identity, name, renames, kept=kept)
            self._by_identity[identity] = session
        elif session.name != name:
            self._rename(session, name, kept=kept)
        elif kept:
            session.kept = True
        return session

    def _rename(self, session: Session, name: Name, *, kept: bool) -> None:
        old = session.name
        for room in session.rooms:
            if room.typing.stop(old.folded):
                self._stopped_typing(room, old.folded, old.display)
        session.name = name
        if old.folded != name.folded:
            session.kept = kept
            self._release(old, session.identity)
        for room in list(session.rooms):
            room.presence.rename(old.folded, name.folded, name.display)
            self._changed(room)

    def _sweep(self) -> None:
        self._timers.at(self._clock.monotonic() + SWEEP_EVERY, self._sweep)
        self._directory.sweep(now=self._clock.wall())

    def _end(self, session: Session) -> None:
        if session.connections:
            return
        self._forget(session)
        self._release(session.name, session.identity)

    def _forget(self, session: Session) -> None:
        if session.ending is not None:
            session.ending.cancel()
            session.ending = None
        if self._by_identity.get(session.identity) is session:
            del self._by_identity[session.identity]
        self._unfollow_if_gone(session.identity)

    def _unfollow_if_gone(self, identity: str) -> None:
        if identity not in self._by_identity and identity not in self._claiming:
            self._log.unfollow(identity)

    def _release(self, name: Name, identity: str) -> None:
        for claim in self._claiming.get(identity, ()):
            if claim.returning:
                claim.withheld.append(name)
                return
            if claim.name.folded == name.folded:
                return
        self._directory.release(name.folded, identity, now=self._clock.wall())

    def _taken(self) -> Refused:
        return Refused(
            ErrorCode.NAME_TAKEN,
            field="username",
            retry_after=int(self._settings.probe * 1000),
        )
