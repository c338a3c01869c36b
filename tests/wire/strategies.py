"""Hypothesis strategies for the protocol's frames, read from the structs themselves, and what is
none of them.
"""

import json
from functools import cache
from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import inspect

from causerie.wire.codec import encode
from causerie.wire.commands import MAX_SAFE_INTEGER

Frame = type[msgspec.Struct]


@cache
def frames(*structs: Frame) -> st.SearchStrategy[Any]:
    """Returns frames of these structs with any values that their fields allow."""
    return st.one_of([_of(inspect.type_info(struct)) for struct in structs])


def _of(kind: inspect.Type) -> st.SearchStrategy[Any]:
    match kind:
        case inspect.Metadata(type=inner):
            return _of(inner)
        case inspect.StructType(cls=struct, fields=fields):
            return st.builds(struct, **{field.name: _of(field.type) for field in fields})
        case inspect.StrType(pattern=str(pattern)):
            return st.from_regex(pattern.replace("(?!\\n)$", "\\Z"))
        case inspect.StrType(min_length=shortest, max_length=longest):
            return st.text(min_size=shortest or 0, max_size=longest)
        case inspect.IntType(ge=least, le=most):
            return st.integers(0 if least is None else least, most or MAX_SAFE_INTEGER)
        case inspect.FloatType(ge=least):
            return st.floats(least, allow_nan=False, allow_infinity=False)
        case inspect.BoolType():
            return st.booleans()
        case inspect.NoneType():
            return st.none()
        case inspect.UnionType(types=types):
            return st.one_of([_of(inner) for inner in types])
        case inspect.LiteralType(values=values):
            return st.sampled_from(values)
        case inspect.ListType(item_type=item):
            return st.lists(_of(item), max_size=5)
        case inspect.RawType():
            anything = st.dictionaries(st.text(), st.none() | st.integers() | st.text())
            return anything.map(lambda value: msgspec.Raw(encode(value)))
        case unforeseen:
            raise NotImplementedError(unforeseen)


def is_noise(data: bytes) -> bool:
    """Whether it cannot be a frame: Hypothesis tries texts out of the sources too, and some are."""
    try:
        frame = json.loads(data)
    except (ValueError, RecursionError):
        return True
    return not (isinstance(frame, dict) and "type" in frame)
