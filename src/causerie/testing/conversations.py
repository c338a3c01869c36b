"""Golden conversations as data: dialogues between clients and a server, told in files.

The files are `protocol/conversations/*.json`; their README tells how to write one.
`causerie.testing.playing` plays them.
"""

import re
from collections.abc import Iterable, Sequence
from importlib.resources.abc import Traversable
from typing import Any, Final, Literal, cast, get_args

import msgspec

from causerie.resources import protocol_path
from causerie.testing.patterns import JSON, BadTemplate, check_pattern, show
from causerie.wire.errors import CauserieError

Profile = Literal["plain", "v1"]

Tag = Literal[
    "basic",
    "plain",
    "v1",
    "errors",
    "names",
    "presence",
    "typing",
    "history",
    "resume",
    "duplicates",
    "private",
    "limits",
    "trace",
    "slow",
    "socket",
    "control",
    "lobby",
]
"""What a conversation is about, and what it takes: `slow`, seconds of waiting; `socket`, a real
WebSocket; `control`, power over the server; `lobby`, speaking where everybody is."""

Ability = Literal["socket", "control"]
"""What a driver may lack: it skips the conversations that are tagged so."""

Action = Literal[
    "stops",
    "is killed",
    "loses its log",
    "is copied",
    "goes back to its copy",
    "keeps the newest alone",
    "cannot read its log",
    "can read its log",
]
"""What the server can be made to do by those who control it."""

DEFAULT_WITHIN: Final = 5_000
"""Milliseconds for what is expected to come."""


class ConversationError(CauserieError):
    """A file is no conversation: it says where and why."""


class Connects(msgspec.Struct, frozen=True):
    """Somebody opens a connection."""

    who: str
    profile: Profile


class SaysHello(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody connects with v1 and says hello; the welcome is awaited."""

    who: str
    username: JSON
    key: JSON = None


class Enters(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody connects, says who they are, and joins a room; the answers are awaited."""

    who: str
    profile: Profile
    username: JSON
    room: JSON
    key: JSON = None


class Sends(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody sends frames: objects, or text as it is."""

    who: str
    frames: list[JSON]
    times: JSON = 1
    rushes: bool = False
    """In one go, past the rate limit."""


class SendsBinary(msgspec.Struct, frozen=True):
    """Somebody sends a binary message."""

    who: str
    text: str


class Gets(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody gets frames."""

    who: str
    patterns: list[JSON]
    ordered: bool
    within: JSON = DEFAULT_WITHIN
    passing_over: JSON = None
    """A pattern of frames that do not count, or null."""


class GetsNothing(msgspec.Struct, frozen=True):
    """Nothing has come for somebody: the answer to what they ask now is the next that comes."""

    who: str


class IsClosed(msgspec.Struct, frozen=True, kw_only=True):
    """The server ends somebody's connection."""

    who: str
    code: JSON
    within: JSON = DEFAULT_WITHIN
    passing_over: JSON = None


class Closes(msgspec.Struct, frozen=True):
    """Somebody ends the connection with a close frame."""

    who: str
    code: int


class IsCut(msgspec.Struct, frozen=True):
    """Somebody's connection is lost."""

    who: str


class FallsSilent(msgspec.Struct, frozen=True):
    """Somebody's connection stays and shows no life."""

    who: str


class TimePasses(msgspec.Struct, frozen=True):
    """Milliseconds pass."""

    milliseconds: JSON


class ServerActs(msgspec.Struct, frozen=True):
    """Something happens to the server."""

    action: Action


class Repeat(msgspec.Struct, frozen=True):
    """Steps that are played several times; `$n` counts from 1."""

    steps: "list[Step]"
    times: JSON


Deed = (
    Connects
    | SaysHello
    | Enters
    | Sends
    | SendsBinary
    | Gets
    | GetsNothing
    | IsClosed
    | Closes
    | IsCut
    | FallsSilent
    | TimePasses
    | ServerActs
    | Repeat
)


class Step(msgspec.Struct, frozen=True):
    """One line of a dialogue."""

    number: str
    """As people count: 7, or 7.2 within a repetition."""
    deed: Deed


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    title: str
    about: str = ""
    tags: list[Tag]
    presence: bool = False
    requires: dict[str, Any] = {}
    steps: list[dict[str, Any]]


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """One dialogue, read and checked."""

    name: str
    """The file's, without its ending."""
    title: str
    about: str
    """Why it is so; may be empty."""
    tags: frozenset[Tag]
    presence: bool
    """Comings and goings count; otherwise what tells of them is passed over."""
    requires: dict[str, JSON]
    """A pattern that the server's welcome must match for the conversation to make sense."""
    steps: list[Step]

    @property
    def takes(self) -> frozenset[Ability]:
        """The abilities without which it cannot be played."""
        return frozenset(get_args(Ability)) & cast("frozenset[Ability]", self.tags)


def load_conversations(folder: Traversable | None = None) -> list[Conversation]:
    """Reads all conversations of a folder (the protocol's own unless told), in order of name.

    Raises:
        ConversationError: one of the files is none.
    """
    folder = folder or protocol_path().joinpath("conversations")
    files = (file for file in folder.iterdir() if file.name.endswith(".json"))
    return [
        read_conversation(file.name.removesuffix(".json"), file.read_bytes())
        for file in sorted(files, key=lambda file: file.name)
    ]


def read_conversation(name: str, data: bytes) -> Conversation:
    """Reads a conversation.

    Raises:
        ConversationError: it is none.
    """
    try:
        file = msgspec.json.decode(data, type=_File)
        check_pattern(file.requires)
    except (msgspec.DecodeError, BadTemplate) as error:
        raise ConversationError(f"{name}: {error}") from None
    tags = frozenset(file.tags)
    steps = _steps(file.steps, name, "")
    profiles = set(_profiles(steps))
    if profiles != tags & {"plain", "v1"}:
        raise ConversationError(f"{name}: its tags should name the profiles it uses: {profiles}")
    if ("control" in tags) != any(isinstance(step.deed, ServerActs) for step in _all(steps)):
        raise ConversationError(f"{name}: control is the tag of those that move the server")
    return Conversation(
        name=name,
        title=file.title,
        about=file.about,
        tags=tags,
        presence=file.presence,
        requires=file.requires,
        steps=steps,
    )


def _all(steps: Iterable[Step]) -> Iterable[Step]:
    for step in steps:
        yield step
        if isinstance(step.deed, Repeat):
            yield from _all(step.deed.steps)


def _profiles(steps: Iterable[Step]) -> Iterable[Profile]:
    for step in _all(steps):
        match step.deed:
            case Connects(profile=profile) | Enters(profile=profile):
                yield profile
            case SaysHello():
                yield "v1"
            case _:
                pass


_MODIFIERS: Final = {"as", "key", "within", "passing over", "times"}

_SENTENCE = re.compile(r"(?P<who>[A-Z]\w*|the|time) (?P<verb>.+)|repeat")

_ALLOWED: Final[dict[str, set[str]]] = {
    "says hello": {"key"},
    "enters": {"as", "key"},
    "enters plain": {"as"},
    "gets": {"within", "passing over"},
    "gets in any order": {"within", "passing over"},
    "is closed": {"within", "passing over"},
}
"""The modifiers of each verb; all may have `times`."""


def _steps(lines: Sequence[dict[str, JSON]], name: str, prefix: str) -> list[Step]:
    steps = []
    for index, line in enumerate(lines, 1):
        number = f"{prefix}{index}"
        try:
            steps.append(Step(number, _deed(line, name, number)))
        except (msgspec.ValidationError, BadTemplate) as error:
            raise ConversationError(f"{name}, step {number}: {error}") from None
    return steps


def _deed(line: dict[str, JSON], name: str, number: str) -> Deed:
    sentences = line.keys() - _MODIFIERS
    if len(sentences) != 1:
        raise BadTemplate(f"a step says one thing: {show(line)}")
    (sentence,) = sentences
    matched = _SENTENCE.fullmatch(sentence)
    if matched is None:
        raise BadTemplate(f"this is no step: {sentence}")
    verb = matched["verb"] or sentence
    surplus = line.keys() - {sentence, "times"} - _ALLOWED.get(verb, set())
    if surplus:
        raise BadTemplate(f"“{verb}” has no {show(sorted(surplus))}")
    value = line[sentence]
    if sentence == "repeat":
        if "times" not in line:
            raise BadTemplate("repeat takes steps, and how many times")
        inner = _steps(msgspec.convert(value, list[dict[str, Any]]), name, f"{number}.")
        return Repeat(inner, line["times"])
    deed = _simple_deed(matched["who"], verb, value, line)
    if "times" in line and not (isinstance(deed, Sends) and deed.rushes):
        return Repeat([Step(number, deed)], line["times"])
    return deed


def _simple_deed(who: str, verb: str, value: JSON, line: dict[str, JSON]) -> Deed:
    match who, verb:
        case "the", "server":
            return ServerActs(msgspec.convert(value, Action))
        case "time", "passes":
            return TimePasses(value)
        case _, "connects":
            return Connects(who, msgspec.convert(value, Profile))
        case _, "says hello":
            return SaysHello(who=who, username=value, key=line.get("key"))
        case _, "enters" | "enters plain":
            return Enters(
                who=who,
                profile="plain" if verb == "enters plain" else "v1",
                username=line.get("as", f"${who}"),
                room=value,
                key=line.get("key"),
            )
        case _, "sends":
            return Sends(who=who, frames=_list(value))
        case _, "sends at once":
            return Sends(who=who, frames=_list(value), times=line.get("times", 1), rushes=True)
        case _, "sends binary":
            return SendsBinary(who, msgspec.convert(value, str))
        case _, "gets" | "gets in any order":
            check_pattern(value)
            check_pattern(line.get("passing over"))
            return Gets(
                who=who,
                patterns=_list(value),
                ordered=verb == "gets",
                within=line.get("within", DEFAULT_WITHIN),
                passing_over=line.get("passing over"),
            )
        case _, "gets nothing":
            return GetsNothing(who)
        case _, "is closed":
            check_pattern(value)
            return IsClosed(
                who=who,
                code=value,
                within=line.get("within", DEFAULT_WITHIN),
                passing_over=line.get("passing over"),
            )
        case _, "closes":
            return Closes(who, msgspec.convert(value, int))
        case _, "is cut off":
            return IsCut(who)
        case _, "falls silent":
            return FallsSilent(who)
        case _:
            raise BadTemplate(f"this is no step: {who} {verb}")


def _list(value: JSON) -> list[JSON]:
    return value if isinstance(value, list) else [value]
