"""What was said in a room. It stays where one reads, whatever comes above or below."""

from collections.abc import Callable, Hashable, Sequence
from typing import ClassVar, Final

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scrollbar import ScrollDown, ScrollTo, ScrollUp
from textual.strip import Strip

from causerie.client.machine.events import Unknown
from causerie.tui.screen.drawing import Scene, draw
from causerie.tui.screen.line_view import LineView
from causerie.tui.screen.pieces import Act, Discard, Drawn, Load, Reply, Retry
from causerie.tui.screen.rows import EntryRow, HoleRow, PendingRow, Row
from causerie.tui.screen.viewport import Viewport

NEAR: Final = 10
"""Lines from the top of what is loaded at which more is wanted."""

WHEEL: Final = 3
"""Lines that a turn of the wheel is worth."""

MOST_PAINTED: Final = 1_000
"""Lines that are kept as the strips that Textual shows."""


class MessageList(LineView, inherit_bindings=False):
    """The messages of a room, of which only those near the ones in sight are drawn.

    Tells `Earlier` when more is wanted, `Watched` when the newest messages come into sight or go
    out of it, `Done` when one chooses no more.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "choose(-1)", show=False),
        Binding("down,j", "choose(1)", show=False),
        Binding("enter,r", "act", show=False),
        Binding("delete,d", "discard", show=False),
        Binding("escape,q,ctrl+r", "done", show=False),
    ]

    class Earlier(Message):
        """What was said before the first message is wanted."""

    class Watched(Message):
        """Whether the newest messages are in sight is otherwise than before."""

    class Done(Message):
        """One chooses no more."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._scene: Callable[[int], Scene] | None = None
        self._viewport = Viewport(self._draw, self._stamp)
        self._strips: dict[tuple[str, int], tuple[Drawn, Strip]] = {}
        self._chosen: str | None = None
        self._is_watched = True

    @property
    def is_at_end(self) -> bool:
        """Whether the newest messages are in sight."""
        return self._viewport.is_at_end

    @property
    def is_choosing(self) -> bool:
        """Whether the keys are for choosing a message."""
        return self.can_focus

    @property
    def viewport(self) -> Viewport:
        """What is in sight, and how much was drawn for it."""
        return self._viewport

    def put_room(
        self, rows: Sequence[Row], scene: Callable[[int], Scene], *, is_other: bool
    ) -> None:
        """Shows rows of the same room, or of another: this is at its newest messages.

        `scene` answers, for a width, what the rows need to know.
        """
        self._scene = scene
        if is_other:
            self._chosen = None
            self._strips.clear()
            self._viewport.turn_to(rows)
        else:
            self._viewport.show(rows)
        self._follow()

    def redraw(self) -> None:
        """Draws all anew: something that all rows depend on is another."""
        self._viewport.forget()
        self._strips.clear()
        self.refresh()

    def to_end(self) -> None:
        """Goes to the newest message."""
        self._viewport.to_end()
        self._follow()

    def to_start(self) -> None:
        """Goes to the first message that is loaded."""
        self._viewport.scroll_to(0)
        self._follow()

    def page(self, pages: float) -> None:
        """Goes up (below 0) or down."""
        step = round(pages * max(1, self.size.height - 1))
        self._viewport.scroll_to(self._viewport.offset + step)
        self._follow()

    def reveal(self, key: str) -> bool:
        """Brings a row into sight, and marks it; answers whether it is there."""
        if not self._viewport.reveal(key):
            return False
        self._choose(key)
        self._follow()
        return True

    def unmark(self) -> None:
        """Marks nothing any more."""
        self._choose(None)

    # Choosing.

    def begin_choosing(self) -> None:
        """Takes the keys, to choose a message with them."""
        rows = self._choosable()
        if rows:
            self.can_focus = True
            self.focus()
            if self._chosen not in {row.key for row in rows}:
                self.reveal(rows[-1].key)

    def action_choose(self, step: int) -> None:
        """Chooses the next message, or the one before."""
        keys = [row.key for row in self._choosable()]
        if not keys:
            self.action_done()
            return
        place = keys.index(self._chosen) if self._chosen in keys else len(keys)
        place = max(0, min(place + step, len(keys) - 1))
        self.reveal(keys[place])
        if place == 0:
            self.post_message(self.Earlier())

    def action_act(self) -> None:
        """Does what one most wants of the chosen row."""
        row = next((row for row in self._viewport.rows if row.key == self._chosen), None)
        act: Act
        match row:
            case EntryRow(entry=entry):
                act = Reply(entry.id)
            case PendingRow(pending=pending):
                act = Retry(pending.id)
            case HoleRow(before=before):
                act = Load(before)
            case _:
                return
        self.post_message(self.Acted(act))
        self.action_done()

    def action_discard(self) -> None:
        """Gives up the chosen message, if it was not taken."""
        row = next((row for row in self._viewport.rows if row.key == self._chosen), None)
        if isinstance(row, PendingRow) and row.pending.state == "failed":
            self.post_message(self.Acted(Discard(row.pending.id)))
            self.action_done()

    def action_done(self) -> None:
        """Chooses no more."""
        self._choose(None)
        self.can_focus = False
        self.post_message(self.Done())

    # What Textual asks.

    def row_at(self, y: int) -> Drawn:
        """The row at a line of what is in sight."""
        return self._viewport.line(self._viewport.offset + y)[2]

    def render_line(self, y: int) -> Strip:
        """Draws a line of what is in sight."""
        columns = self._columns
        row, inner, drawn = self._viewport.line(self._viewport.offset + y)
        if row is None:
            return Strip.blank(columns, self.rich_style)
        if row.key == self._chosen:
            ground = self._painter.chosen(self.rich_style)
            return self._painter.strip(drawn, columns, ground)
        cached = self._strips.get((row.key, inner))
        if cached is not None and cached[0] is drawn:
            return cached[1]
        if len(self._strips) >= MOST_PAINTED:
            self._strips.clear()
        strip = self._painter.strip(drawn, columns, self.rich_style)
        self._strips[row.key, inner] = (drawn, strip)
        return strip

    def notify_style_update(self) -> None:
        """The stylesheet says something else now, as another theme does."""
        super().notify_style_update()
        self._strips.clear()

    def on_resize(self, _: events.Resize) -> None:
        """The terminal is another size, or something beside the messages has come or gone."""
        self._strips.clear()
        self._viewport.resize(max(1, self._columns), max(1, self.size.height))
        self._follow()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Textual looks elsewhere, as it does where the size is another: it is told where to."""
        super().watch_scroll_y(old_value, new_value)
        if round(new_value) != self._viewport.offset:
            self.call_later(self._follow)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """One turns the wheel."""
        self._wheel(event, -WHEEL)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """One turns the wheel."""
        self._wheel(event, WHEEL)

    def on_scroll_to(self, event: ScrollTo) -> None:
        """One moves the bar."""
        event.stop()
        event.prevent_default()
        if event.y is not None:
            self._viewport.scroll_to(round(event.y))
            self._follow()

    def on_scroll_up(self, event: ScrollUp) -> None:
        """One clicks above the bar."""
        event.stop()
        event.prevent_default()
        self.page(-1)

    def on_scroll_down(self, event: ScrollDown) -> None:
        """One clicks below the bar."""
        event.stop()
        event.prevent_default()
        self.page(1)

    def _wheel(self, event: events.MouseEvent, lines: int) -> None:
        event.stop()
        event.prevent_default()
        self._viewport.scroll_to(self._viewport.offset + lines)
        self._follow()

    # What is looked at.

    @property
    def _columns(self) -> int:
        """The columns beside the scroll bar."""
        return self.scrollable_content_region.width

    def _follow(self) -> None:
        """Has Textual look where the viewport does."""
        self.virtual_size = Size(self._viewport.columns, self._viewport.total)
        self.set_scroll(None, self._viewport.offset)
        self.scroll_target_y = self._viewport.offset
        if self.show_vertical_scrollbar:
            self.vertical_scrollbar.position = self._viewport.offset
        self.refresh()
        if self._viewport.offset <= NEAR:
            self.post_message(self.Earlier())
        if self.is_at_end != self._is_watched:
            self._is_watched = self.is_at_end
            self.post_message(self.Watched())

    def _choosable(self) -> list[Row]:
        return [
            row
            for row in self._viewport.rows
            if isinstance(row, HoleRow)
            or (isinstance(row, EntryRow) and not isinstance(row.entry, Unknown))
            or (isinstance(row, PendingRow) and row.pending.state == "failed")
        ]

    def _choose(self, key: str | None) -> None:
        self._chosen = key
        self.refresh()

    def _draw(self, row: Row) -> list[Drawn]:
        assert self._scene is not None, "there are no rows before there is a scene"
        return draw(row, self._scene(self._viewport.columns))

    def _stamp(self, row: Row) -> Hashable:
        """Whether what a message answers is loaded."""
        assert self._scene is not None, "there are no rows before there is a scene"
        reply_to = None
        if isinstance(row, EntryRow) and not isinstance(row.entry, Unknown):
            reply_to = row.entry.reply_to
        elif isinstance(row, PendingRow):
            reply_to = row.pending.reply_to
        return bool(reply_to and self._scene(1).find(reply_to))
