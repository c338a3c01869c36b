"""A data folder at rest is read and filled, and a server serves what was put there."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
from tests.adapters.archives import (
    PEOPLE,
    comparable,
    fill,
    kept,
    message,
    private,
    random_chat,
    read_all,
)
from tests.adapters.sqlite_storage import SqliteStorage

from causerie.adapters.sqlite import FolderInUse, open_archive
from causerie.adapters.sqlite_archive import SqliteArchive
from causerie.adapters.sqlite_file import DATABASE, StorageError, Unfinished
from causerie.archive import copy
from causerie.chat.entry import Draft, Entry
from causerie.chat.names import parse_username
from causerie.ports import Claimed, Repeated, Stored, Taken
from causerie.testing.contracts import Rig, draft


@pytest.fixture
def storage(tmp_path: Path) -> SqliteStorage:
    return SqliteStorage(base=tmp_path)


@pytest.fixture
def archive(storage: SqliteStorage) -> Iterator[SqliteArchive]:
    archive = open_archive(storage.folder)
    yield archive
    archive.close()


def said_again(entry: Entry) -> Draft:
    """What its author's client sends that has not been told that it was stored."""
    return Draft(
        room=entry.room,
        identity=entry.identity,
        id=entry.id,
        kind=entry.kind,
        username=entry.username,
        content=entry.content,
        to=entry.to,
        peer=entry.peer,
        reply_to=entry.reply_to,
        first_tried=entry.timestamp,
    )


async def test_all_that_was_put_in_is_read_again_in_its_order(tmp_path: Path) -> None:
    chat = random_chat(1, 2_500)
    archive = open_archive(tmp_path)
    await fill(archive, chat)
    assert comparable(await read_all(archive)) == comparable(chat)
    archive.close()
    again = open_archive(tmp_path)
    assert comparable(await read_all(again)) == comparable(chat)
    assert await again.count() == 2_500
    again.close()


async def test_what_is_left_of_a_log_that_was_trimmed_is_read_and_moved(
    storage: SqliteStorage, tmp_path: Path
) -> None:
    rig = Rig(storage)
    rooms = ("red", "blue")
    rig.store(*(draft(f"{room} {n}", room=room) for n in range(20) for room in rooms))
    rig.trim(keep=3)
    left = [entry for room in rooms for entry in rig.read(room)]
    rig.close()
    archive, target = open_archive(storage.folder), open_archive(tmp_path / "target")
    assert await archive.count() == 6
    found = (await read_all(archive)).entries
    assert sorted(found, key=str) == sorted(left, key=str)
    copied = await copy(archive, target, lambda _phase, _done, _total: None)
    assert (copied.rooms, copied.entries) == (2, 6)
    assert comparable(await read_all(target)) == comparable(await read_all(archive))
    archive.close()
    target.close()


async def test_each_room_is_numbered_without_gaps(archive: SqliteArchive) -> None:
    await archive.append([message(0), private(1, 1, 2), message(2)])
    await archive.append([message(3)])
    entries = (await read_all(archive)).entries
    assert [(entry.seq, entry.prev) for entry in entries] == [(1, 0), (1, 0), (2, 1), (3, 2)]


async def test_what_is_appended_later_is_of_the_same_people(storage: SqliteStorage) -> None:
    for start in (0, 50):
        archive = open_archive(storage.folder)
        await archive.append(random_chat(start, 50).entries)
        assert len({entry.identity for entry in (await read_all(archive)).entries}) == len(PEOPLE)
        assert await archive.count() == start + 50
        archive.close()


async def test_reading_can_be_interrupted_between_two_pieces(archive: SqliteArchive) -> None:
    await archive.append([message(number) for number in range(5_000)])
    reading = asyncio.create_task(read_all(archive))
    await asyncio.sleep(0)
    reading.cancel()
    await asyncio.wait([reading])
    assert reading.cancelled()


async def test_what_comes_while_it_is_read_is_not_in_it(archive: SqliteArchive) -> None:
    await archive.append([message(number) for number in range(1_500)])
    found: list[Entry] = []
    async for piece in archive.read():
        found += piece
        await archive.append([message(9_000 + len(found))])
    assert len(found) == 1_500


@pytest.mark.slow
def test_a_server_finds_all_and_goes_on_from_there(storage: SqliteStorage) -> None:
    """It has more entries than its memory has room for beside the indexes."""
    entries = [message(number, who=number % 3) for number in range(40_000)]
    talk = [private(50_000, 1, 2), private(50_001, 2, 1), private(50_002, 3, 3)]
    archive = open_archive(storage.folder)
    asyncio.run(archive.append([*entries, *talk]))
    asyncio.run(archive.set_names([kept(1, "Zoé"), kept(2, "Bob")]))
    archive.close()
    rig = Rig(storage)
    assert rig.head("lobby").id == "m39999"
    assert rig.head("lobby").seq == 40_000
    assert [entry.id for entry in rig.read("lobby", after=20_000, limit=2)] == ["m20000", "m20001"]
    (again,) = rig.append(said_again(entries[123]))
    assert isinstance(again, Repeated)
    (again,) = rig.append(said_again(talk[0]))
    assert isinstance(again, Repeated)
    (new,) = rig.append(said_again(message(60_000)))
    assert isinstance(new, Stored)
    assert new.entry.seq == 40_001
    assert new.entry.timestamp > entries[-1].timestamp
    talks = rig.conversations(PEOPLE[2])
    assert [(one.room, one.peer_name, one.head.seq) for one in talks] == [
        (talk[0].room, "Person1", 2)
    ]
    assert rig.conversations(PEOPLE[3])[0].peer_name == "Person3"
    assert isinstance(rig.claim(parse_username("zoé"), PEOPLE[1]), Claimed)
    assert isinstance(rig.claim(parse_username("Bob"), PEOPLE[1]), Taken)
    rig.close()


async def test_names_are_replaced_all_at_once(archive: SqliteArchive) -> None:
    await archive.set_names([kept(1, "Zoé", address="192.0.2.1"), kept(2, "Bob")])
    await archive.set_names([kept(3, "Bob"), kept(1, "Eve", address="192.0.2.1")])
    assert sorted(await archive.names(), key=lambda name: name.identity) == sorted(
        [kept(3, "Bob"), kept(1, "Eve", address="192.0.2.1")], key=lambda name: name.identity
    )


async def test_no_server_begins_on_a_part(storage: SqliteStorage) -> None:
    archive = open_archive(storage.folder)
    await archive.begin()
    archive.close()
    with pytest.raises(Unfinished, match="run the same command again"):
        Rig(storage)
    archive = open_archive(storage.folder)
    await archive.finish()
    archive.close()
    Rig(storage).close()


def test_a_folder_is_one_archive_s_alone(archive: SqliteArchive, storage: SqliteStorage) -> None:
    with pytest.raises(FolderInUse):
        open_archive(storage.folder)
    archive.close()
    open_archive(storage.folder).close()


async def test_a_database_that_breaks_is_told(
    archive: SqliteArchive, storage: SqliteStorage
) -> None:
    await archive.append([message(0)])
    connection = apsw.Connection(str(storage.folder / DATABASE))
    connection.execute("DROP TABLE entries")
    connection.close()
    with pytest.raises(StorageError, match="cannot be opened"):
        await archive.count()


def test_a_database_whose_tables_are_gone_is_told_and_let_go(storage: SqliteStorage) -> None:
    open_archive(storage.folder).close()
    connection = apsw.Connection(str(storage.folder / DATABASE))
    connection.execute("DROP TABLE entries")
    connection.close()
    for _ in range(2):
        with pytest.raises(StorageError, match="cannot be opened") as error:
            open_archive(storage.folder)
        assert not isinstance(error.value, FolderInUse)
