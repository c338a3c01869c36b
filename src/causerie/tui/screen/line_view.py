"""A list of drawn rows that can be scrolled and clicked."""

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from causerie.tui.screen.painter import CLASSES, Painter, act_at
from causerie.tui.screen.pieces import BLANK, Act, Drawn


class LineView(ScrollView):
    """Rows of text, in the styles of the stylesheet. Tells `Acted` when a piece is clicked."""

    COMPONENT_CLASSES: ClassVar[set[str]] = set(CLASSES)

    class Acted(Message):
        """A piece was chosen that does something."""

        def __init__(self, act: Act) -> None:
            super().__init__()
            self.act = act

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._rows: Sequence[Drawn] = ()
        self._painter = self._new_painter()
        self.can_focus = False

    def put(self, rows: Sequence[Drawn]) -> None:
        """Shows rows."""
        if rows != self._rows:
            self._rows = rows
            self.virtual_size = Size(0, len(rows))
            self.refresh()

    def row_at(self, y: int) -> Drawn:
        """The row at a line of what is in sight."""
        y += self.scroll_offset.y
        return self._rows[y] if y < len(self._rows) else BLANK

    def render_line(self, y: int) -> Strip:
        """Draws a line of what is in sight."""
        return self._painter.strip(self.row_at(y), self.size.width, self.rich_style)

    def notify_style_update(self) -> None:
        """The stylesheet says something else now, as another theme does."""
        super().notify_style_update()
        self._painter = self._new_painter()

    def on_click(self, event: events.Click) -> None:
        """Does what the piece that was clicked does."""
        offset = event.get_content_offset(self)
        if offset is not None and (act := act_at(self.row_at(offset.y), offset.x)) is not None:
            event.stop()
            self.post_message(self.Acted(act))

    def _new_painter(self) -> Painter:
        return Painter(lambda name: self.get_component_rich_style(name, partial=True))
