"""What somebody likes of the screen, kept in the user's configuration folder."""

from pathlib import Path
from typing import Literal

import msgspec
import platformdirs


class Preferences(msgspec.Struct, frozen=True, kw_only=True):
    """One's choices."""

    theme: Literal["dark", "light"] | None = None
    """None: what suits the terminal's ground."""
    bell: bool = False
    """Ring for private messages and mentions."""


def preferences_path() -> Path:
    """The file they are in."""
    return platformdirs.user_config_path("causerie", appauthor=False) / "screen.json"


def load_preferences(path: Path) -> Preferences:
    """Reads them; what cannot be read is as if nothing had been chosen."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Preferences)
    except (OSError, ValueError):
        return Preferences()


def keep_preferences(path: Path, preferences: Preferences) -> None:
    """Writes them; where that cannot be, they hold for now only."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.encode(preferences))
    except OSError:
        pass
