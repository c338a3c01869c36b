"""What the tests of the generators have in common: the documents as they stand, and the frames."""

import json
from pathlib import Path
from typing import Any, get_args

import msgspec

from causerie.wire import plain
from causerie.wire.commands import AnyCommand
from causerie.wire.replies import AnyServerFrame

ROOT = Path(__file__).parents[2]
PROTOCOL = ROOT / "protocol"
TYPESCRIPT = ROOT / "sdk" / "typescript" / "src" / "generated"

PLAIN = (plain.PlainMessage, plain.PlainPrivate, plain.PlainTyping)
COMMANDS = get_args(AnyCommand)
SERVER_FRAMES = get_args(AnyServerFrame)


def document(name: str) -> Any:
    return json.loads((PROTOCOL / name).read_text(encoding="utf-8"))


def names(*frames: type[msgspec.Struct]) -> set[str]:
    return {frame.__name__[0].lower() + frame.__name__[1:] for frame in frames}
