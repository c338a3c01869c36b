"""The keys that hold one's names, in the user's data folder.

A key is all that proves who one is: whoever has it has the name and its private conversations. So
each lies in a file of its own that only its owner may read, and is never overwritten: one that is
replaced gets another name. No server hears of a key before a loss of power can no longer take it
away, for the name stays with it.
"""

import hashlib
import os
import re
import secrets
import unicodedata
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlencode

import msgspec
import platformdirs

from causerie.client.address import origin
from causerie.client.errors import KeyDamaged, KeyExists
from causerie.folders import make_folder, sync_folder

KEY_BYTES = 16
"""128 bits."""

_KEY = re.compile(r"[A-Za-z0-9_-]{22,64}")  # as the protocol has it


class _KeyFile(msgspec.Struct, frozen=True, kw_only=True):
    server: str
    username: str
    key: str


def new_key() -> str:
    """Makes a key: 128 random bits in base64url."""
    return secrets.token_urlsafe(KEY_BYTES)


def _publish(draft: Path, path: Path) -> None:
    """Gives a whole file its name, in one step.

    Raises:
        FileExistsError: the name is taken.
    """
    try:
        # Unlike a rename this fails where somebody else was faster.
        path.hardlink_to(draft)
    except FileExistsError:
        raise
    except OSError:  # there are file systems without links
        if path.exists():
            raise FileExistsError(path) from None
        draft.replace(path)


def _supplant(draft: Path, path: Path) -> None:
    """Gives a whole file its name, in one step. The file that had it gets another.

    Raises:
        FileExistsError: none had it, and now one has.
    """
    aside = path.with_suffix(f".json.{secrets.token_hex(8)}")
    try:
        aside.hardlink_to(path)
    except FileNotFoundError:
        _publish(draft, path)
        return
    except OSError:  # there are file systems without links
        path.rename(aside)
    draft.replace(path)


class KeyStore:
    """The keys in a folder, one for each server and username."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or platformdirs.user_data_path("causerie", appauthor=False) / "keys"

    def find(self, server: str, username: str) -> str | None:
        """The key for a name on a server, if there is one.

        Raises:
            KeyDamaged: there is a file for it that holds none.
        """
        path = self._path(server, username)
        try:
            return msgspec.json.decode(path.read_bytes(), type=_KeyFile).key
        except FileNotFoundError:
            return None
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise KeyDamaged(username, origin(server), str(path)) from None

    def find_or_make(self, server: str, username: str) -> str:
        """The key for a name on a server; a new one is stored, if there is none.

        Two who ask at the same time get the same key. It is safe from a loss of power.

        Raises:
            KeyDamaged: there is a file for it that holds none.
        """
        if key := self.find(server, username):
            return key
        try:
            return self._store(server, username, new_key())
        except FileExistsError:
            key = self.find(server, username)
            assert key is not None, "keys are never removed"
            return key

    def replace(self, server: str, username: str, key: str) -> None:
        """Stores a key in the place of any other, which is put aside: from there only a person
        brings it back. To be called when the server has said whose the name is.

        Raises:
            KeyDamaged: there is a file for it already that holds none.
            FileExistsError: there was none, and somebody else has stored one just now.
        """
        if self.find(server, username) != key:
            self._store(server, username, key, publish=_supplant)

    def export_link(self, server: str, username: str) -> str | None:
        """A link that carries the key for a name to another device, or None without a key.

        The key is in the fragment, which browsers do not send to servers.
        """
        key = self.find(server, username)
        if key is None:
            return None
        page = origin(server).replace("ws", "http", 1)
        return f"{page}/#{urlencode({'username': username, 'key': key})}"

    def import_link(self, link: str) -> tuple[str, str]:
        """Stores the key of a link that `export_link` made; answers its server and username.

        Raises:
            ValueError: it is no such link.
            KeyExists: there is another key already, which is kept.
            KeyDamaged: there is a file for it already that holds none.
        """
        server, _, fragment = link.strip().partition("#")
        fields = parse_qs(fragment)
        username, key = fields.get("username", [""])[0], fields.get("key", [""])[0]
        if not username or not _KEY.fullmatch(key) or "://" not in server:
            raise ValueError(
                "this is not a link with a key: `causerie name export NAME` prints one, which "
                "looks like https://chat.example.org/#username=NAME&key=KEY"
            )
        server = origin(server)
        try:
            self._store(server, username, key)
        except FileExistsError:
            if self.find(server, username) != key:
                raise KeyExists(
                    f"there is another key for {username} on {server} here, which stays: to use "
                    f"the link's, move {self._path(server, username)} away first"
                ) from None
        return server, username

    def _path(self, server: str, username: str) -> Path:
        # The server alone knows for sure which names are the same; this is close enough for a file.
        folded = unicodedata.normalize("NFKC", username).casefold()
        name = hashlib.sha256(f"{origin(server)}\n{folded}".encode()).hexdigest()[:32]
        return self._folder / f"{name}.json"

    def _store(
        self,
        server: str,
        username: str,
        key: str,
        *,
        publish: Callable[[Path, Path], None] = _publish,
    ) -> str:
        path = self._path(server, username)
        make_folder(self._folder)
        draft = path.with_suffix(f".{secrets.token_hex(8)}")
        content = msgspec.json.encode(_KeyFile(server=origin(server), username=username, key=key))
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            try:
                publish(draft, path)
            finally:
                # Also where somebody else was faster, who may not have come so far yet.
                sync_folder(self._folder)
        finally:
            draft.unlink(missing_ok=True)
        return key
