"""A day in an office: everything at once, for as long as one wants to see it go well."""

import heapq
import time
from array import array
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import count
from random import Random
from typing import Final, NamedTuple, assert_never

from causerie.bench import crew, marks, office
from causerie.bench.allowance import require_connections
from causerie.bench.dialects import Dialect
from causerie.bench.faults import Faults
from causerie.bench.generator import LoadFailed, ServerFailed
from causerie.bench.health import Census
from causerie.bench.office import Event, Kind
from causerie.bench.opening import open_members
from causerie.bench.pace import LATE, read_until
from causerie.bench.percentiles import percentiles
from causerie.bench.phases import Phase
from causerie.bench.result import Result
from causerie.bench.staff import Person, Seat, Staff, frame
from causerie.bench.target import Target
from causerie.bench.trend import slope
from causerie.wire import commands

WARM_UP: Final = 2 / 3
"""The part of the time after which a server has all the memory that it should ever need. Ours keeps
recent entries, 16,000 of this size; and three times as many have to come and go before what is left
between them is used again."""

AWAY: Final = (0.5, 20.0)
"""Seconds that somebody is away, at least and at most: some longer than the grace period."""

LEAVES_WITHIN: Final = 30.0
"""Seconds after the last has gone in which a server forgets all: twice the usual grace period."""

LOOKED: Final = 0.2
"""Seconds between two looks at whether it has."""

SETTLES_WITHIN: Final = 15.0
"""Seconds after the end in which everybody has heard everything."""

OPENING: Final = 0.1
"""The part of the progress that is the opening of connections."""

CONVERSATION: Final = "~"
"""What the names of private conversations begin with."""

TRIES: Final = 20
"""Draws until somebody is found who is there."""

NOTHING: Final = "nobody heard anything: give it more --seconds, a higher --rate, or more --members"

BROKEN: Final = "a promise is broken: something was lost, doubled or misordered"

KEPT: Final = (
    "{seconds:g} s after all had gone the server has more than before they came ({left}): it keeps "
    "what it should not, unless others use it or its --grace is longer"
)

UNCOUNTED: Final = (
    "the server does not tell what it keeps of connections, sessions, rooms and tasks: start it "
    "with --watch-loop"
)


@dataclass(frozen=True, kw_only=True)
class Mixed:
    """One load."""

    members: int = 1_000
    rate: float = 0.0
    """Messages a second in rooms; 0 for a fifth of the members."""
    cuts: float = 4.0
    """Connections that end a second; they come back."""
    seconds: float = 60.0
    size: int = 100
    """Bytes of content."""
    seed: int = 1
    """Of all chance."""

    def __str__(self) -> str:
        return f"{self.members:,} members for {self.seconds:,.0f} s"

    @property
    def rates(self) -> dict[Kind, float]:
        """How often each thing happens in a second."""
        messages = self.rate or self.members / 5
        return {
            Kind.MESSAGE: messages,
            Kind.TYPING: messages,
            Kind.PRIVATE: messages / 10,
            Kind.LEAVE: self.cuts / 2,
            Kind.CUT: self.cuts,
        }


@dataclass(frozen=True)
class _Work:
    """What each process is told."""

    load: Mixed
    address: tuple[str, int]
    pid: int | None
    room: str


@dataclass(frozen=True)
class _Tally:
    """What one process has seen."""

    messages: int
    heard: int
    returns: int
    faults: Faults
    latencies: "array[int]"
    memory: list[tuple[float, float]]
    """Seconds from the beginning, and bytes resident."""


def run(
    load: Mixed,
    target: Target,
    dialect: Dialect,
    *,
    room: str,
    processes: int = 1,
    progress: Callable[[float], None] = crew.tell_nobody,
) -> Result:
    """Measures one load.

    Raises:
        LoadFailed: The server refuses something that it should not, or does not go on.
    """
    if dialect.name != "v1":
        raise LoadFailed("the plain profile cannot tell what is missing: leave --plain out")
    require_connections(load.members, processes, target)
    before = target.census()
    warm_census: Census | None = None

    def count_warm() -> None:
        nonlocal warm_census
        if before is not None:
            warm_census = target.census()

    ran = crew.run(
        _work,
        _Work(load, target.address, target.pid, room),
        target,
        processes=min(processes, load.members),
        measured=("begin", "settled"),
        at={"warm": count_warm},
        progress=progress,
    )
    begin, end = ran.moments["begin"], ran.moments["settled"]
    tallies: list[_Tally] = ran.results
    heard = sum(tally.heard for tally in tallies)
    if not heard:
        raise LoadFailed(NOTHING)
    latencies = [latency for tally in tallies for latency in tally.latencies]
    faults = sum((tally.faults for tally in tallies), Faults())
    memory = [sample for tally in tallies for sample in tally.memory]
    warm = [sample for sample in memory if sample[0] >= WARM_UP * load.seconds] or memory[-1:]
    elapsed = end.at - begin.at
    figures = {
        "connections": load.members,
        "messages": sum(tally.messages for tally in tallies),
        "returns": sum(tally.returns for tally in tallies),
        "deliveries_per_second": heard / elapsed,
        "cpu_us_per_delivery": (end.cpu - begin.cpu) / heard * 1e6,
        **percentiles(latencies),
        **asdict(faults),
        "rss_warm_mb": warm[0][1] / 1e6,
        "rss_mb": warm[-1][1] / 1e6,
        "rss_mb_per_minute": slope(warm) / 1e6 * 60,
        "server_busy": (end.cpu - begin.cpu) / elapsed,
        "generator_busy": ran.busy,
    }
    remarks = [BROKEN] if faults else []
    if before is None or warm_census is None:
        remarks.append(UNCOUNTED)
    else:
        left = _left_behind(target, before)
        for when, census in (("warm", warm_census), ("left", left)):
            figures |= {f"{kind}_{when}": count for kind, count in census._asdict().items()}
        if any(left):
            remarks.append(KEPT.format(seconds=LEAVES_WITHIN, left=left))
    return Result(f"mixed: {load}", target.name, figures, latencies, tuple(remarks), elapsed)


def _left_behind(target: Target, before: Census) -> Census:
    """What the server has kept of those who were not there before and have gone, when it has had
    the time to forget them.

    Raises:
        ServerFailed: It does not tell any more.
    """
    target.at_phase(Phase.LEAVING)
    until = time.monotonic() + LEAVES_WITHIN
    while True:
        census = target.census()
        if census is None:
            raise ServerFailed("the server does not tell any more what it keeps")
        left = census.beyond(before)
        if not any(left) or time.monotonic() > until:
            return left
        time.sleep(LOOKED)


def _work(post: crew.Post, work: _Work) -> _Tally:
    with closing(Staff(work.address, work.load.size)) as staff:
        return _Day(post, work, staff).run()


class _Return(NamedTuple):
    """Somebody is to come back: into a room, or (None) with a new connection."""

    at: float
    number: int
    """Tells apart what is due at the same time."""
    person: Person
    room: str | None


class _Day:
    """What the people of one process do."""

    def __init__(self, post: crew.Post, work: _Work, staff: Staff) -> None:
        self._post = post
        self._work = work
        self._staff = staff
        load = work.load
        self._chance = Random(f"{load.seed}-{post.index}")
        rooms_of: dict[int, list[str]] = {number: [] for number in post.mine(load.members)}
        for number, members in enumerate(office.rooms(load.members, Random(load.seed))):
            for member in rooms_of.keys() & set(members):
                rooms_of[member].append(f"{work.room}-{number}")
        self._people = [
            Person(number, f"{work.room}.{number}", f"{work.room}-{number:032}", rooms)
            for number, rooms in rooms_of.items()
        ]
        active = [person for person in self._people if office.is_active(person.number)]
        self._active = active or self._people[:1]
        self._typing: deque[tuple[Person, str]] = deque(maxlen=32)
        self._away: list[_Return] = []
        """A heap."""
        self._begun = 0
        self._messages = self._returns = 0
        self._numbers = count()
        self._memory: list[tuple[float, float]] = []
        self._is_warm = False
        self._server = Target("", work.address, work.pid)

    def run(self) -> _Tally:
        """Comes, does all that there is to do, and looks whether everybody has heard everything."""
        post, staff, load = self._post, self._staff, self._work.load
        post.turn_to(Phase.CONNECTING)
        self._open()
        post.turn_to(Phase.WARMING_UP)
        post.meet("begin")
        self._begun = time.monotonic_ns()
        rates = {kind: rate / post.count for kind, rate in load.rates.items()}
        if post.index == 0:
            rates[Kind.SAMPLE] = 1.0
        for number, event in enumerate(office.events(rates, load.seconds, self._chance)):
            while self._away and self._away[0].at < event.at:
                self._wait(self._away[0].at)
                self._come_back(heapq.heappop(self._away))
            self._wait(event.at)
            if number % LATE == 0:
                staff.read(0.0)
                post.progress(OPENING + (1 - OPENING) * event.at / load.seconds)
            self._happens(event)
        while self._away:
            self._come_back(heapq.heappop(self._away))
        post.turn_to(Phase.CATCHING_UP)
        self._settle()
        self._sample(load.seconds)
        post.meet("settled")
        return _Tally(
            messages=self._messages,
            heard=staff.heard,
            returns=self._returns,
            faults=staff.faults,
            latencies=staff.latencies,
            memory=self._memory,
        )

    def _open(self) -> None:
        """Brings everybody into their rooms."""
        for person in self._people:
            person.seat = Seat(person)
        seats = [person.seat for person in self._people if person.seat is not None]
        open_members(self._staff, seats, lambda share: self._post.progress(OPENING * share))
        self._read_until(lambda: all(person.is_there for person in self._people))
        if missing := sum(not person.is_there for person in self._people):
            raise ServerFailed(f"{missing} members are not let into their rooms")

    def _settle(self) -> None:
        """Waits until everybody has heard everything, and counts what they have not."""
        people, faults = self._people, self._staff.faults
        self._read_until(
            lambda: all(person.is_there and not person.unanswered for person in people)
        )
        faults.lost += sum(len(person.unanswered) for person in people)
        heads: dict[str, int] = {}
        ours = {room: ledger.head for room, ledger in self._staff.ledgers.items()}
        for theirs in self._post.meet("said", ours):
            for room, head in theirs.items():
                heads[room] = max(head, heads.get(room, 0))
        self._read_until(lambda: not _short(people, heads))
        faults.lost += _short(people, heads)

    def _read_until(self, is_so: Callable[[], bool]) -> None:
        """Reads until something is so, or should have been."""
        until = time.monotonic() + SETTLES_WITHIN
        while not is_so() and time.monotonic() < until:
            self._staff.read(0.05)

    def _wait(self, at: float) -> None:
        read_until(self._staff, self._begun + int(at * 1e9))

    def _happens(self, event: Event) -> None:
        """Does what an event says, if anybody can."""
        match event.kind:
            case Kind.MESSAGE:
                self._say(event)
            case Kind.PRIVATE:
                self._say_privately(event)
            case Kind.TYPING:
                if (person := self._somebody(self._active)) and (room := self._room_of(person)):
                    self._staff.tell(person, frame(commands.SetTyping(room=room, is_typing=True)))
                    self._typing.append((person, room))
            case Kind.LEAVE:
                if (
                    (person := self._somebody(self._people))
                    and not person.unanswered
                    and (room := self._room_of(person))
                ):
                    self._staff.tell(person, person.leave(room))
                    self._is_away(event, person, room)
            case Kind.CUT:
                if person := self._somebody(self._people):
                    self._staff.cut(person)
                    self._is_away(event, person, None)
            case Kind.SAMPLE:
                self._sample(event.at)
                if self._is_warm:
                    self._post.turn_to(Phase.MEASURING)
            case _:
                assert_never(event.kind)

    def _say(self, event: Event) -> None:
        """Whoever has typed longest says something in that room; or anybody, anywhere."""
        person, room = self._typing.popleft() if self._typing else (None, None)
        if person is None or not person.is_there or room in person.left:
            person = self._somebody(self._active)
            room = self._room_of(person) if person else None
        if person and room:
            id, content = self._words(event, person)
            self._staff.speak(person, commands.SendMessage(id=id, room=room, content=content))

    def _say_privately(self, event: Event) -> None:
        if person := self._somebody(self._active):
            place = self._people.index(person) + self._chance.randint(1, office.FRIENDS)
            friend = self._people[place % len(self._people)]
            if friend.is_there and friend is not person:
                id, content = self._words(event, person)
                message = commands.SendPrivate(id=id, to=friend.username, content=content)
                self._staff.speak(person, message)

    def _words(self, event: Event, person: Person) -> tuple[str, str]:
        """The id and the content of a message, which tells when it should have been said."""
        self._messages += 1
        person.said += 1
        intended = self._begun + int(event.at * 1e9)
        content = marks.content(person.number, intended, self._work.load.size).decode()
        return f"{person.number}-{person.said}", content

    def _somebody(self, people: Sequence[Person]) -> Person | None:
        """Anybody who is there."""
        drawn = (self._chance.choice(people) for _ in range(TRIES))
        return next((person for person in drawn if person.is_there), None)

    def _room_of(self, person: Person) -> str | None:
        """Any room that somebody is in."""
        rooms = [room for room in person.rooms if room not in person.left]
        return self._chance.choice(rooms) if rooms else None

    def _is_away(self, event: Event, person: Person, room: str | None) -> None:
        at = event.at + self._chance.uniform(*AWAY)
        heapq.heappush(self._away, _Return(at, next(self._numbers), person, room))

    def _come_back(self, back: _Return) -> None:
        person, room = back.person, back.room
        if room is None:
            self._returns += 1
            self._staff.sit_down(person)
            return
        person.left.discard(room)
        # Who is away, or not in yet, joins it with all other rooms.
        if person.seat is not None and person.seat.is_upgraded:
            self._staff.tell(person, person.join(room))

    def _sample(self, at: float) -> None:
        if self._post.index == 0:
            self._memory.append((at, self._server.use().rss))
            if at >= WARM_UP * self._work.load.seconds and not self._is_warm:
                self._is_warm = True
                self._post.pass_by("warm")


def _short(people: Sequence[Person], heads: Mapping[str, int]) -> int:
    """How many accounts end before the log; those are counted too that a conversation lacks."""
    behind = sum(
        chain.cursor.seq < heads.get(room, 0)
        for person in people
        for room, chain in person.chains.items()
    )
    parties = Counter(room for person in people for room in person.chains)
    conversations = [room for room in heads if room.startswith(CONVERSATION) and room in parties]
    return behind + sum(2 - parties[room] for room in conversations)
