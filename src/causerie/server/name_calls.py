"""What the nodes of a cluster ask one another about names and those who hold them.

Who holds a name without keeping it may have gone by the time that somebody else wants it: only the
node where its session is can tell. And an identity with connections to several nodes goes by one
name on all of them.
"""

from collections.abc import Callable
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, assert_never

import msgspec
import structlog

from causerie.chat.names import Name
from causerie.ports import Bus, Holder, Taken
from causerie.server.neighbours import BEAT_EVERY, NAMES_A_MESSAGE, OF_LATE, cut
from causerie.server.node_messages import (
    IDENTITIES,
    Named,
    OneNamed,
    Said,
    Sought,
    Wanted,
    encode,
    names_topic,
    to_identities,
    to_names,
)
from causerie.server.settings import Clock
from causerie.server.timers import Timer, Timers

if TYPE_CHECKING:
    from causerie.server.sessions import Sessions

ON_THE_WAY = 1.0
"""Seconds that a question and its answer may take, besides the probe in between."""

_logger = structlog.get_logger("causerie.names")


class NameCalls:
    """Asks the other nodes, and has the sessions of this one answer them."""

    def __init__(
        self, bus: Bus, timers: Timers, clock: Clock, probe: float, sessions: "Sessions"
    ) -> None:
        """`probe` is how long, in seconds, a silent holder has to show life."""
        self._bus = bus
        self._timers = timers
        self._clock = clock
        self._probe = probe
        self._sessions = sessions
        self._numbers = count(1)
        self._asked: dict[int, tuple[Callable[[bool | None], None], Timer]] = {}
        self._of_late: dict[str, tuple[float, OneNamed]] = {}
        """By identity, when it was told what it is called; in that order."""
        bus.subscribe(names_topic(bus.node), self._told)
        bus.subscribe(IDENTITIES, self._named)
        self._beat()

    def want(
        self, name: Name, identity: str, taken: Taken, done: Callable[[bool | None], None]
    ) -> None:
        """Asks for a name that a session on another node holds: `done` is told whether it is free,
        or None if there was no answer.
        """
        number = self._ask(self._probe + ON_THE_WAY, done)
        wanted = Wanted(
            node=self._bus.node,
            number=number,
            holder=taken.holder.identity,
            held=taken.folded,
            identity=identity,
            display=name.display,
            folded=name.folded,
            skeleton=name.skeleton,
        )
        self._bus.publish(names_topic(taken.holder.node), encode(wanted))

    def seek(self, holder: Holder, done: Callable[[bool | None], None]) -> None:
        """Asks whether a session on another node has a connection, or None."""
        number = self._ask(ON_THE_WAY, done)
        sought = Sought(node=self._bus.node, number=number, holder=holder.identity)
        self._bus.publish(names_topic(holder.node), encode(sought))

    def name(self, identity: str, display: str, *, kept: bool) -> None:
        """Tells the others what an identity is called, or that it keeps that name; and again with
        some of the next beats.
        """
        one = OneNamed(identity, display, kept)
        self._bus.publish(IDENTITIES, encode(Named([one])))
        self._of_late.pop(identity, None)
        self._of_late[identity] = (self._clock.monotonic(), one)

    def _beat(self) -> None:
        now = self._clock.monotonic()
        self._timers.at(now + BEAT_EVERY, self._beat)
        for identity, (when, _) in list(self._of_late.items()):
            if when > now - OF_LATE:
                break
            del self._of_late[identity]
        for names in cut([one for _, one in self._of_late.values()], NAMES_A_MESSAGE):
            self._bus.publish(IDENTITIES, encode(Named(names)))

    def _ask(self, within: float, done: Callable[[bool | None], None]) -> int:
        number = next(self._numbers)
        timer = self._timers.at(
            self._clock.monotonic() + within, partial(self._answered, number, None)
        )
        self._asked[number] = (done, timer)
        return number

    def _answered(self, number: int, yes: bool | None) -> None:
        asked = self._asked.pop(number, None)
        if asked is not None:
            done, timer = asked
            timer.cancel()
            done(yes)

    def _told(self, message: bytes) -> None:
        try:
            signal = to_names.decode(message)
        except msgspec.DecodeError as fault:
            _logger.warning("a message of another node could not be read", reason=str(fault))
            return
        match signal:
            case Said(number, yes):
                self._answered(number, yes)
            case Sought(node, number, holder):
                session = self._sessions.of(holder)
                self._say(node, number, session is not None and bool(session.connections))
            case Wanted(node, number):
                name = Name(display=signal.display, folded=signal.folded, skeleton=signal.skeleton)
                self._sessions.claimed_elsewhere(
                    signal.holder,
                    signal.held,
                    name,
                    signal.identity,
                    partial(self._say, node, number),
                )
            case unknown:
                assert_never(unknown)

    def _say(self, node: str, number: int, yes: bool) -> None:
        self._bus.publish(names_topic(node), encode(Said(number, yes)))

    def _named(self, message: bytes) -> None:
        try:
            named = to_identities.decode(message)
        except msgspec.DecodeError as fault:
            _logger.warning("a message of another node could not be read", reason=str(fault))
            return
        for identity, display, kept in map(msgspec.structs.astuple, named.names):
            self._sessions.named_elsewhere(identity, display, kept=kept)
