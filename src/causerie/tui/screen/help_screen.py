"""The keys and the commands, over everything else."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from causerie.language import Words
from causerie.tui.screen.line_view import LineView
from causerie.tui.screen.listing import help_rows


class HelpView(LineView):
    """Keys and commands, broken to the width there is."""

    def __init__(self, words: Words, *, id: str) -> None:
        super().__init__(id=id)
        self._words = words
        self.can_focus = True

    def on_resize(self) -> None:
        """The width is another."""
        self.put(help_rows(self._words, max(1, self.scrollable_content_region.width)))


class HelpScreen(ModalScreen[None]):
    """What keys and commands there are."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,enter", "close", show=False)]

    def __init__(self, words: Words) -> None:
        super().__init__()
        self._words = words

    def compose(self) -> ComposeResult:
        """Makes the list."""
        yield HelpView(self._words, id="help")

    async def action_close(self) -> None:
        """Goes back to the chat."""
        await self.app.pop_screen()
