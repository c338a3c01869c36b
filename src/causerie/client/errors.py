"""The errors of the client.

    CauserieError                 causerie.wire.errors
    └── ClientError
        ├── KeyExists             another key for the same server and name is kept already
        ├── KeyDamaged            the file that keeps a key holds none
        ├── OutboxFull            more waits for the server than the outbox may hold
        ├── InDoubt               nobody knows whether the server took what one said
        ├── CommandRefused        the server answered a command with an error
        │   ├── InvalidCommand    the command itself is at fault, and will be whenever it is sent
        │   ├── NameRefused       the name is taken, or there were too many new ones
        │   ├── NotAllowed        one may not do this, or not without a token
        │   ├── NotJoined         the command is for those who are in the room
        │   ├── TooManyRooms      leave one first
        │   ├── RecipientUnknown  there is nobody who could read the private message
        │   ├── IdReused          the id was used before, for another message
        │   └── TryAgain          the server could not do it now
        └── Ended                 the client has ended: nothing can be sent any more
            ├── EndedByServer     the server closed the connection with a code that means: for good
            ├── GaveUp            as many attempts in a row failed as were allowed
            └── HelloRefused      the server does not take the name, key or token

A command that was refused may be given again, changed; after `Ended` only a new client helps.
"""

from typing import Final

from causerie.wire.codes import CloseCode, ErrorCode
from causerie.wire.errors import CauserieError

HOW_TO_BRING_A_NAME: Final = (
    "choose another, or, if it is yours, bring its key from where you have used it: "
    "`causerie name export` there, `causerie name import` here"
)
"""What to do where a name is taken."""


class ClientError(CauserieError):
    """The base of all errors of the client."""


class KeyExists(ClientError):
    """Another key for the same server and name is kept already."""


class KeyDamaged(ClientError):
    """The file that keeps a key holds none: it was written by something else, or damaged."""

    def __init__(self, username: str, server: str, path: str) -> None:
        super().__init__(username, server, path)
        self.username = username
        self.server = server
        self.path = path

    def __str__(self) -> str:
        return (
            f"the key for {self.username} on {self.server} cannot be read: put a whole copy of "
            f"{self.path} in its place, or take another name"
        )


class OutboxFull(ClientError):
    """More waits for the server than the outbox may hold: nothing of the new command was kept."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit} commands wait for the server already")
        self.limit = limit


class InDoubt(ClientError):
    """Nobody knows whether the server took what one said.

    It had been sent when a connection was lost, and then could not be sent again: `why` says what
    was in the way. To say the same again may be to say it twice.
    """

    def __init__(self, why: ClientError) -> None:
        super().__init__(why)
        self.why = why

    def __str__(self) -> str:
        return f"it may have been sent before this went wrong: {self.why}"


class CommandRefused(ClientError):
    """The server answered a command with an error.

    `code` is one of `ErrorCode`, or a newer server's; `field` is the field at fault, `retry_after`
    (milliseconds) when the same command may do better, both where the server said.
    """

    def __init__(
        self, code: str, message: str, *, field: str | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.field = field
        self.retry_after = retry_after

    def __str__(self) -> str:
        return self.message


class InvalidCommand(CommandRefused):
    """The command itself is at fault, and will be whenever it is sent."""


class NameRefused(CommandRefused):
    """The name is taken, or too many new ones were."""


class NotAllowed(CommandRefused):
    """One may not do this, or not without a token."""


class NotJoined(CommandRefused):
    """The command is for those who are in the room."""


class TooManyRooms(CommandRefused):
    """The connection is in as many rooms as it may be."""


class RecipientUnknown(CommandRefused):
    """There is nobody who could read the private message."""


class IdReused(CommandRefused):
    """The id was used before, for another message."""


class TryAgain(CommandRefused):
    """The server could not do it now."""


class Ended(ClientError):
    """The client has ended: nothing can be sent any more, and what waited never will be."""


class EndedByServer(Ended):
    """The server closed the connection with a code that means: for good."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        told = self.reason or "no reason was given"
        return f"the connection has ended for good ({self.code:d}): {told}"


class GaveUp(Ended):
    """As many attempts in a row failed as were allowed.

    `reason` says what befell the last, if anything does, and `code` is its close code (1006 where
    there was none).
    """

    def __init__(self, attempts: int, reason: str, *, code: int = CloseCode.ABNORMAL) -> None:
        super().__init__(attempts, reason)
        self.attempts = attempts
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        times = "1 attempt" if self.attempts == 1 else f"{self.attempts} attempts"
        return f"gave up after {times}: {self.reason or f'close code {self.code:d}'}"


class HelloRefused(Ended):
    """The server does not take the name, key or token; `refusal` says why, and in which field."""

    def __init__(self, refusal: CommandRefused) -> None:
        super().__init__(refusal)
        self.refusal = refusal

    def __str__(self) -> str:
        if self.refusal.code == ErrorCode.NAME_TAKEN:
            return f"{self.refusal.message.rstrip('.')}; {HOW_TO_BRING_A_NAME}"
        return str(self.refusal)


_KINDS: Final[dict[str, type[CommandRefused]]] = {
    ErrorCode.BAD_JSON: InvalidCommand,
    ErrorCode.UNKNOWN_TYPE: InvalidCommand,
    ErrorCode.INVALID: InvalidCommand,
    ErrorCode.NAME_INVALID: InvalidCommand,
    ErrorCode.HELLO_REQUIRED: NotAllowed,
    ErrorCode.ALREADY_IDENTIFIED: NotAllowed,
    ErrorCode.AUTH_REQUIRED: NotAllowed,
    ErrorCode.FORBIDDEN: NotAllowed,
    ErrorCode.NAME_TAKEN: NameRefused,
    ErrorCode.NAME_LIMIT: NameRefused,
    ErrorCode.NOT_JOINED: NotJoined,
    ErrorCode.TOO_MANY_ROOMS: TooManyRooms,
    ErrorCode.RECIPIENT_UNKNOWN: RecipientUnknown,
    ErrorCode.RECIPIENT_SELF: RecipientUnknown,
    ErrorCode.ID_REUSED: IdReused,
    ErrorCode.RATE_LIMITED: TryAgain,
    ErrorCode.UNAVAILABLE: TryAgain,
}


def refusal(
    code: str, message: str, *, field: str | None = None, retry_after: int | None = None
) -> CommandRefused:
    """Makes the error that fits a code; a newer server's code makes a plain `CommandRefused`."""
    kind = _KINDS.get(code, CommandRefused)
    return kind(code, message, field=field, retry_after=retry_after)
