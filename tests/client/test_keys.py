import errno
import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from tests.support.power import PowerLoss

from causerie.client.errors import KeyDamaged, KeyExists
from causerie.client.keys import KeyStore, new_key
from causerie.wire.codec import decode_command
from causerie.wire.commands import Hello

SERVER = "ws://localhost:8080"


@pytest.fixture
def store(tmp_path: Path) -> KeyStore:
    return KeyStore(tmp_path / "keys")


def test_a_key_is_one_that_the_protocol_takes_and_never_the_same() -> None:
    assert len({new_key() for _ in range(100)}) == 100
    hello = msgspec.json.encode({"type": "hello", "username": "Alice", "key": new_key()})
    assert isinstance(decode_command(hello), Hello)


def test_a_key_is_made_once_and_found_again(store: KeyStore, tmp_path: Path) -> None:
    assert store.find(SERVER, "Alice") is None
    key = store.find_or_make(SERVER, "Alice")
    assert store.find_or_make(SERVER, "Alice") == key
    assert KeyStore(tmp_path / "keys").find(SERVER, "Alice") == key


def test_each_server_and_each_name_has_its_own(store: KeyStore) -> None:
    keys = {
        store.find_or_make(SERVER, "Alice"),
        store.find_or_make(SERVER, "Bob"),
        store.find_or_make("wss://localhost:8080", "Alice"),
        store.find_or_make("ws://localhost:8081", "Alice"),
    }
    assert len(keys) == 4


def test_one_name_has_one_key_however_it_and_the_server_are_written(store: KeyStore) -> None:
    key = store.find_or_make("localhost", "Élodie")
    assert store.find("http://127.0.0.1:8080/chat", "ÉLODIE") == key
    assert store.find("ws://[::1]:8080", "E\u0301lodie") == key


@pytest.mark.parametrize("links", [True, False])
def test_a_key_takes_the_place_of_another_which_is_put_aside(
    store: KeyStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, links: bool
) -> None:
    if not links:
        monkeypatch.setattr(Path, "hardlink_to", no_links)
    older, newer = store.find_or_make(SERVER, "Alice"), new_key()
    for _ in range(2):
        store.replace(SERVER, "Alice", newer)
        assert store.find(SERVER, "Alice") == newer
    contents = [file.read_text() for file in (tmp_path / "keys").iterdir()]
    assert sorted(key in content for content in contents for key in (older, newer)) == [
        False,
        False,
        True,
        True,
    ]


def test_a_key_that_is_to_take_a_place_takes_one_that_is_free(store: KeyStore) -> None:
    key = new_key()
    store.replace(SERVER, "Alice", key)
    assert store.find_or_make(SERVER, "Alice") == key


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
def test_nobody_else_can_read_a_key(store: KeyStore, tmp_path: Path) -> None:
    store.find_or_make(SERVER, "Alice")
    [file] = (tmp_path / "keys").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert "alice" not in file.name


@pytest.mark.skipif(os.name == "nt", reason="Windows opens no folders")
@pytest.mark.parametrize("links", [True, False])
def test_a_key_that_was_answered_outlives_a_loss_of_power(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    power = PowerLoss(home, monkeypatch)
    if not links:
        monkeypatch.setattr(Path, "hardlink_to", no_links)
    key = KeyStore(home / "share" / "causerie" / "keys").find_or_make(SERVER, "Alice")
    left = power.leaves(tmp_path / "left") / "share" / "causerie" / "keys"
    assert KeyStore(left).find(SERVER, "Alice") == key


@pytest.mark.skipif(os.name == "nt", reason="Windows opens no folders")
def test_a_key_by_a_link_outlives_a_loss_of_power(
    store: KeyStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = store.find_or_make(SERVER, "Alice")
    link = store.export_link(SERVER, "Alice")
    assert link is not None
    home = tmp_path / "home"
    home.mkdir()
    power = PowerLoss(home, monkeypatch)
    KeyStore(home / "keys").import_link(link)
    assert KeyStore(power.leaves(tmp_path / "left") / "keys").find(SERVER, "Alice") == key


@pytest.mark.skipif(os.name == "nt", reason="Windows opens no folders")
def test_a_key_that_somebody_else_has_not_synced_yet_is_safe_for_who_is_answered_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, answers = tmp_path / "home", list[str]()
    (home / "keys").mkdir(parents=True)
    power = PowerLoss(home, monkeypatch)
    found = KeyStore.find

    def find_too_early(store: KeyStore, server: str, username: str) -> str | None:
        # In between, another program makes the key, and has not synced its name when it stops.
        monkeypatch.setattr(KeyStore, "find", found)
        with monkeypatch.context() as patched:
            patched.setattr("causerie.client.keys.sync_folder", lambda _: None)
            answers.append(KeyStore(home / "keys").find_or_make(server, username))
        return None

    monkeypatch.setattr(KeyStore, "find", find_too_early)
    answers.append(KeyStore(home / "keys").find_or_make(SERVER, "Alice"))
    left = KeyStore(power.leaves(tmp_path / "left") / "keys")
    assert answers == [left.find(SERVER, "Alice")] * 2


@pytest.mark.skipif(os.name == "nt", reason="Windows opens no folders")
def test_a_loss_of_power_at_any_time_leaves_a_whole_key_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, found = tmp_path / "home", list[str | None]()
    home.mkdir()
    power = PowerLoss(home, monkeypatch)

    def lose_power() -> None:
        for names in (True, False):
            left = power.leaves(tmp_path / f"left-{len(found)}", names=names)
            found.append(KeyStore(left / "keys").find(SERVER, "Alice"))

    power.before_sync = lose_power
    key = KeyStore(home / "keys").find_or_make(SERVER, "Alice")
    assert set(found) == {None, key}
    assert found[0] is None


@pytest.mark.skipif(os.name == "nt", reason="Windows opens no folders")
def test_a_key_that_cannot_be_made_safe_is_not_answered(
    store: KeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Path) -> None:
        raise OSError(errno.EIO, "the disk fails")

    monkeypatch.setattr("causerie.client.keys.sync_folder", fail)
    with pytest.raises(OSError, match="the disk fails"):
        store.find_or_make(SERVER, "Alice")


def test_those_who_ask_at_the_same_time_get_the_same_key(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: KeyStore(folder).find_or_make(SERVER, "Alice"), range(64)))
    assert len(keys) == 1
    assert len(list(folder.iterdir())) == 1


def test_a_key_that_somebody_else_has_just_made_is_taken(
    store: KeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = store.find_or_make(SERVER, "Alice")
    found = iter([None, key])
    monkeypatch.setattr(store, "find", lambda *_: next(found))
    assert store.find_or_make(SERVER, "Alice") == key


def no_links(self: Path, target: Path) -> None:
    raise PermissionError("this file system has no links")


def test_a_file_system_without_links_does_as_well(
    store: KeyStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "hardlink_to", no_links)
    key = store.find_or_make(SERVER, "Alice")
    with pytest.raises(FileExistsError):
        store._store(SERVER, "Alice", new_key())
    assert store.find(SERVER, "Alice") == key
    assert len(list((tmp_path / "keys").iterdir())) == 1


def test_a_key_goes_to_another_device_by_a_link(store: KeyStore, tmp_path: Path) -> None:
    key = store.find_or_make("wss://chat.example.org", "Élo & Co")
    link = store.export_link("https://chat.example.org", "Élo & Co")
    assert link is not None
    assert link.startswith("https://chat.example.org:443/#username=")
    other = KeyStore(tmp_path / "other")
    assert other.import_link(f" {link}\n") == ("wss://chat.example.org:443", "Élo & Co")
    assert other.find("wss://chat.example.org", "Élo & Co") == key
    assert other.import_link(link) == ("wss://chat.example.org:443", "Élo & Co")


def test_where_there_is_no_key_there_is_no_link(store: KeyStore) -> None:
    assert store.export_link(SERVER, "Alice") is None


def test_an_imported_key_overwrites_none(store: KeyStore, tmp_path: Path) -> None:
    key = store.find_or_make(SERVER, "Alice")
    other = KeyStore(tmp_path / "other")
    other.find_or_make(SERVER, "Alice")
    link = other.export_link(SERVER, "Alice")
    assert link is not None
    with pytest.raises(KeyExists, match="another key for Alice on ws://localhost:8080") as error:
        store.import_link(link)
    assert store.find(SERVER, "Alice") == key
    # It says how the link can be used after all.
    [file] = (tmp_path / "keys").iterdir()
    assert f"move {file} away first" in str(error.value)
    file.rename(tmp_path / "away")
    assert store.import_link(link) == (SERVER, "Alice")


@pytest.mark.parametrize("content", [b"", b"{}", b"garbage", b'{"key": "\xff"}'])
def test_a_file_that_holds_no_key_is_named_and_stays(
    store: KeyStore, tmp_path: Path, content: bytes
) -> None:
    store.find_or_make(SERVER, "Alice")
    link = store.export_link(SERVER, "Alice")
    assert link is not None
    [file] = (tmp_path / "keys").iterdir()
    file.write_bytes(content)
    uses: list[Callable[[], object]] = [
        lambda: store.find(SERVER, "Alice"),
        lambda: store.find_or_make(SERVER, "Alice"),
        lambda: store.export_link(SERVER, "Alice"),
        lambda: store.import_link(link),
    ]
    for use in uses:
        with pytest.raises(
            KeyDamaged, match=r"put a whole copy of .* or take another name"
        ) as error:
            use()
        assert str(file) in str(error.value)
    assert file.read_bytes() == content


@pytest.mark.parametrize(
    "link",
    [
        "",
        "http://localhost:8080/",
        "http://localhost:8080/#username=Alice",
        "http://localhost:8080/#key=abc",
        "#username=Alice&key=abcdefghijklmnopqrstuv",
        "http://localhost:8080/#username=Alice&key=not+a+key+of+the+protocol",
        "garbage",
    ],
)
def test_what_is_no_link_with_a_key_is_refused_with_what_makes_one(
    store: KeyStore, link: str
) -> None:
    with pytest.raises(ValueError, match=r"not a link with a key: `causerie name export NAME`"):
        store.import_link(link)


def test_a_link_to_what_is_no_server_is_refused(store: KeyStore) -> None:
    with pytest.raises(ValueError, match="it begins with ftp"):
        store.import_link("ftp://localhost/#username=Alice&key=abcdefghijklmnopqrstuv")


def test_keys_lie_in_the_users_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    KeyStore().find_or_make(SERVER, "Alice")
    assert [path for path in tmp_path.rglob("*.json") if "causerie" in path.parts]
