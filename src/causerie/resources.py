"""The files of the protocol, as they come with the package.

A wheel carries the folder ``protocol/`` inside the package; a checkout has it beside ``src/``.
"""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

_CHECKOUT: Final = Path(__file__).parents[2]


def protocol_path() -> Traversable:
    """Returns the folder of the protocol: PROTOCOL.md, codes.json, asyncapi.json, conversations/.

    Read it as one reads a path, ``protocol_path().joinpath("codes.json").read_bytes()``; where the
    package lies in an archive it is no path of the file system.
    """
    packaged = files("causerie") / "_protocol"
    return packaged if packaged.is_dir() else _CHECKOUT / "protocol"
