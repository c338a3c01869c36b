"""The pictures of the web client in the docs. To make them takes a browser, and is no test."""

import re
from pathlib import Path

import pytest
from tools.pictures_script import SCRIPTS
from tools.pictures_web import CHOSEN, DEVICES, FOLDER, SCHEMES

from causerie.chat.names import parse_username

ROOT = Path(__file__).parents[2]
LARGEST = 1_500_000


def size(picture: bytes) -> tuple[int, int]:
    """The width and height of a lossy WebP (RFC 9649, section 2.5; RFC 6386, section 9.1)."""
    assert picture[:4] == b"RIFF"
    assert picture[8:12] == b"WEBP"
    frame = picture.index(b"VP8 ") + 8
    assert picture[frame + 3 : frame + 6] == b"\x9d\x01\x2a"
    width, height = (
        int.from_bytes(picture[at : at + 2], "little") & 0x3FFF for at in (frame + 6, frame + 8)
    )
    return width, height


def test_the_docs_show_every_picture_that_there_is_and_no_other() -> None:
    shown = {
        name
        for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))
        for name in re.findall(r"pictures/([\w-]+)\.webp", page.read_text("utf-8"))
    }
    assert shown == CHOSEN
    assert {path.stem for path in FOLDER.glob("*.webp")} == CHOSEN


def test_the_pictures_together_stay_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= LARGEST


@pytest.mark.parametrize("name", sorted(CHOSEN))
def test_a_picture_has_the_size_of_its_screen(name: str) -> None:
    _scene, language, scheme, device = name.split("-")
    width, height, scale = DEVICES[device]
    assert size((FOLDER / f"{name}.webp").read_bytes()) == (width * scale, height * scale)
    assert language in SCRIPTS
    assert scheme in SCHEMES


@pytest.mark.parametrize("language", SCRIPTS)
def test_in_every_language_the_same_is_played_by_people_whose_names_are_allowed(
    language: str,
) -> None:
    script, english = SCRIPTS[language], SCRIPTS["en"]
    assert [line.answers for line in script.lobby] == [line.answers for line in english.lobby]
    assert [line.answers for line in script.code] == [line.answers for line in english.code]
    assert {line.who for line in (*script.lobby, *script.code)} <= {*script.names, "Alice"}
    for name in (*script.names, script.long_name):
        parse_username(name)
