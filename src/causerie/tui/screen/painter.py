"""Drawn rows as the strips that Textual shows: the styles of a stylesheet, links, nothing else.

A strip is made of pieces of text as they are: no markup is read, so what somebody wrote cannot be
any.
"""

from collections.abc import Callable
from typing import Final

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style as RichStyle
from textual.strip import Strip

from causerie.tui.lines import Style
from causerie.tui.screen.drawing import HUES
from causerie.tui.screen.pieces import Act, Drawn, Emphasis, Piece

CLASSES: Final = frozenset(
    {
        *(f"piece--{style.value}" for style in Style),
        *(f"piece--hue-{hue}" for hue in range(HUES)),
        "piece--code",
        "piece--link",
        "piece--chosen",
        "piece--button",
    }
)
"""What a stylesheet can say of pieces."""


class Painter:
    """Turns drawn rows into strips; `style_of` answers what the stylesheet says of a class.

    To be made anew when the theme is another.
    """

    def __init__(self, style_of: Callable[[str], RichStyle]) -> None:
        self._style_of = style_of
        self._styles: dict[tuple[Style, Emphasis, int | None, bool, bool], RichStyle] = {}

    def strip(self, drawn: Drawn, columns: int, ground: RichStyle) -> Strip:
        """A row, so many columns wide, on a ground."""
        segments = [Segment(piece.text, ground + self._style(piece)) for piece in drawn]
        return Strip(segments).adjust_cell_length(columns, ground)

    def chosen(self, ground: RichStyle) -> RichStyle:
        """The ground of what is chosen."""
        return ground + self._style_of("piece--chosen")

    def _style(self, piece: Piece) -> RichStyle:
        is_button = piece.act is not None and piece.text.startswith("[")
        key = (piece.style, piece.emphasis, piece.hue, bool(piece.link), is_button)
        style = self._styles.get(key)
        if style is None:
            style = self._styles[key] = self._made(*key)
        return style + RichStyle(link=piece.link) if piece.link else style

    def _made(
        self, style: Style, emphasis: Emphasis, hue: int | None, is_link: bool, is_button: bool
    ) -> RichStyle:
        name = f"piece--{style.value}" if hue is None else f"piece--hue-{hue}"
        made = self._style_of(name)
        if Emphasis.CODE in emphasis:
            made += self._style_of("piece--code")
        if is_link:
            made += self._style_of("piece--link")
        if is_button:
            made += self._style_of("piece--button")
        return made + RichStyle(
            bold=Emphasis.BOLD in emphasis or None, italic=Emphasis.ITALIC in emphasis or None
        )


def act_at(drawn: Drawn, x: int) -> Act | None:
    """What choosing the piece in a column does."""
    for piece in drawn:
        x -= cell_len(piece.text)
        if x < 0:
            return piece.act
    return None
