"""The stream in NATS: made, written to and looked into, by its raw requests.

Whatever is asked here is asked again until it is answered or its time is over: the servers may be
choosing a new leader, and a replica that answers may not have all that is there.
"""

import asyncio
import json
from base64 import b64decode
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeVar

from causerie.adapters.jetstream_link import Link, LinkError, Lost, Message, Unanswered
from causerie.adapters.jetstream_subjects import Subjects

READ_WITHIN: Final = 5.0
"""Seconds in which something read has to be there."""
ASK_AGAIN_AFTER: Final = 1.0
"""Seconds after which a request that is not answered is made again."""
REST: Final = 0.02
"""Seconds between an answer that says too little and the next request."""

AT_ONCE: Final = 64
"""Requests on their way: ten thousand at once would keep NATS from answering any in time."""

PAGE: Final = 500
"""Messages that are read at a time."""
SUBJECTS: Final = 500
"""Subjects in a request. (NATS answers with 1,024 messages at most.)"""

WRONG_LAST_SEQUENCE: Final = 10071
NAME_IN_USE: Final = 10058
NOT_FOUND: Final = 10059
NO_PEERS: Final = 10005
"""Too few servers are there. A cluster that has just begun has not seen all of its own."""
ROLLUP_FORBIDDEN: Final = 10111

FORBIDDEN: Final = {"Nats-Rollup": "none"}
"""The headers of a message that no stream of ours takes: one that is to replace others."""

NAMES_OF_STREAMS: Final = "$JS.API.STREAM.NAMES"
"""Where NATS is asked which streams it has. It names 1,024 at most."""

EPOCH: Final = "causerie.epoch"
STREAMS: Final = "causerie.streams"
"""What a stream of ours says of itself."""

_Value = TypeVar("_Value")


class Patience:
    """How long one who knows less than there is gets to learn it."""

    def __init__(self, within: float, who: str = "a replica") -> None:
        """Begins now, and ends in so many seconds."""
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.time() + within
        self._who = who

    async def rest(self) -> None:
        """Waits a moment before it is asked again.

        Raises:
            Unanswered: it has had its time.
        """
        if self._loop.time() >= self._deadline:
            raise Unanswered(f"{self._who} lags behind")
        await asyncio.sleep(REST)


class StreamError(LinkError):
    """NATS refuses what the log needs, or has something else under the stream's name."""


class Unmade(StreamError):
    """The stream is not there."""


class Found(NamedTuple):
    """A message of the stream."""

    subject: str
    seq: int
    payload: bytes


class Page(NamedTuple):
    """Messages that follow one another on a subject."""

    messages: Sequence[Found]
    pending: int
    """How many follow after them."""

    @property
    def total(self) -> int:
        """How many there are, the messages among them."""
        return len(self.messages) + self.pending


class State(NamedTuple):
    """What the stream is."""

    epoch: str
    last: int
    """The seq of its newest message."""
    streams: int = 1
    """How many a chat has that has this one."""


class Stream:
    """The stream, behind a link."""

    def __init__(self, link: Link, subjects: Subjects) -> None:
        self._link = link
        self.subjects = subjects
        self._get = f"$JS.API.DIRECT.GET.{subjects.stream}"
        self._info = f"$JS.API.STREAM.INFO.{subjects.stream}"
        self._turns = asyncio.Semaphore(AT_ONCE)

    # Making it.

    async def open(
        self, *, epoch: str, replicas: int, window: float, within: float, streams: int = 1
    ) -> State:
        """Makes the stream, of this epoch and as one of so many, unless it is there; tells what it
        is.

        Of a message id it is known for `window` seconds that it was stored.

        Raises:
            LinkError: NATS refuses, or has not answered within so many seconds.
        """
        subjects = self.subjects
        config = {
            "name": subjects.stream,
            "subjects": subjects.stored,
            "storage": "file",
            "retention": "limits",
            "discard": "new",
            "max_consumers": -1,
            "max_msgs": -1,
            "max_bytes": -1,
            "max_age": 0,
            "num_replicas": replicas,
            "duplicate_window": round(window * 1e9),
            "allow_atomic": True,
            "allow_direct": True,
            "republish": {"src": subjects.all, "dest": subjects.live},
            "metadata": {EPOCH: epoch, STREAMS: str(streams)},
        }
        create = f"$JS.API.STREAM.CREATE.{subjects.stream}"
        made = await self._until(lambda: self._api(create, config), within)
        if _error_code(made) not in (0, NAME_IN_USE):
            raise StreamError(f"NATS does not make the log: {made['error']['description']}")
        await self.begin(within)
        return await self.state(within)

    async def begin(self, within: float) -> None:
        """Writes the first message, unless it is there: what looks for the last one up to a place
        finds this at least, and so knows that it was answered by a replica that has got so far.

        Raises:
            LinkError: NATS has not stored it within so many seconds.
        """
        await self._until(self._begin, within)

    async def _begin(self) -> None:
        answer = await self._link.request(
            self.subjects.begin,
            b"",
            headers={"Nats-Expected-Last-Subject-Sequence": "0"},
            within=ASK_AGAIN_AFTER,
        )
        error = _error_code(json.loads(answer.payload))
        if error not in (0, WRONG_LAST_SEQUENCE):
            raise Unanswered(f"the log cannot be begun: {answer.payload!r}")

    async def state(self, within: float = READ_WITHIN) -> State:
        """Tells what the stream is.

        Raises:
            Unmade: it is not there.
            LinkError: it is not Causerie's, or NATS does not answer.
        """
        told = await self._until(lambda: self._api(self._info, {}), within)
        if "error" in told:
            error = Unmade if _error_code(told) == NOT_FOUND else StreamError
            why = told["error"]["description"]
            raise error(f"the stream {self.subjects.stream} cannot be used: {why}")
        config = told["config"]
        metadata = config.get("metadata", {})
        epoch = metadata.get(EPOCH)
        whole = config.get("allow_atomic") and config.get("allow_direct") and "republish" in config
        if not epoch or not whole:
            raise StreamError(f"the stream {self.subjects.stream} is not one of Causerie's")
        return State(epoch, told["state"]["last_seq"], int(metadata.get(STREAMS, "1")))

    async def beside(self, within: float) -> list[str]:
        """Names the streams there are that have the same subjects behind a name of their own.

        Raises:
            LinkError: NATS refuses, or does not answer in time.
        """
        subject = f"*.{self.subjects.begin.partition('.')[2]}"
        told = await self._until(lambda: self._api(NAMES_OF_STREAMS, {"subject": subject}), within)
        if "error" in told:
            raise StreamError(f"NATS does not tell its streams: {told['error']['description']}")
        return [name for name in told["streams"] or () if name != self.subjects.stream]

    # Looking into it.

    async def at(self, seq: int) -> Found | None:
        """Finds the message at a seq that is not beyond the newest known; None if it is gone."""
        (message,) = await self._until(
            lambda: self._direct({"seq": seq}, until=lambda _message: True)
        )
        return None if message.status else _found(message)

    async def next(self, seq: int, subject: str = "") -> Found | None:
        """Finds the first message at a seq or after, of a subject, which may be a filter, or of
        any. None: whoever has answered has none. Who has a later one than that at a seq, and not
        that one, does not lag behind: it was removed.

        Raises:
            LinkError: NATS does not answer in time.
        """
        request = {"seq": seq, "next_by_subj": subject or self.subjects.all}
        (message,) = await self._until(lambda: self._direct(request, until=lambda _message: True))
        return None if message.status else _found(message)

    async def last(
        self, subjects: Sequence[str], *, upto: int = 0, since: int = 0
    ) -> dict[str, Found]:
        """Finds the last message of each subject, as far as it has one; with `upto`, the last that
        has no greater seq; with `since`, only those that have no smaller one. `upto` must be there.

        Raises:
            LinkError: NATS does not answer in time.
        """
        found: dict[str, Found] = {}
        for start in range(0, len(subjects), SUBJECTS):
            some = [*subjects[start : start + SUBJECTS], self.subjects.begin]
            request: dict[str, object] = {"multi_last": some}
            if upto:
                request["up_to_seq"] = upto
            if since:
                request["seq"] = since
            messages = await self._until(lambda asked=request: self._last(asked))  # type: ignore[misc]
            found.update((message.subject, message) for message in map(_found, messages))
        found.pop(self.subjects.begin, None)
        return found

    async def _last(self, request: Mapping[str, object]) -> Sequence[Message]:
        return (await self._got_so_far(request, "204"))[:-1]

    async def _got_so_far(self, request: Mapping[str, object], *ends: str) -> list[Message]:
        """Asks for last messages, the stream's first among them: whoever has not even that has not
        got up to where they are looked for.
        """
        messages = await self._direct(request)
        if (status := messages[-1].status) not in ends:
            raise _TooLittle(f"a replica has not got so far ({status})")
        return messages

    async def newest(
        self, filters: Sequence[str], *, since: int, upto: int
    ) -> AsyncIterator[Found]:
        """Finds the last message of each subject that some filters match, each all pointers of an
        identity, as far as it has a seq from `since` to `upto`, which must be there. Others that
        have no smaller one may be among them.

        Raises:
            LinkError: NATS does not answer in time.
        """
        waiting = [filters[at : at + SUBJECTS] for at in range(0, len(filters), SUBJECTS)]
        while waiting:
            some = waiting.pop()
            request = {
                "multi_last": [*some, self.subjects.begin],
                "seq": since,
                "up_to_seq": upto,
            }
            *messages, end = await self._until(
                lambda asked=request: self._got_so_far(asked, "204", "413")  # type: ignore[misc]
            )
            for found in map(_found, messages):
                yield found
            if end.status == "413" and len(some) > 1:
                half = len(some) // 2
                waiting += [some[:half], some[half:]]
            elif end.status == "413":
                # So many conversations that they are not told at once.
                async for found in self._since(some[0], since):
                    yield found

    async def _since(self, subject: str, since: int) -> AsyncIterator[Found]:
        """Reads all that there is when this is called: a replica that has less is asked again."""
        last = await self.last_of(subject)
        upto = last.seq if last else 0
        after = since - 1
        patience = Patience(READ_WITHIN)
        while after < upto:
            page = await self.page(subject, after=after, limit=PAGE)
            for found in page.messages:
                yield found
                after = found.seq
            if after < upto and not page.pending:
                await patience.rest()

    async def page(self, subject: str, *, after: int, limit: int) -> Page:
        """Reads the messages of a subject that have a greater seq than `after`, `limit` (at least
        1) of them at most, oldest first.

        Raises:
            LinkError: NATS does not answer in time.
        """
        request = {"seq": after + 1, "next_by_subj": subject, "batch": min(limit, PAGE)}
        *messages, end = await self._until(lambda: self._direct(request))
        if end.status != "204":
            return Page((), 0)
        pending = int(messages[-1].headers["Nats-Num-Pending"])
        return Page([_found(message) for message in messages], pending)

    async def last_of(self, subject: str) -> Found | None:
        """Asks the leader for the last message of a subject, which may be a filter: none is newer
        when this is called.

        Raises:
            LinkError: NATS does not answer in time.
        """
        get = f"$JS.API.STREAM.MSG.GET.{self.subjects.stream}"
        told = await self._until(lambda: self._api(get, {"last_by_subj": subject}))
        if "error" in told:
            if told["error"]["code"] != 404:
                raise StreamError(told["error"]["description"])
            return None
        message = told["message"]
        return Found(message["subject"], message["seq"], b64decode(message.get("data", "")))

    async def counts(self) -> dict[str, int]:
        """Counts the entries of all rooms, by their subjects.

        Raises:
            LinkError: NATS does not answer in time.
        """
        counts: dict[str, int] = {}
        while True:
            request = {"subjects_filter": self.subjects.entries, "offset": len(counts)}
            told = await self._until(lambda asked=request: self._api(self._info, asked))  # type: ignore[misc]
            if "error" in told:
                raise StreamError(told["error"]["description"])
            counts |= told["state"].get("subjects") or {}
            if len(counts) >= told.get("total", 0):
                return counts

    async def rooms_of(self, identity: str) -> tuple[list[str], int]:
        """Lists the subjects of an identity's pointers, and tells the seq of the newest message
        that was there then.

        Raises:
            LinkError: NATS does not answer in time.
        """
        subjects: list[str] = []
        while True:
            request = {
                "subjects_filter": self.subjects.pointers(identity),
                "offset": len(subjects),
            }
            told = await self._until(lambda asked=request: self._api(self._info, asked))  # type: ignore[misc]
            if "error" in told:
                raise StreamError(told["error"]["description"])
            subjects += told["state"].get("subjects") or {}
            if len(subjects) >= told.get("total", 0):
                return subjects, told["state"]["last_seq"]

    async def stored_as(self, message_id: str) -> int | None:
        """Tells where the message with an id is stored; None if there is none, or if it is longer
        ago than the stream knows of ids.

        It is published anew in a way that the stream forbids, which NATS looks at after it has
        compared ids. (Not any will do. What `Nats-Expected-Last-Msg-Id` asks for the leader of a
        cluster leaves to the replicas, and what fails there stops the stream.)

        Raises:
            LinkError: NATS does not answer in time.
        """

        async def ask() -> int | None:
            answer = await self._link.request(
                self.subjects.begin,
                b"",
                headers={"Nats-Msg-Id": message_id, **FORBIDDEN},
                within=ASK_AGAIN_AFTER,
            )
            told = json.loads(answer.payload)
            if told.get("duplicate"):
                return int(told["seq"])
            if _error_code(told) != ROLLUP_FORBIDDEN:
                raise _TooLittle(f"NATS says {answer.payload!r}")
            return None

        return await self._until(ask)

    # Removing.

    async def note_trimmed(self, room: str, upto: int, *, known: int) -> int | None:
        """Stores how far a room is trimmed, if nobody has since the note at `known` (0: none);
        gives the seq of the note, or None if somebody has.

        Raises:
            LinkError: NATS does not answer in time.
        """
        answer = await self._until(
            lambda: self._link.request(
                self.subjects.trimmed(room),
                b"%d" % upto,
                headers={"Nats-Expected-Last-Subject-Sequence": str(known)},
                within=ASK_AGAIN_AFTER,
            )
        )
        told = json.loads(answer.payload)
        match _error_code(told):
            case 0:
                return int(told["seq"])
            case code if code == WRONG_LAST_SEQUENCE:
                return None
            case _:
                raise Unanswered(f"NATS says {answer.payload!r}")

    async def purge(self, subject: str, upto: int) -> int:
        """Removes the messages of a subject, or of all that a filter has, up to a seq; tells how
        many. One that is not answered is made again: it may tell too few.

        Raises:
            LinkError: NATS refuses, or does not answer in time.
        """
        purge = f"$JS.API.STREAM.PURGE.{self.subjects.stream}"
        # It goes up to that seq, and leaves it.
        request = {"filter": subject, "seq": upto + 1}
        told = await self._until(lambda: self._api(purge, request))
        if "error" in told:
            raise StreamError(told["error"]["description"])
        return int(told["purged"])

    # Asking.

    async def _direct(
        self,
        request: Mapping[str, object],
        until: Callable[[Message], bool] = lambda message: bool(message.status),
    ) -> list[Message]:
        return await self._link.gather(
            self._get, json.dumps(request).encode(), within=ASK_AGAIN_AFTER, until=until
        )

    async def _api(self, subject: str, request: Mapping[str, object]) -> dict[str, Any]:
        answer = await self._link.request(
            subject, json.dumps(request).encode(), within=ASK_AGAIN_AFTER
        )
        told: dict[str, Any] = json.loads(answer.payload)
        if told.get("error", {}).get("code") == 503 or _error_code(told) == NO_PEERS:
            raise _TooLittle(told["error"]["description"])
        return told

    async def _until(
        self, ask: Callable[[], Awaitable[_Value]], within: float = READ_WITHIN
    ) -> _Value:
        """Asks again and again until there is an answer; raises why there is none in time, which
        begins when it is its turn to ask.
        """
        loop = asyncio.get_running_loop()
        async with self._turns:
            deadline = loop.time() + within
            while True:
                try:
                    return await ask()
                except LinkError as error:
                    left = deadline - loop.time()
                    if left <= 0:
                        raise
                    if isinstance(error, Lost):
                        await self._link.up(left)
                    else:
                        await asyncio.sleep(min(REST, left))


class _TooLittle(LinkError):
    """Whoever has answered did not know enough."""


def _found(message: Message) -> Found:
    headers = message.headers
    return Found(headers["Nats-Subject"], int(headers["Nats-Sequence"]), message.payload)


def _error_code(told: Mapping[str, Any]) -> int:
    """The code of an error of JetStream; 0 where there is none."""
    error = told.get("error")
    return int(error.get("err_code", -1)) if error else 0
