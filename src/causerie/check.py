"""`causerie check`: plays the golden conversations with a server, and tells what holds."""

import asyncio
import os
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from random import Random, SystemRandom
from time import monotonic
from typing import Final, Literal, TextIO, get_args

import msgspec

from causerie.testing.conversations import Conversation, Profile, Tag, load_conversations
from causerie.testing.patterns import JSON
from causerie.testing.playing import (
    ConversationFailed,
    Driver,
    OutOfNames,
    Unreachable,
    play,
    unmet,
    welcome,
)
from causerie.testing.websocket_driver import WebSocketDriver
from causerie.tui.sanitise import sanitise
from causerie.wire.errors import CauserieError

HELD: Final = 0
FAILED: Final = 1

AT_ONCE: Final = 24
"""Conversations: most of their time they wait."""

LONGEST: Final = 120.0
"""Seconds that a conversation may take: each step has a deadline of its own, but for a server that
reads nothing."""

BAR: Final = 30
"""Characters."""

_NO_NAMES: Final = "the server gives this address no more new names for now"
_LOBBY: Final = "would be read by everybody in the lobby (--tag lobby plays it)"


NEAREST: Final = 3
"""Conversations that are named where there is none of a name."""


class CannotCheck(CauserieError):
    """Nothing could be played: it says why, in a sentence."""


def _none_called(name: str, known: Sequence[str]) -> str:
    """Says that there is no conversation of a name, and which there are."""
    nearest = get_close_matches(name, known, n=NEAREST, cutoff=0.0)
    some = f"the nearest are {', '.join(nearest)}" if len(known) > 1 else f"there is {known[0]}"
    return f"there is no conversation {name!r}; {some}, and --only '*' plays all"


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """Which conversations to play; all but what the lobby would see, unless told."""

    tags: Sequence[str] = ()
    """Those with one of these."""
    names: Sequence[str] = ()
    """Those that are called so; `*` stands for anything."""
    profile: Profile | None = None
    """Those in which nobody speaks the other one."""

    def of(self, conversations: Iterable[Conversation]) -> list[Conversation]:
        """Chooses.

        Raises:
            CannotCheck: there are none such.
        """
        for tag in self.tags:
            if tag not in get_args(Tag):
                raise CannotCheck(f"there is no tag {tag!r}; there are {', '.join(get_args(Tag))}")
        known = list(conversations)
        for name in self.names:
            if not any(fnmatchcase(conversation.name, name) for conversation in known):
                raise CannotCheck(_none_called(name, [one.name for one in known]))
        other = {"plain": "v1", "v1": "plain", None: None}[self.profile]
        chosen = [
            conversation
            for conversation in known
            if other not in conversation.tags
            and (not self.tags or not conversation.tags.isdisjoint(self.tags))
            and (not self.names or any(fnmatchcase(conversation.name, name) for name in self.names))
        ]
        if not chosen:
            given = {"--only": self.names, "--tag": self.tags, f"--{self.profile}": self.profile}
            flags = [flag for flag, value in given.items() if value]
            raise CannotCheck(
                f"no conversation is chosen by {' and '.join(flags)} together: leave one out"
            )
        return chosen

    def unwanted(self, conversation: Conversation) -> str | None:
        """Says why a conversation is better not played; None if it is all right."""
        asked = "lobby" in self.tags or conversation.name in self.names
        return _LOBBY if "lobby" in conversation.tags and not asked else None


class Result(msgspec.Struct, frozen=True):
    """What came of one conversation."""

    conversation: Conversation
    outcome: Literal["held", "failed", "skipped"]
    reason: str = ""
    """Why it was skipped, or what went wrong."""
    seconds: float = 0.0


class Report:
    """What people see of it, on a terminal or in a pipe."""

    def __init__(self, out: TextIO, *, colour: bool | None = None) -> None:
        """`colour` is for a terminal, unless told, and unless NO_COLOR is set."""
        self._out = out
        self._on_terminal = out.isatty()
        if colour is None:
            colour = self._on_terminal and not os.environ.get("NO_COLOR")
        self._colours = _COLOURS if colour else {}
        self._total = 0
        self._done = 0
        self._failed = 0

    def begin(self, url: str, server: str, total: int) -> None:
        """Says what is about to be played."""
        self._total = total
        of = f" ({sanitise(server)})" if server else ""
        self._say(f"Checking {url}{of}: {total} conversations.")
        self._show_progress()

    def add(self, result: Result) -> None:
        """Tells of one that has been played."""
        self._done += 1
        conversation = result.conversation
        if result.outcome == "failed":
            self._failed += 1
            self._say(f"{self._mark('failed')} {conversation.name}: {conversation.title}")
            for line in result.reason.splitlines():
                self._say(f"    {sanitise(line)}")
        elif not self._on_terminal:
            mark = self._mark(result.outcome)
            self._say(f"{mark} {conversation.name}  {result.seconds:.1f} s")
        self._show_progress()

    def end(self, results: Sequence[Result]) -> None:
        """Sums up."""
        self._clear_progress()
        by_outcome = {
            outcome: [result for result in results if result.outcome == outcome]
            for outcome in _COLOURS
        }
        self._say("")
        self._sum_up("held", len(by_outcome["held"]))
        failed = [result.conversation.name for result in by_outcome["failed"]]
        self._sum_up("failed", len(failed), ", ".join(failed))
        reasons: dict[str, list[str]] = {}
        for result in by_outcome["skipped"]:
            reasons.setdefault(result.reason, []).append(result.conversation.name)
        self._sum_up(
            "skipped",
            len(by_outcome["skipped"]),
            *(f"{sanitise(reason)}: {', '.join(names)}" for reason, names in reasons.items()),
        )

    def _sum_up(self, outcome: str, count: int, first: str = "", *others: str) -> None:
        mark = self._mark(outcome) if count else f"{outcome:<7}"
        self._say(f"{mark} {count:>4}  {first}".rstrip())
        for note in others:
            self._say(f"{'':14}{note}")

    def _mark(self, outcome: str) -> str:
        before = self._colours.get(outcome, "")
        return f"{before}{outcome:<7}{_PLAIN if before else ''}"

    def _say(self, line: str) -> None:
        self._clear_progress()
        self._out.write(f"{line}\n")
        self._out.flush()

    def _show_progress(self) -> None:
        if self._on_terminal and self._done < self._total:
            filled = BAR * self._done // self._total
            bar = "#" * filled + "-" * (BAR - filled)
            self._clear_progress()
            self._out.write(f"[{bar}] {self._done} of {self._total}, {self._failed} failed")
            self._out.flush()

    def _clear_progress(self) -> None:
        if self._on_terminal:
            self._out.write(_CLEAR_LINE)


# ECMA-48: select graphic rendition (8.3.117), erase in line (8.3.41).
_COLOURS: Final = {"held": "\x1b[32m", "failed": "\x1b[31m", "skipped": "\x1b[33m"}
_PLAIN: Final = "\x1b[0m"
_CLEAR_LINE: Final = "\r\x1b[K"


def run(url: str, choice: Choice, out: TextIO) -> int:
    """Plays conversations with the server at a URL; answers the exit code.

    `url` is as `causerie.client.address` makes it.

    Raises:
        CannotCheck: the server cannot be reached, or there is nothing to play.
    """
    chosen = choice.of(load_conversations())
    return asyncio.run(check(url, WebSocketDriver(url), chosen, choice, Report(out)))


async def check(
    url: str,
    driver: Driver,
    conversations: Sequence[Conversation],
    choice: Choice,
    report: Report,
) -> int:
    """Plays conversations, as many at once as do no harm; answers the exit code.

    Raises:
        CannotCheck: the server cannot be reached.
    """
    chance = SystemRandom()
    greeting = await _greeting(url, driver, choice, chance)
    results = []
    playable = []
    for conversation in conversations:
        reason = choice.unwanted(conversation) or unmet(conversation, greeting, driver.abilities)
        if reason is None:
            playable.append(conversation)
        else:
            results.append(Result(conversation, "skipped", reason))
    report.begin(url, str(greeting.get("server", "")), len(playable))
    places = asyncio.Semaphore(AT_ONCE)

    async def one(conversation: Conversation) -> None:
        async with places:
            result = await _play(conversation, driver, greeting, chance)
        results.append(result)
        report.add(result)

    async with asyncio.TaskGroup() as group:
        # Those that wait longest begin first, so that the others fill their time.
        for conversation in sorted(playable, key=lambda one: "slow" not in one.tags):
            group.create_task(one(conversation))
    report.end(sorted(results, key=lambda result: result.conversation.name))
    return FAILED if any(result.outcome == "failed" for result in results) else HELD


async def _greeting(url: str, driver: Driver, choice: Choice, chance: Random) -> Mapping[str, JSON]:
    try:
        return await welcome(driver, chance)
    except Unreachable as error:
        if choice.profile == "plain" and error.is_refused:
            # A server of the plain profile alone has no welcome to tell its limits in.
            return {}
        raise CannotCheck(f"{url} cannot be reached: {sanitise(str(error))}") from None
    except OutOfNames:
        raise CannotCheck(f"{url} cannot be checked: {_NO_NAMES}") from None
    except ConversationFailed as error:
        reason = sanitise(" ".join(str(error).split()))
        raise CannotCheck(f"{url} does not answer as a chat does: {reason}") from None


async def _play(
    conversation: Conversation, driver: Driver, greeting: Mapping[str, JSON], chance: Random
) -> Result:
    began = monotonic()
    try:
        async with asyncio.timeout(LONGEST):
            await play(conversation, driver, greeting, chance)
    except ConversationFailed as error:
        return Result(conversation, "failed", str(error), monotonic() - began)
    except OutOfNames:
        return Result(conversation, "skipped", _NO_NAMES)
    except Unreachable as error:
        reason = f"the server cannot be reached any more: {error}"
        return Result(conversation, "failed", reason, monotonic() - began)
    except TimeoutError:
        return Result(conversation, "failed", f"it is not over after {LONGEST:.0f} s", LONGEST)
    return Result(conversation, "held", "", monotonic() - began)
