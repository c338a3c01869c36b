from xml.etree import ElementTree as ET

import pytest
from rich.segment import Segment
from rich.style import Style
from tests.tools.test_pictures import ROOT
from tools.pictures_terminal import CELL, FOLDER, Run, draw, runs

from causerie.language import LANGUAGES

LARGEST = 30_000


def test_what_has_one_style_is_one_run() -> None:
    bold = Style(color="#ff0000", bgcolor="#00ff00", bold=True)
    turned = Style(color="#ff0000", bgcolor="#00ff00", reverse=True)
    strip = [Segment("日"), Segment("a", bold), Segment("b", bold), Segment("c", turned)]
    assert list(runs(strip)) == [
        Run(0, "日", "", "", ""),
        Run(2, "ab", "#ff0000", "#00ff00", "font-weight:bold"),
        Run(4, "c", "#00ff00", "#ff0000", ""),
    ]


def test_a_picture_holds_its_columns_together_and_escapes_what_it_shows() -> None:
    rows = [[Run(0, '  <"&', "#ffffff", "#000000", "")], [Run(0, " ", "", "#111111", "")]]
    picture = ET.fromstring(draw(rows, "#000000", "A & B"))
    (text,) = [element for element in picture.iter() if element.tag.endswith("text")]
    assert text.text == '<"&'
    assert float(text.attrib["x"]) == pytest.approx(2 * CELL)
    assert float(text.attrib["textLength"]) == pytest.approx(3 * CELL)
    assert picture.attrib["aria-label"] == "A & B"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_pictures_in_the_docs_are_small_and_show_the_screen(language: str, theme: str) -> None:
    source = (ROOT / FOLDER / f"terminal-{language}-{theme}.svg").read_text("utf-8")
    assert len(source.encode()) <= LARGEST
    assert "http" not in source.replace("http://www.w3.org/2000/svg", "")
    shown = "\n".join(element.text or "" for element in ET.fromstring(source).iter())
    for text in ("Bob", "Carol", "🔒", "●1", "await self._client.leave(room)"):
        assert text in shown, text
