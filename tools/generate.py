"""Writes the files that are made from the protocol's sources; with `--check`, names the stale ones.

    python tools/generate.py            writes what is missing or has changed
    python tools/generate.py --check    writes nothing; exits with 1 if a file is not current

Sources are `protocol/codes.json`, the frames in `causerie.wire`, and the catalogues. The bytes that
come out depend on them alone: not on the Python that runs this, nor on a formatter.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:  # run as a program, it finds only its own folder
    sys.path.insert(0, str(ROOT))

from tools.generate_codes import python_codes  # noqa: E402
from tools.generate_page import protocol_page  # noqa: E402
from tools.generate_typescript import (  # noqa: E402
    typescript_catalogue,
    typescript_codes,
    typescript_frames,
)

from causerie.language import LANGUAGES  # noqa: E402

CODES = ROOT / "protocol" / "codes.json"
PAGE = ROOT / "protocol" / "PROTOCOL.md"
CATALOGUE = ROOT / "catalogue"
TYPESCRIPT = ROOT / "sdk" / "typescript" / "src" / "generated"

# What reads the frames is imported late: they import the codes, which are made before.


def _schema() -> str:
    from tools.generate_schema import json_schema

    return _json(json_schema())


def _asyncapi() -> str:
    from tools.generate_asyncapi import asyncapi

    return _json(asyncapi())


def _frames_in_typescript() -> str:
    from tools.generate_schema import definitions

    from causerie.wire.commands import AnyCommand
    from causerie.wire.replies import AnyServerFrame

    return typescript_frames(
        definitions("#/$defs/{name}"),
        [command.__name__ for command in get_args(AnyCommand)],
        [frame.__name__ for frame in get_args(AnyServerFrame)],
    )


def _catalogue_in_typescript() -> str:
    return typescript_catalogue(
        {language: _read(CATALOGUE / f"{language}.json") for language in LANGUAGES}
    )


def _json(document: Any) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


GENERATED: dict[Path, Callable[[], str]] = {
    ROOT / "src" / "causerie" / "wire" / "codes.py": lambda: python_codes(_read(CODES)),
    ROOT / "protocol" / "schema.json": _schema,
    ROOT / "protocol" / "asyncapi.json": _asyncapi,
    PAGE: lambda: protocol_page(PAGE.read_text(encoding="utf-8"), _read(CODES)),
    TYPESCRIPT / "codes.ts": lambda: typescript_codes(_read(CODES)),
    TYPESCRIPT / "frames.ts": _frames_in_typescript,
    TYPESCRIPT / "catalogue.ts": _catalogue_in_typescript,
}
"""What is made, and by what. The codes come first."""


def stale() -> list[Path]:
    """The generated files that are missing or differ from what would be written."""
    return [path for path, make in GENERATED.items() if _current(path) != make().encode()]


def main(argv: list[str] | None = None) -> int:
    """Writes what is not current, or only names it; returns the exit code."""
    parser = argparse.ArgumentParser(description="Makes the files that come from the protocol.")
    parser.add_argument("--check", action="store_true", help="only name the stale files")
    if parser.parse_args(argv).check:
        found = stale()
        for path in found:
            name = path.relative_to(ROOT)
            sys.stderr.write(f"{name} is not current: run python tools/generate.py\n")
        return 1 if found else 0
    for path, make in GENERATED.items():
        made = make().encode()
        if _current(path) != made:
            path.write_bytes(made)
            sys.stdout.write(f"wrote {path.relative_to(ROOT)}\n")
    return 0


def _current(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


if __name__ == "__main__":
    sys.exit(main())
