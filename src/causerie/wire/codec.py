"""JSON text to v1 frames and back, with errors that name the field and the reason."""

import json
import re
from typing import Any, TypeGuard, get_args

import msgspec

from causerie.wire.codes import MESSAGES, ErrorCode
from causerie.wire.commands import AnyCommand
from causerie.wire.errors import Refused
from causerie.wire.replies import AnyServerFrame, Error, UnknownEntry

_commands: msgspec.json.Decoder[AnyCommand] = msgspec.json.Decoder(AnyCommand)
_server_frames: msgspec.json.Decoder[AnyServerFrame] = msgspec.json.Decoder(AnyServerFrame)
_unknown_entries = msgspec.json.Decoder(UnknownEntry)
_encoder = msgspec.json.Encoder()

encode = _encoder.encode
"""Encodes any frame of the protocol as JSON in UTF-8.

Raises UnicodeEncodeError for a string with a lone surrogate, which is no Unicode text.
"""


def _types(union: object) -> frozenset[str]:
    return frozenset(struct.__struct_config__.tag for struct in get_args(union))


_COMMAND_TYPES = _types(AnyCommand)
_SERVER_TYPES = _types(AnyServerFrame)

# What msgspec says of a value that breaks the schema: a sentence, and where, if not at the root.
_COMPLAINT = re.compile(r"(?P<reason>.*?)(?: - at `\$\.(?P<field>[^`]*)`)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<name>[^`]+)`")
_BAD_TAG = re.compile(r"Invalid value '(?P<value>.*)'", re.DOTALL)
_PYTHON_TYPES = re.compile(r"`([^`]*)`")
_JSON_TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_LONE_SURROGATE = "a lone surrogate (half of a UTF-16 pair) is no character"


class _Addressed(msgspec.Struct):
    """Just enough of a bad command to answer it under its own id."""

    id: object = None


_addressed = msgspec.json.Decoder(_Addressed)


def decode_command(data: bytes) -> AnyCommand:
    """Reads one command of the v1 profile. `data` is UTF-8: of a field that is ignored this is not
    checked again.

    Raises:
        Refused: `bad_json`, `unknown_type` or `invalid`; with the command's id where it has one.
    """
    try:
        return _commands.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise explain(error, data, _COMMAND_TYPES) from None


def decode_server_frame(data: bytes | str) -> AnyServerFrame:
    """Reads one frame of a server in the v1 profile.

    Raises:
        Refused: as `decode_command`; a client ignores a frame of an unknown type, unless it is an
            entry (`decode_unknown_entry`).
    """
    try:
        return _server_frames.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise explain(error, data, _SERVER_TYPES) from None


def decode_unknown_entry(data: bytes | str) -> UnknownEntry | None:
    """Reads the place in the log of a frame whose type is unknown; None if it is no entry."""
    try:
        return _unknown_entries.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def command_id(data: bytes | str) -> str | None:
    """Reads only the id of a command, whatever else is wrong with it; None without a usable one."""
    try:
        id = _addressed.decode(data).id
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return id if _is_usable(id) else None


def explain(error: Exception, data: bytes | str, types: frozenset[str] = frozenset()) -> Refused:
    """Turns what msgspec says of a frame into what its sender should be told.

    `types` are those that exist: msgspec complains of one of them only where there are two.
    """
    match error:
        case msgspec.ValidationError():
            return _explain_invalid(str(error), command_id(data), types)
        case RecursionError():
            reason = "it is nested too deeply"
        case UnicodeError():
            reason = "it is not UTF-8"
        case _:
            if (refused := _explain_surrogate(data)) is not None:
                return refused
            reason = _sentence(str(error).removeprefix("JSON is malformed: "))
    return Refused(ErrorCode.BAD_JSON, reason=reason)


def error_frame(refused: Refused, locale: str = "en") -> Error:
    """The error frame that tells a client of a refusal, in its language (English or French)."""
    language = "fr" if re.split("[-_]", locale, maxsplit=1)[0].lower() == "fr" else "en"
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


def _explain_invalid(complaint: str, id: str | None, types: frozenset[str]) -> Refused:
    matched = _COMPLAINT.fullmatch(complaint)
    assert matched is not None, "the pattern matches any text"
    reason, field = matched["reason"], matched["field"]
    if missing := _MISSING.fullmatch(reason):
        field = f"{field}.{missing['name']}" if field else missing["name"]
        return Refused(ErrorCode.INVALID, field=field, reason="it is missing", id=id)
    if field is None:
        return Refused(ErrorCode.BAD_JSON, reason=_sentence(reason))
    if field == "type" and (tag := _BAD_TAG.fullmatch(reason)):
        if tag["value"] in types:
            return Refused(ErrorCode.INVALID, field=field, reason="it is given twice", id=id)
        shown = tag["value"][:64]
        return Refused(ErrorCode.UNKNOWN_TYPE, field=field, reason=f"“{shown}”", id=id)
    return Refused(ErrorCode.INVALID, field=field, reason=_sentence(reason), id=id)


def _explain_surrogate(data: bytes | str) -> Refused | None:
    # JSON can spell a lone surrogate (RFC 8259, section 8.2), and a page does when its text was
    # cut within a pair. msgspec refuses it as broken JSON; json reads it, and so finds the field.
    try:
        text = data if isinstance(data, str) else data.decode()
        if not _SURROGATE.search(text):
            return None
        frame: Any = json.loads(text)
        if isinstance(frame, dict):
            for name, value in frame.items():
                if not _is_text(name):
                    break
                if not _is_text(value):
                    id = frame.get("id")
                    return Refused(
                        ErrorCode.INVALID,
                        field=name[:64],
                        reason=_LONE_SURROGATE,
                        id=id if _is_usable(id) and _is_text(id) else None,
                    )
    except (ValueError, RecursionError):
        return None
    return Refused(ErrorCode.BAD_JSON, reason=_LONE_SURROGATE)


def _is_text(value: object) -> bool:
    # Whether every string in a value that was JSON is Unicode text.
    try:
        encode(value)
    except UnicodeEncodeError:
        return False
    return True


def _is_usable(id: object) -> TypeGuard[str]:
    return isinstance(id, str) and 1 <= len(id) <= 64


def _sentence(reason: str) -> str:
    # In JSON's words, and as a part of a sentence: "expected string or null, got integer".
    plain = _PYTHON_TYPES.sub(
        lambda m: " or ".join(_JSON_TYPES.get(name, name) for name in m[1].split(" | ")), reason
    )
    return (plain[:1].lower() + plain[1:])[:200]
