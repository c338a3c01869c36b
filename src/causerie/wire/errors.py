"""The errors of the protocol.

    CauserieError
    └── Refused          a command, or a frame that could not be read, is answered by an error frame

The codes that a `Refused` carries are in `causerie.wire.codes`.
"""

from causerie.wire.codes import ErrorCode


class CauserieError(Exception):
    """The base of all errors that Causerie raises on purpose."""


class Refused(CauserieError):
    """A command is not carried out; the connection goes on.

    `code` says why in one word, `field` which field is at fault, `reason` what is wrong with it,
    `retry_after` (milliseconds) when the same command may do better. `id` is the command's, where
    it could be read.
    """

    def __init__(
        self,
        code: ErrorCode,
        *,
        field: str | None = None,
        reason: str = "",
        retry_after: int | None = None,
        id: str | None = None,
    ) -> None:
        super().__init__(code, field, reason)
        self.code = code
        self.field = field
        self.reason = reason
        self.retry_after = retry_after
        self.id = id

    def __str__(self) -> str:
        where = f" ({self.field})" if self.field else ""
        return f"{self.code}{where}: {self.reason}" if self.reason else f"{self.code}{where}"
