"""The files that Causerie has in common with what is not written in Python.

A wheel carries their folders inside the package; a checkout has them beside ``src/``. Read them as
one reads a path, ``protocol_path().joinpath("codes.json").read_bytes()``; where the package lies in
an archive they are no paths of the file system.
"""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

_CHECKOUT: Final = Path(__file__).parents[2]


def protocol_path() -> Traversable:
    """Returns the folder of the protocol: PROTOCOL.md, codes.json, conversations/ and more."""
    return _folder("protocol")


def catalogue_path() -> Traversable:
    """Returns the folder of the catalogues: a file for each language, with every sentence that a
    client says to people, and `emoji.json`, the emoji by the names that people type for them.
    """
    return _folder("catalogue")


def web_path() -> Traversable:
    """Returns the folder of the web client; it may not have been built."""
    packaged = files("causerie") / "_web"
    return packaged if packaged.is_dir() else _CHECKOUT / "web" / "dist"


def _folder(name: str) -> Traversable:
    packaged = files("causerie") / f"_{name}"
    return packaged if packaged.is_dir() else _CHECKOUT / name
