"""How a member of a load speaks with the rival on Socket.IO."""

from typing import Final

from causerie.bench.dialects import Dialect
from causerie.bench.marks import MARK, content
from causerie.testing.framing import client_frame, upgrade_request

PATH: Final = "/socket.io/?EIO=4&transport=websocket"


class SocketIO(Dialect):
    """Engine.IO 4 and Socket.IO 5 on a WebSocket, as far as a load needs it; a message is answered
    when it comes back.

    It does not answer Engine.IO's pings, which come 25 s after a connection began, and end it 20 s
    later: a load has to be over by then.
    """

    name = "socketio"

    def upgrade(self) -> bytes:
        """Opens it."""
        return upgrade_request(PATH)

    def hail(self) -> bytes:
        """Connects to the default namespace."""
        return client_frame(b"40")

    def is_hailed(self, received: bytes) -> bool:
        """Looks for the packet that says so, and its end."""
        _, connected, sid = received.partition(b'40{"sid":')
        return bool(connected) and sid.endswith(b"}")

    def enter(self, username: str, room: str) -> bytes:
        """Says who one is, and joins."""
        form = b'42["join",{"type":"join","username":"%s","room":"%s"}]'
        return client_frame(form % (username.encode(), room.encode()))

    def has_entered(self, received: bytes) -> bool:
        """Looks for an announcement: oneself is the first of whom one is told."""
        return b'42["message",' in received

    def say(
        self, speaker: int, number: int, room: bytes, count: int, size: int, *, mark: bytes = MARK
    ) -> bytes:
        """Says it."""
        del count
        said = content(speaker, number, size, mark)
        form = b'42["message",{"type":"message","room":"%s","content":"%s"}]'
        return client_frame(form % (room, said))

    def answer(self, speaker: int) -> bytes:
        """Says how it is answered."""
        return b"#%d;" % speaker

    def refusal(self, received: bytes) -> str | None:
        """Finds none: the rival refuses nothing."""
        del received
        return None
