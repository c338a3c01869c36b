"""The JSON Schema of the frames, from the structs of `causerie.wire`.

The docstrings say what the frames and their fields are, msgspec of which types they are.
`tools/generate.py` writes it.
"""

import ast
import inspect
import itertools
from collections.abc import Iterator
from types import ModuleType
from typing import Any, get_args

import msgspec

from causerie.wire import commands, plain, replies

Frame = type[msgspec.Struct]
Json = dict[str, Any]

ORIGIN = "Made by tools/generate.py from the frames in causerie.wire."


def json_schema() -> Json:
    """The JSON Schema of all frames, from the structs."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The frames of Causerie's protocol",
        "description": f"{ORIGIN} A field that is not listed is ignored.",
        "$defs": definitions("#/$defs/{name}"),
    }


def definitions(ref_template: str) -> dict[str, Json]:
    """The schemas of all frames and of what they are made of, by name, which refer to one another
    as `ref_template` says.
    """
    frames: list[Frame] = [
        *get_args(commands.AnyCommand),
        *get_args(replies.AnyServerFrame),
        replies.UnknownEntry,
        plain.PlainCommand,
        plain.PlainMessage,
        plain.PlainPrivate,
        plain.PlainTyping,
    ]
    _, components = msgspec.json.schema_components(frames, ref_template=ref_template)
    found = {
        struct.__name__: _tidied(components[struct.__name__], struct, docs)
        for module in (commands, replies, plain)
        for struct, docs in _structs(module)
        if struct.__name__ in components
    }
    entries = (replies.Message, replies.Private, replies.UnknownEntry)
    found["HistoryPage"]["properties"]["entries"]["items"] = {
        "anyOf": [{"$ref": ref_template.format(name=entry.__name__)} for entry in entries]
    }
    # Nothing is left out of a presence frame, whatever its defaults.
    found["Presence"]["required"] = list(found["Presence"]["properties"])
    return found


def _structs(module: ModuleType) -> Iterator[tuple[Frame, dict[str, str]]]:
    # The structs that a module defines, each with the docstrings of its fields.
    for node in ast.parse(inspect.getsource(module)).body:
        if not isinstance(node, ast.ClassDef):
            continue
        struct = getattr(module, node.name)
        if issubclass(struct, msgspec.Struct):
            yield struct, dict(_field_docs(node))


def _field_docs(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, doc in itertools.pairwise(node.body):
        match field, doc:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                yield name, " ".join(text.split())
            case _:
                pass


def _tidied(definition: Json, struct: Frame, docs: dict[str, str]) -> Json:
    # msgspec's definition of a struct, as somebody who reads it would have it.
    properties = {}
    names = {field.encode_name: field.name for field in msgspec.structs.fields(struct)}
    for encoded, value in definition["properties"].items():
        tidied = _tidied_value(value)
        if (doc := docs.get(names.get(encoded, ""))) is not None:
            tidied = {"description": doc, **{k: v for k, v in tidied.items() if k != "description"}}
        properties[encoded] = tidied
    return {
        "title": definition["title"],
        "description": summary(struct),
        "type": "object",
        "properties": properties,
        "required": definition["required"],
    }


def _tidied_value(value: Json) -> Json:
    match value:
        case {"enum": [tag]}:
            return {"type": "string", "const": tag}
        case {"anyOf": [one, {"type": "null"}], "default": None}:
            # It may be null in a command, but is best left out, as it is by the server.
            return dict(one)
        case {"anyOf": [{"type": "integer"}, {"type": "number"}]}:
            return {"type": "number"}
        case {"default": None}:
            return {name: part for name, part in value.items() if name != "default"}
        case _:
            return value


def summary(frame: Frame) -> str:
    """What a frame is: the first paragraph of its docstring."""
    assert frame.__doc__ is not None, f"{frame.__name__} says what it is"
    # Python 3.13 keeps it with other spaces.
    return " ".join(frame.__doc__.split("\n\n", maxsplit=1)[0].split())
