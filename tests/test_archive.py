"""One chat at rest is copied into another, from wherever that was left, or is refused."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import pytest
from msgspec.structs import replace
from tests.adapters.archives import (
    by_room,
    comparable,
    fill,
    kept,
    message,
    private,
    random_chat,
    read_all,
)

from causerie.adapters.sqlite import open_archive
from causerie.adapters.sqlite_archive import SqliteArchive
from causerie.adapters.sqlite_file import DataFolder
from causerie.archive import HoldsMore, HoldsNames, HoldsOther, Phase, Unlike, copy
from causerie.chat.entry import Entry


@pytest.fixture
def source(tmp_path: Path) -> Iterator[SqliteArchive]:
    archive = open_archive(tmp_path / "source")
    yield archive
    archive.close()


@pytest.fixture
def target(tmp_path: Path) -> Iterator[SqliteArchive]:
    archive = open_archive(tmp_path / "target")
    yield archive
    archive.close()


def nobody(_phase: Phase, _done: int, _total: int) -> None:
    """Is told, and does nothing."""


class Told:
    """Takes what is told of the progress."""

    def __init__(self) -> None:
        self.all: list[tuple[Phase, int, int]] = []

    def __call__(self, phase: Phase, done: int, total: int) -> None:
        self.all.append((phase, done, total))


async def test_a_copy_holds_what_the_source_holds_and_says_how_much(
    source: SqliteArchive, target: SqliteArchive
) -> None:
    chat = random_chat(1, 2_500)
    await fill(source, chat)
    told = Told()
    copied = await copy(source, target, told)
    assert comparable(await read_all(target)) == comparable(chat)
    assert copied == (len({entry.room for entry in chat.entries}), 2_500, len(chat.names), 2_500)
    assert told.all[0] == ("copying", 0, 2_500)
    assert ("copying", 2_500, 2_500) in told.all
    assert told.all[-1] == ("checking", 5_000, 5_000)


async def test_an_empty_chat_is_copied_too(source: SqliteArchive, target: SqliteArchive) -> None:
    assert await copy(source, target, nobody) == (0, 0, 0, 0)


@pytest.mark.parametrize("held", [1, 999, 1_000, 1_001, 2_499, 2_500])
async def test_what_was_copied_before_is_not_copied_again(
    source: SqliteArchive, target: SqliteArchive, held: int
) -> None:
    chat = random_chat(2, 2_500)
    await fill(source, chat)
    await target.append(chat.entries[:held])
    told = Told()
    copied = await copy(source, target, told)
    assert copied.new == 2_500 - held
    looked = [done for phase, done, _ in told.all if phase == "looking"]
    assert looked == sorted(looked)
    assert (looked[0], looked[-1]) == (0, 2 * held)
    assert comparable(await read_all(target)) == comparable(chat)


@pytest.mark.parametrize("seed", range(5))
async def test_a_target_may_hold_of_each_room_another_beginning(
    source: SqliteArchive, target: SqliteArchive, seed: int
) -> None:
    chance, chat = Random(seed), random_chat(seed, 1_500)
    await fill(source, chat)
    rooms: dict[str, list[Entry]] = {}
    for entry in chat.entries:
        rooms.setdefault(entry.room, []).append(entry)
    parts = [entries[: chance.randint(0, len(entries))] for entries in rooms.values()]
    chance.shuffle(parts)
    for part in parts:
        await target.append(part)
    copied = await copy(source, target, nobody)
    assert copied.new == 1_500 - sum(map(len, parts))
    assert comparable(by_room(await read_all(target))) == comparable(by_room(chat))


async def test_names_of_an_earlier_day_become_those_of_the_source(
    source: SqliteArchive, target: SqliteArchive
) -> None:
    await fill(source, random_chat(3, 10))
    await copy(source, target, nobody)
    await source.append([message(11)])
    await source.set_names([kept(1, "Zoé")])
    await copy(source, target, nobody)
    assert [name.name.display for name in await target.names()] == ["Zoé"]


TALK = private(1, 1, 2)


@pytest.mark.parametrize(
    "other",
    [
        message(1),
        replace(TALK, room="~else"),
        replace(TALK, identity="k:else"),
        replace(TALK, id="else"),
        replace(TALK, username="Else"),
        replace(TALK, content="else"),
        replace(TALK, timestamp=TALK.timestamp + 1),
        replace(TALK, to="Else"),
        replace(TALK, peer="k:else"),
        replace(TALK, reply_to="else"),
    ],
)
async def test_a_target_that_holds_something_else_is_refused_and_stays_as_it_is(
    source: SqliteArchive, target: SqliteArchive, other: Entry
) -> None:
    await source.append([message(0), TALK, message(2)])
    await target.append([message(0), other])
    await target.set_names([kept(1, "Zoé")])
    before = await read_all(target)
    with pytest.raises(HoldsOther) as refused:
        await copy(source, target, nobody)
    assert refused.value.room in {TALK.room, other.room}
    assert await read_all(target) == before


async def test_a_target_in_which_people_went_on_is_refused(
    source: SqliteArchive, target: SqliteArchive
) -> None:
    await source.append([message(0)])
    await target.append([message(0), message(1)])
    with pytest.raises(HoldsMore):
        await copy(source, target, nobody)


async def test_one_in_which_they_went_on_in_one_room_and_not_in_another_is_something_else(
    source: SqliteArchive, target: SqliteArchive
) -> None:
    await source.append([message(0), message(1, "garden"), message(2, "garden")])
    await target.append([message(0), message(3), message(1, "garden")])
    with pytest.raises(HoldsOther) as refused:
        await copy(source, target, nobody)
    assert refused.value.room == "lobby"


async def test_of_an_empty_source_a_target_that_holds_something_is_no_continuation(
    source: SqliteArchive, target: SqliteArchive
) -> None:
    await target.append([message(0)])
    with pytest.raises(HoldsOther):
        await copy(source, target, nobody)


async def test_names_of_somebody_else_are_not_lost(
    source: SqliteArchive, target: SqliteArchive
) -> None:
    await fill(source, random_chat(4, 10))
    await target.set_names([kept(1, "Zoé")])
    with pytest.raises(HoldsNames) as refused:
        await copy(source, target, nobody)
    assert refused.value.name == "Zoé"
    assert not (await read_all(target)).entries


class Careless(SqliteArchive):
    """One that says it has stored everything, and has not."""

    def __init__(self, folder: Path, spoil: str) -> None:
        super().__init__(DataFolder(folder))
        self._spoil = spoil

    async def append(self, entries: Sequence[Entry]) -> None:
        match self._spoil:
            case "an entry":
                entries = entries[:-1]
            case "the order":
                entries = entries[::-1]
            case _:
                entries = [*entries[:-1], message(99, entries[-1].room, content="mutated")]
        await super().append(entries)


@pytest.mark.parametrize("spoil", ["an entry", "the order", "a content"])
async def test_a_copy_that_is_not_like_the_source_is_found_and_is_no_whole_one(
    source: SqliteArchive, tmp_path: Path, spoil: str
) -> None:
    await source.append([message(0, "garden"), message(1), message(2)])
    careless = Careless(tmp_path / "careless", spoil)
    with pytest.raises(Unlike) as refused:
        await copy(source, careless, nobody)
    assert refused.value.rooms == ["lobby"]
    careless.close()
    folder = DataFolder(tmp_path / "careless")
    assert folder.is_part
    folder.unlock()


async def test_names_that_are_not_like_those_of_the_source_are_found(
    source: SqliteArchive, target: SqliteArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forget(_: object) -> None:
        """Keeps nothing."""

    await source.set_names([kept(1, "Zoé"), kept(2, "Bob")])
    monkeypatch.setattr(target, "set_names", forget)
    with pytest.raises(Unlike) as refused:
        await copy(source, target, nobody)
    assert (refused.value.rooms, refused.value.names) == ([], 2)
