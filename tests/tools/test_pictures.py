from pathlib import Path
from xml.etree import ElementTree as ET

import pyte
import pytest
from tools.pictures import CELL, COLOURS, GROUND, PICTURE, Run, Window, draw, runs

ROOT = Path(__file__).parents[2]
LARGEST = 60_000


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_the_runs_of_a_row_are_its_text_by_colour_without_the_blanks() -> None:
    screen = pyte.Screen(20, 1)
    pyte.Stream(screen).feed("\x1b[32m● \x1b[31m  red \x1b[0m x")
    assert list(runs(screen.buffer[0], screen.columns)) == [
        Run(0, "●", "green"),
        Run(4, "red", "red"),
        Run(9, "x", "default"),
    ]


def test_a_picture_holds_its_columns_together_and_escapes_what_it_shows() -> None:
    window = Window("A&B", [[Run(2, '<"&', "red")], []], 10)
    picture = ET.fromstring(draw([window, window, window]))
    texts = [element for element in picture.iter() if element.tag.endswith("text")]
    assert [text.text for text in texts] == ["A&B", '<"&'] * 3
    assert float(texts[1].attrib["textLength"]) == pytest.approx(3 * CELL)
    assert texts[1].attrib["class"] == "red"


@pytest.mark.parametrize("colour", COLOURS.values())
def test_every_colour_can_be_read(colour: str) -> None:
    assert (luminance(colour) + 0.05) / (luminance(GROUND) + 0.05) >= 6


def test_the_picture_in_the_docs_is_small_and_shows_the_whole_story() -> None:
    source = (ROOT / PICTURE).read_text("utf-8")
    assert len(source.encode()) <= LARGEST
    shown = [element.text for element in ET.fromstring(source).iter()]
    for text in ("Killed", "Disconnected", "Are you still there?", "Bob is typing…"):
        assert any(text in (one or "") for one in shown), text
