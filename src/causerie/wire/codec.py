"""JSON text to v1 commands and back, with errors that name the field and the reason."""

import re

import msgspec

from causerie.wire.codes import MESSAGES, ErrorCode
from causerie.wire.commands import AnyCommand
from causerie.wire.errors import Refused
from causerie.wire.replies import AnyServerFrame, Error

_commands: msgspec.json.Decoder[AnyCommand] = msgspec.json.Decoder(AnyCommand)
_server_frames: msgspec.json.Decoder[AnyServerFrame] = msgspec.json.Decoder(AnyServerFrame)
_encoder = msgspec.json.Encoder()

encode = _encoder.encode
"""Encodes any frame of the protocol as JSON in UTF-8."""

_PATH = re.compile(r"^(?P<reason>.*?)(?: - at `(?P<path>\$[^`]*)`)?$", re.DOTALL)
_MISSING = re.compile(r"^Object missing required field `(?P<name>[^`]+)`$")
_BAD_TAG = re.compile(r"^Invalid value '(?P<value>.*)'$", re.DOTALL)


class _Addressed(msgspec.Struct):
    """Just enough of a bad command to answer it under its own id."""

    id: object = None


_addressed = msgspec.json.Decoder(_Addressed)


def decode_command(data: bytes) -> AnyCommand:
    """Reads one command of the v1 profile.

    Raises:
        Refused: `bad_json`, `unknown_type` or `invalid`; with the command's id where it has one.
    """
    try:
        return _commands.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise explain(error, data) from None


def decode_server_frame(data: bytes | str) -> AnyServerFrame:
    """Reads one frame of a server in the v1 profile.

    Raises:
        Refused: as `decode_command`; a client ignores a frame of an unknown type.
    """
    try:
        return _server_frames.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise explain(error, data) from None


def explain(error: Exception, data: bytes | str) -> Refused:
    """Turns what msgspec says of a frame into what its sender should be told."""
    if not isinstance(error, msgspec.ValidationError):
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        return Refused(ErrorCode.BAD_JSON, reason=_sentence(reason))
    id = _id_of(data)
    matched = _PATH.match(str(error))
    assert matched is not None, "the pattern matches any text"
    reason, path = matched["reason"], matched["path"] or "$"
    if path == "$" and (missing := _MISSING.match(reason)):
        return Refused(ErrorCode.INVALID, field=missing["name"], reason="it is missing", id=id)
    if path == "$":
        return Refused(ErrorCode.BAD_JSON, reason=_sentence(reason))
    field = path.removeprefix("$.")
    if missing := _MISSING.match(reason):
        return Refused(
            ErrorCode.INVALID, field=f"{field}.{missing['name']}", reason="it is missing", id=id
        )
    if field == "type" and (tag := _BAD_TAG.match(reason)):
        shown = tag["value"][:64]
        return Refused(ErrorCode.UNKNOWN_TYPE, field="type", reason=f"“{shown}”", id=id)
    return Refused(ErrorCode.INVALID, field=field, reason=_sentence(reason), id=id)


def error_frame(refused: Refused, locale: str = "en") -> Error:
    """The error frame that tells a client of a refusal, in its language (English or French)."""
    language = "fr" if locale[:2].lower() == "fr" else "en"
    return Error(
        id=refused.id,
        code=refused.code,
        message=describe(refused, language),
        field=refused.field,
        retry_after=refused.retry_after,
    )


def describe(refused: Refused, language: str = "en") -> str:
    """The sentence for people of a refusal; `language` is `en` or `fr`."""
    return MESSAGES[language][refused.code].format(
        field=refused.field or "?", reason=refused.reason or "?"
    )


def _id_of(data: bytes | str) -> str | None:
    # The frame was JSON, or there would have been no ValidationError; but not surely an object.
    try:
        id = _addressed.decode(data).id
    except msgspec.DecodeError:
        return None
    return id if isinstance(id, str) and 1 <= len(id) <= 64 else None


def _sentence(reason: str) -> str:
    return reason[:1].lower() + reason[1:].replace("`", "")
