"""How a member of a load speaks with a server: what it sends, and by what it knows the answer."""

import json
import re
from abc import ABC, abstractmethod
from typing import Final, NamedTuple

from causerie.bench.marks import MARK, content
from causerie.testing.framing import client_frame, upgrade_request
from causerie.wire.codec import describe
from causerie.wire.codes import ErrorCode
from causerie.wire.errors import Refused
from causerie.wire.profiles import SUBPROTOCOL

UNLIMITED: Final = "`causerie serve --rate-limit 0` has no such limit"

KEY_LENGTH: Final = 22
"""Characters of a key, at least."""

_ERROR: Final = re.compile(
    rb'\{"type":"error"[^{}]*?"code":"([a-z_]+)"[^{}]*?"message":"((?:[^"\\]|\\.)*?)\.?"'
)


_TOO_MANY: Final = describe(Refused(ErrorCode.RATE_LIMITED)).encode()
"""What System says to whoever is too fast."""


def explained(code: str, message: str) -> str:
    """An error of the server's in its own words, and what to do where that is known."""
    hint = f"; {UNLIMITED}" if code == ErrorCode.RATE_LIMITED else ""
    return f"{message} ({code}){hint}"


class Cursor(NamedTuple):
    """How far one has come in a room, as the server is told when one comes back."""

    epoch: str
    seq: int
    id: str


class Joined(NamedTuple):
    """What the server says to somebody who has joined."""

    head: Cursor
    recovered: str | None
    """How resuming went; None if nothing was resumed."""


class Dialect(ABC):
    """One way to speak. What it returns are bytes for the socket, frames and all."""

    name: str

    @abstractmethod
    def upgrade(self) -> bytes:
        """The HTTP request that opens the WebSocket."""

    def hail(self) -> bytes:
        """What has to be said, and answered, before anything else; most want nothing."""
        return b""

    def is_hailed(self, received: bytes) -> bool:
        """Whether what came since is the whole answer to that."""
        del received
        return True

    @abstractmethod
    def enter(self, username: str, room: str) -> bytes:
        """Says who one is, and joins a room."""

    @abstractmethod
    def has_entered(self, received: bytes) -> bool:
        """Whether what came since shows that one is in the room."""

    @abstractmethod
    def say(
        self, speaker: int, number: int, room: bytes, count: int, size: int, *, mark: bytes = MARK
    ) -> bytes:
        """Says something: the `count`th thing that this speaker says, with `number` in it."""

    @abstractmethod
    def answer(self, speaker: int) -> bytes:
        """What the server answers for each thing that this speaker said, and for nothing else."""

    @abstractmethod
    def refusal(self, received: bytes) -> str | None:
        """What the server refuses, in its own words; None if it refuses nothing."""


class V1(Dialect):
    """The profile v1: a message is answered by its ack."""

    name = "v1"

    def __init__(self, *, has_keys: bool = False) -> None:
        """With keys everybody may come back on another server at once: whoever borrows a name only
        has to wait until it is sure that the one that lent it is gone.
        """
        self._has_keys = has_keys

    def upgrade(self) -> bytes:
        """Opens it."""
        return upgrade_request(headers={"Sec-WebSocket-Protocol": SUBPROTOCOL})

    def enter(self, username: str, room: str) -> bytes:
        """Says hello and joins."""
        hello = self._hello(username)
        join = b'{"type":"join","room":"%s"}' % room.encode()
        return client_frame(hello) + client_frame(join)

    def has_entered(self, received: bytes) -> bool:
        """Looks for the answer."""
        return b'"type":"joined"' in received

    def say(
        self, speaker: int, number: int, room: bytes, count: int, size: int, *, mark: bytes = MARK
    ) -> bytes:
        """Says it."""
        said = content(speaker, number, size, mark)
        form = b'{"type":"message","room":"%s","id":"%d-%d","content":"%s"}'
        return client_frame(form % (room, speaker, count, said))

    def answer(self, speaker: int) -> bytes:
        """Says how it is answered."""
        del speaker
        return b'"type":"ack"'

    def refusal(self, received: bytes) -> str | None:
        """Looks for an error."""
        found = _ERROR.search(received)
        if found is None:
            return None
        return explained(found[1].decode(), found[2].decode())

    def resume(self, username: str, room: str, cursor: Cursor) -> bytes:
        """Says hello and joins where one was before."""
        hello = self._hello(username)
        since = {"seq": cursor.seq, "id": cursor.id}
        fields = {"type": "join", "room": room, "since": since, "epoch": cursor.epoch}
        return client_frame(hello) + client_frame(json.dumps(fields).encode())

    def _hello(self, username: str) -> bytes:
        name = username.encode()
        key = b',"key":"%s"' % name.ljust(KEY_LENGTH, b"k") if self._has_keys else b""
        return b'{"type":"hello","username":"%s"%s}' % (name, key)

    def joined(self, received: bytes) -> Joined | None:
        """Finds what is said to somebody who has joined, in whole frames."""
        place = received.find(b'"type":"joined"')
        if place < 0:
            return None
        text = received[received.rfind(b"{", 0, place) :].decode("utf-8", "replace")
        fields, _ = json.JSONDecoder().raw_decode(text)
        head = Cursor(fields["epoch"], fields["head"]["seq"], fields["head"]["id"])
        return Joined(head, fields.get("recovered"))


class Plain(Dialect):
    """The plain profile, as other chats have it too: a message is answered when it comes back."""

    name = "plain"

    def upgrade(self) -> bytes:
        """Opens it."""
        return upgrade_request("/")

    def enter(self, username: str, room: str) -> bytes:
        """Says hello and joins."""
        form = b'{"type":"join","username":"%s","room":"%s"}'
        return client_frame(form % (username.encode(), room.encode()))

    def has_entered(self, received: bytes) -> bool:
        """Looks for the answer."""
        return b'"type"' in received

    def say(
        self, speaker: int, number: int, room: bytes, count: int, size: int, *, mark: bytes = MARK
    ) -> bytes:
        """Says it."""
        del count
        said = content(speaker, number, size, mark)
        return client_frame(b'{"type":"message","room":"%s","content":"%s"}' % (room, said))

    def answer(self, speaker: int) -> bytes:
        """Says how it is answered."""
        return b"#%d;" % speaker

    def refusal(self, received: bytes) -> str | None:
        """Finds that one is too fast. Other errors are messages of System like any."""
        if _TOO_MANY not in received:
            return None
        return explained(ErrorCode.RATE_LIMITED, _TOO_MANY.decode().rstrip("."))


DIALECTS: Final[dict[str, Dialect]] = {"v1": V1(), "plain": Plain()}
