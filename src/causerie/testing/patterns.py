"""The blanks in a golden conversation: templates that are filled, patterns that frames must match.

Both are JSON with names in it (`$Alice`) and a few operators (objects whose keys begin with `$`).
How they are written is told in `protocol/conversations/README.md`. Pure: chance and time come in.
"""

import json
import re
from collections.abc import Callable, Mapping
from random import Random
from typing import Final, TypeAlias, TypeGuard

from causerie.wire.errors import CauserieError

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"

DAY_MS: Final = 86_400_000
"""A timestamp is in a unit if, read in it, it lies within a day of now."""

_NAME = re.compile(r"\$([A-Za-z]\w*(?:\.\w+)*)")
_RANDOM_LETTERS: Final = "abcdefghjkpqstuvwxyz"
"""Letters that look like no others, in whatever order: no `rn`, which is `m`, and no `l` or `i`."""
_SHOWN: Final = 300
"""Characters of a value that are shown to people."""


class BadTemplate(CauserieError):
    """A conversation asks for what cannot be: a name nobody has set, an operator nobody knows."""


class _Missing:
    """What is not there."""


_MISSING = _Missing()
_Value: TypeAlias = "JSON | _Missing"


class Variables:
    """What the names in a conversation stand for, in one run.

    A name that nothing has set is made up where its first letters say how: a capital, a username;
    `room`, a room; `key`, a key; `id`, an id; `digits`, ten digits. All are random, so that a
    conversation can be played again and again beside others.
    """

    def __init__(
        self, chance: Random, now: Callable[[], int], known: Mapping[str, JSON] | None = None
    ) -> None:
        """`now` tells the time in microseconds since 1970; `known` are names set already."""
        self._chance = chance
        self._now = now
        self._values: dict[str, JSON] = dict(known or {})

    def set(self, name: str, value: JSON) -> None:
        """Gives a name its value."""
        self._values[name] = value

    def new_id(self) -> str:
        """Makes up an id."""
        return _MAKERS["id"]("id", self._chance)

    def knows(self, name: str) -> bool:
        """Whether a name has a value, or one can be made up."""
        return name in self._values or _made_up(name) is not None

    def fill(self, template: JSON) -> JSON:
        """Puts values in place of names, and results in place of operators.

        Raises:
            BadTemplate: it holds what cannot be.
        """
        match template:
            case str():
                return self._fill_text(template)
            case list():
                return [self.fill(item) for item in template]
            case dict() if _is_operator(template):
                return self._operate(template)
            case dict():
                if any(name.startswith("$") for name in template):
                    raise BadTemplate(f"there is no operator like {show(template)}")
                return {name: self.fill(value) for name, value in template.items()}
            case _:
                return template

    def integer(self, template: JSON) -> int:
        """Fills a template that has to come to an integer.

        Raises:
            BadTemplate: it does not.
        """
        value = self.fill(template)
        if isinstance(value, bool) or not isinstance(value, int):
            raise BadTemplate(f"{show(template)} should be an integer and is {show(value)}")
        return value

    def mismatch(self, pattern: JSON, value: JSON) -> str | None:
        """Says where a value first differs from a pattern; None if it matches.

        Names in the pattern that nothing has set, and that are not made up, take the value that
        stands in their place; only if all of it matches.
        """
        found: dict[str, JSON] = {}
        difference = self._compare(pattern, value, "", found)
        if difference is None:
            self._values.update(found)
        return difference

    # Filling.

    def _fill_text(self, text: str) -> JSON:
        if whole := _NAME.fullmatch(text):
            return self._value(whole[1])
        return _NAME.sub(lambda matched: _as_text(self._value(matched[1])), text)

    def _value(self, path: str) -> JSON:
        name, *steps = path.split(".")
        if name not in self._values:
            make = _made_up(name)
            if make is None:
                raise BadTemplate(f"nothing has set ${name}")
            self._values[name] = make(name, self._chance)
        value = self._values[name]
        for step in steps:
            match value:
                case dict() if step in value:
                    value = value[step]
                case list() if step.isdecimal() and int(step) < len(value):
                    value = value[int(step)]
                case _:
                    raise BadTemplate(f"there is no {step} in ${name}: {show(value)}")
        return value

    def _operate(self, template: dict[str, JSON]) -> JSON:
        match template:
            case {"$sum": list(terms)} if len(template) == 1:
                return sum(self._number(term) for term in terms)
            case {"$repeat": text, "times": times} if len(template) == 2:
                return _as_text(self.fill(text)) * self.integer(times)
            case {"$concat": list(parts)} if len(template) == 1:
                return "".join(_as_text(self.fill(part)) for part in parts)
            case {"$upper": text} if len(template) == 1:
                return _as_text(self.fill(text)).upper()
            case {"$now": "ms"} if len(template) == 1:
                return self._now() // 1000
            case {"$now": "s"} if len(template) == 1:
                return self._now() / 1_000_000
            case _:
                raise BadTemplate(f"there is no operator like {show(template)}")

    def _number(self, template: JSON) -> int | float:
        value = self.fill(template)
        if not _is_number(value):
            raise BadTemplate(f"{show(template)} should be a number and is {show(value)}")
        return value

    # Comparing.

    def _compare(
        self, pattern: JSON, value: _Value, where: str, found: dict[str, JSON]
    ) -> str | None:
        if isinstance(pattern, str):
            captures = _NAME.fullmatch(pattern)
            if captures and captures[1] in found:
                return _equal(found[captures[1]], value, where)
            if captures and "." not in captures[1] and not self.knows(captures[1]):
                if isinstance(value, _Missing):
                    return _differs(where, "something", value)
                found[captures[1]] = value
                return None
            return _equal(self._fill_text(pattern), value, where)
        if isinstance(pattern, dict):
            if _is_matcher(pattern):
                return self._compare_by(pattern, value, where, found)
            if not _is_operator(pattern):
                return self._compare_object(pattern, value, where, found)
            pattern = self.fill(pattern)
        if isinstance(pattern, list):
            if not isinstance(value, list) or len(value) != len(pattern):
                return _differs(where, f"{len(pattern)} elements", value)
            for index, (one, other) in enumerate(zip(pattern, value, strict=True)):
                if difference := self._compare(one, other, f"{where}[{index}]", found):
                    return difference
            return None
        return _equal(pattern, value, where)

    def _compare_object(
        self,
        pattern: dict[str, JSON],
        value: _Value,
        where: str,
        found: dict[str, JSON],
    ) -> str | None:
        # What is in the value and not in the pattern does no harm.
        if not isinstance(value, dict):
            return _differs(where, "an object", value)
        for name, one in pattern.items():
            inner = f"{where}.{name}" if where else name
            if difference := self._compare(one, value.get(name, _MISSING), inner, found):
                return difference
        return None

    def _compare_by(
        self,
        pattern: dict[str, JSON],
        value: _Value,
        where: str,
        found: dict[str, JSON],
    ) -> str | None:
        for matcher, argument in pattern.items():
            if matcher == "$as":
                if isinstance(value, _Missing):
                    return _differs(where, "something", value)
                found[str(self.fill(argument))] = value
            elif difference := self._holds(matcher, argument, value, where, found):
                return difference
        return None

    def _holds(
        self,
        matcher: str,
        argument: JSON,
        value: _Value,
        where: str,
        found: dict[str, JSON],
    ) -> str | None:
        match matcher:
            case "$is":
                kinds = argument if isinstance(argument, list) else [argument]
                fits = all(self._is(kind, value) for kind in kinds)
                expected = " ".join(map(str, kinds))
            case "$not":
                fits = self._compare(argument, value, where, {}) is not None
                expected = f"anything but {show(argument)}"
            case "$either":
                assert isinstance(argument, list), "the loader has seen to it"
                return self._either(argument, value, where, found)
            case "$above" | "$below":
                bound = self._number(argument)
                fits = _is_number(value) and (
                    value > bound if matcher == "$above" else value < bound
                )
                expected = f"a number {matcher[1:]} {bound}"
            case "$contains":
                text = _as_text(self.fill(argument))
                fits = isinstance(value, str) and text in value
                expected = f"a text with {show(text)} in it"
            case "$count":
                if isinstance(value, str | list):
                    return self._compare(argument, len(value), f"the length of {where}", found)
                fits, expected = False, "something that has a length"
            case "$has" | "$these":
                assert isinstance(argument, list), "the loader has seen to it"
                return self._has(argument, value, where, found, only=matcher == "$these")
            case _:
                raise BadTemplate(f"there is no matcher {matcher}")
        return None if fits else _differs(where, expected, value)

    def _is(self, kind: JSON, value: _Value) -> bool:
        match kind:
            case "any":
                return value is not None and not isinstance(value, _Missing)
            case "string":
                return isinstance(value, str)
            case "boolean":
                return isinstance(value, bool)
            case "number":
                return _is_number(value)
            case "integer":
                return _is_number(value) and not isinstance(value, float)
            case "array":
                return isinstance(value, list)
            case "object":
                return isinstance(value, dict)
            case "ms":
                return _is_number(value) and abs(value - self._now() / 1e3) < DAY_MS
            case "s":
                return _is_number(value) and abs(value - self._now() / 1e6) < DAY_MS / 1e3
            case _:
                raise BadTemplate(f"there is no kind {show(kind)}")

    def _either(
        self, patterns: list[JSON], value: _Value, where: str, found: dict[str, JSON]
    ) -> str | None:
        for pattern in patterns:
            tried = dict(found)
            if self._compare(pattern, value, where, tried) is None:
                found.update(tried)
                return None
        return _differs(where, f"one of {show(patterns)}", value)

    def _has(
        self,
        patterns: list[JSON],
        value: _Value,
        where: str,
        found: dict[str, JSON],
        *,
        only: bool,
    ) -> str | None:
        if not isinstance(value, list):
            return _differs(where, "an array", value)
        left = list(value)
        for pattern in patterns:
            for index, one in enumerate(left):
                tried = dict(found)
                if self._compare(pattern, one, where, tried) is None:
                    found.update(tried)
                    del left[index]
                    break
            else:
                return _differs(where, f"an array with {show(pattern)} in it", value)
        if only and left:
            return _differs(where, f"no {show(left[0])} in it", value)
        return None


_OPERATORS = frozenset({"$sum", "$repeat", "$concat", "$upper", "$now"})
_MATCHERS = frozenset(
    {"$is", "$as", "$not", "$either", "$above", "$below", "$contains", "$count", "$has", "$these"}
)
_LISTS = frozenset({"$either", "$has", "$these"})


def check_pattern(pattern: JSON) -> None:
    """Sees to it that a pattern holds known operators and matchers only.

    Raises:
        BadTemplate: it does not.
    """
    if isinstance(pattern, dict):
        special = {name for name in pattern if name.startswith("$")}
        if special and special.isdisjoint(_OPERATORS) and not pattern.keys() <= _MATCHERS:
            raise BadTemplate(f"there is no operator or matcher like {show(pattern)}")
        for name in special & _LISTS:
            if not isinstance(pattern[name], list):
                raise BadTemplate(f"{name} takes an array: {show(pattern)}")
        for value in pattern.values():
            check_pattern(value)
    elif isinstance(pattern, list):
        for value in pattern:
            check_pattern(value)


def show(value: object) -> str:
    """A value as people read it: JSON, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False)
    if len(text) > _SHOWN:
        return f"{text[:_SHOWN]}… ({len(text)} characters)"
    return text


def _is_operator(template: dict[str, JSON]) -> bool:
    return not _OPERATORS.isdisjoint(template)


def _is_matcher(pattern: dict[str, JSON]) -> bool:
    return any(name in _MATCHERS for name in pattern)


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _made_up(name: str) -> Callable[[str, Random], str] | None:
    if name[0].isupper():
        return lambda name, chance: f"{name}-{_letters(chance)}"
    for prefix, make in _MAKERS.items():
        if name.startswith(prefix):
            return make
    return None


def _letters(chance: Random) -> str:
    return "".join(chance.choices(_RANDOM_LETTERS, k=8))


_MAKERS: dict[str, Callable[[str, Random], str]] = {
    "room": lambda name, chance: f"{name.lower()}-{_letters(chance)}",
    "key": lambda _, chance: f"{chance.getrandbits(128):032x}",
    "id": lambda _, chance: f"{chance.getrandbits(128):032x}",
    "digits": lambda _, chance: f"{chance.randrange(10**10):010d}",
}


def _as_text(value: JSON) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _equal(expected: JSON, value: _Value, where: str) -> str | None:
    # A server leaves out what is null, and what has its default: a field that is not there stands
    # for null, false or 0.
    if isinstance(value, _Missing):
        fits = expected is None or expected is False or (expected == 0 and _is_number(expected))
    elif _is_number(expected) and _is_number(value):
        fits = expected == value
    else:
        fits = type(expected) is type(value) and expected == value
    return None if fits else _differs(where, show(expected), value)


def _differs(where: str, expected: str, value: _Value) -> str:
    got = "nothing" if isinstance(value, _Missing) else show(value)
    return f"{where or 'the frame'} should be {expected}, and is {got}"
