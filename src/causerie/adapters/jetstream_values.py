"""Values in NATS JetStream: buckets of its key-value store, changed several at a time."""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from typing import Final, TypeVar

import msgspec

from causerie.adapters.jetstream_batches import Batches
from causerie.adapters.jetstream_link import Link, LinkError
from causerie.adapters.jetstream_names import AwayError, Change, Value
from causerie.adapters.jetstream_rounds import Rounds
from causerie.adapters.jetstream_stroke import Fault, Part, store_all

WITHIN: Final = 2.0
"""Seconds for NATS to answer; whether something was done that is not answered then is unknown."""

AT_ONCE: Final = 64
"""Values that are read at a time: of ten thousand asked for at once NATS answers none in time."""

TOMBSTONE: Final = "60s"
"""For how long it is held that a value that fades is gone: long enough for whoever still goes by
the value. All others are held to be gone for ever. NATS (2.15) does not note down that a value is
no longer there once it was replaced: killed after the tombstone has expired, it finds the value in
its files and takes it for the newest."""

_NO_MESSAGE: Final = 10037
_OTHER_STREAM: Final = 10058
_WRONG_LAST: Final = frozenset({10071, 10164})
"""Another value stands there by now."""

_Answer = TypeVar("_Answer", bound="_Told")


class _Told(msgspec.Struct, frozen=True):
    """What NATS answers."""

    error: Fault | None = None


class _Message(msgspec.Struct, frozen=True):
    seq: int
    data: bytes = b""


class _Found(_Told, frozen=True):
    message: _Message | None = None


class _Config(msgspec.Struct, frozen=True):
    max_age: int = 0
    """In nanoseconds."""


class _State(msgspec.Struct, frozen=True):
    subjects: dict[str, int] = {}


class _Stream(_Told, frozen=True):
    config: _Config = _Config()
    state: _State = _State()
    total: int = 0
    """How many subjects there are; each answer has some of them."""


class Values:
    """The buckets whose names begin with a prefix. The first part of a key is its bucket's.

    All reads are answered by the leader: what was written before is seen.
    """

    def __init__(self, link: Link, prefix: str) -> None:
        """`prefix` is a word of letters, digits, `-` and `_`."""
        self._link = link
        self._prefix = prefix
        self._batches: dict[str, Batches] = {}
        """By bucket."""
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._reads = Rounds(self._get)

    async def create(self, bucket: str, *, replicas: int, max_age: float = 0.0) -> float:
        """Makes a bucket, if there is none. Its values go after `max_age` seconds, if that is not
        0. Tells after how many they go in the bucket that is there.

        Raises:
            AwayError: NATS does not answer.
        """
        stream = self._stream(bucket)
        config = {
            "name": stream,
            "subjects": [f"{self._subject(bucket)}.>"],
            "storage": "file",
            "num_replicas": replicas,
            "max_msgs_per_subject": 1,
            "max_age": int(max_age * 1e9),
            "discard": "new",
            "deny_delete": True,
            "allow_rollup_hdrs": True,
            "allow_direct": False,
            "allow_atomic": True,
            "allow_msg_ttl": True,
        }
        told = await self._ask(f"STREAM.CREATE.{stream}", _Stream, config, {_OTHER_STREAM})
        if told.error is not None:
            # Who made it otherwise, by hand or for other nodes, knows why.
            told = await self._ask(f"STREAM.INFO.{stream}", _Stream)
        return told.config.max_age / 1e9

    async def read(self, keys: Iterable[str]) -> dict[str, Value]:
        """Reads what stands under some keys now.

        Raises:
            AwayError: NATS does not answer.
        """
        wanted = list(dict.fromkeys(keys))
        return dict(zip(wanted, await asyncio.gather(*map(self._reads.ask, wanted)), strict=True))

    async def write(self, changes: Sequence[Change]) -> int:
        """Makes all of some changes, of different keys in one bucket, or none: that is so if by now
        another value stands where one is to be replaced. Tells the revision of the last; 0 for
        none.

        Raises:
            AwayError: NATS does not answer.
        """
        bucket = self._stream(changes[0].key)
        if bucket not in self._batches:
            self._batches[bucket] = Batches(self._write)
        return await self._batches[bucket].write(changes)

    async def _write(self, changes: Sequence[Change]) -> int:
        parts = [Part(self._subject(one.key), one.data, _headers(one)) for one in changes]
        try:
            ack = await store_all(self._link, parts, within=WITHIN)
        except LinkError as error:
            raise AwayError(str(error)) from error
        if ack.error is not None and ack.error.err_code not in _WRONG_LAST:
            raise AwayError(ack.error.description)
        return ack.seq

    async def keys(self, beginning: str) -> list[str]:
        """Lists the keys that begin so; `beginning` ends with a dot.

        Raises:
            AwayError: NATS does not answer.
        """
        subjects: list[str] = []
        while True:
            told = await self._ask(
                f"STREAM.INFO.{self._stream(beginning)}",
                _Stream,
                {"subjects_filter": f"{self._subject(beginning)}>", "offset": len(subjects)},
            )
            subjects += told.state.subjects
            if not told.state.subjects or len(subjects) >= told.total:
                return [subject.removeprefix(self._subject("")) for subject in subjects]

    async def _get(self, key: str) -> Value:
        async with self._turns:
            found = await self._ask(
                f"STREAM.MSG.GET.{self._stream(key)}",
                _Found,
                {"last_by_subj": self._subject(key)},
                {_NO_MESSAGE},
            )
        if found.message is None:
            return Value(b"", 0)
        return Value(found.message.data, found.message.seq)

    async def _ask(
        self, what: str, kind: type[_Answer], body: object = None, known: Collection[int] = ()
    ) -> _Answer:
        """Asks. An answer may have one of the `known` errors."""
        payload = b"" if body is None else msgspec.json.encode(body)
        try:
            message = await self._link.request(f"$JS.API.{what}", payload, within=WITHIN)
            told = msgspec.json.decode(message.payload, type=kind)
        except (LinkError, msgspec.DecodeError) as error:
            raise AwayError(str(error)) from error
        if told.error is not None and told.error.err_code not in known:
            raise AwayError(told.error.description)
        return told

    def _stream(self, key: str) -> str:
        return f"KV_{self._prefix}-{key.partition('.')[0]}"

    def _subject(self, key: str) -> str:
        return f"$KV.{self._prefix}-{key}"


def _headers(change: Change) -> dict[str, str]:
    headers = {"Nats-Expected-Last-Subject-Sequence": str(change.replaced)}
    if not change.data:
        headers["KV-Operation"] = "DEL"
        if change.fades:
            headers["Nats-TTL"] = TOMBSTONE
    return headers
