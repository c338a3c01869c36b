"""Where one writes."""

from collections.abc import Callable, Sequence
from typing import Final

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widgets import TextArea

from causerie.tui.sanitise import sanitise
from causerie.tui.screen.completing import Choice, Completions
from causerie.tui.screen.typed_history import TypedHistory

NEWLINE_KEYS: Final = frozenset({"alt+enter", "ctrl+j", "shift+enter", "ctrl+enter"})


class Composer(TextArea):
    """A text of one line or of many. Tells `Edited` at each change, `Offered` when there are other
    completions, `Cancelled` at Escape.

    `submit` is given the text at Enter, and answers whether it was taken: at once, since the next
    key is the first of another text.
    """

    class Edited(Message):
        """What is written is another."""

    class Offered(Message):
        """There are other completions to choose from, or none any more."""

    class Cancelled(Message):
        """One has changed one's mind."""

    class Ended(Message):
        """One has nothing more to say."""

    def __init__(
        self,
        complete: Callable[[str], Completions],
        submit: Callable[[str], bool],
        *,
        id: str,
    ) -> None:
        super().__init__(id=id, compact=True, highlight_cursor_line=False)
        self._complete = complete
        self._submit = submit
        self._history = TypedHistory()
        self.choices: Sequence[Choice] = ()
        self.chosen = 0
        """Which of them is put in at Tab."""

    def put(self, text: str) -> None:
        """Another text stands here, as if it had been written."""
        self.load_text(text)
        self.move_cursor(self.document.end)
        self._offer(())

    def invite(self, text: str) -> None:
        """What stands here while nothing is written. It is text, whatever signs are in it."""
        if str(self.placeholder) != text:
            self.placeholder = Content(text)

    def choose(self, place: int) -> None:
        """Puts a completion in."""
        choice = self.choices[place]
        row, column = self.cursor_location
        self.replace(choice.text, (row, column - choice.taken), (row, column))
        self.move_cursor((row, column - choice.taken + len(choice.text)))
        self._offer(())

    async def _on_key(self, event: events.Key) -> None:
        if self._handle(event.key):
            event.stop()
            event.prevent_default()
            return
        if bound := self._bindings.key_to_bindings.get(event.key):
            # Textual would do it only after the letters that came with it, and delete those.
            event.stop()
            event.prevent_default()
            await self.run_action(bound[0].action)
            return
        await super()._on_key(event)

    async def _on_paste(self, event: events.Paste) -> None:
        # What is pasted may be a stranger's.
        event.stop()
        event.prevent_default()
        text = sanitise(event.text.replace("\r\n", "\n").replace("\r", "\n"))
        if result := self._replace_via_keyboard(text, *self.selection):
            self.move_cursor(result.end_location)

    def _handle(self, key: str) -> bool:
        """Does what a key does here and not in any text; answers whether it does anything."""
        match key:
            case "enter":
                self._enter()
            case key if key in NEWLINE_KEYS:
                self.insert("\n")
            case "tab":
                self._tab()
            case "escape" if self.choices:
                self._offer(())
            case "escape":
                self.post_message(self.Cancelled())
            case "up" | "down" if self.choices:
                step = 1 if key == "down" else -1
                self.chosen = (self.chosen + step) % len(self.choices)
                self.post_message(self.Offered())
            case "up" if self.cursor_at_first_line:
                self._recall(self._history.back(self.text))
            case "down" if self.cursor_at_last_line:
                self._recall(self._history.forth())
            case "ctrl+d" if not self.text:
                self.post_message(self.Ended())
            case _:
                return False
        return True

    def _enter(self) -> None:
        text = self.text
        if self._submit(text):
            self._history.add(text)
            self.put("")

    def on_text_area_changed(self, _: TextArea.Changed) -> None:
        """What is written is another."""
        offered = self._complete(self._before_cursor())
        self._offer(offered.choices if offered.is_offered else ())
        self.post_message(self.Edited())

    def _before_cursor(self) -> str:
        row, column = self.cursor_location
        return str(self.document.get_line(row))[:column]

    def _tab(self) -> None:
        if not self.choices:
            offered = self._complete(self._before_cursor()).choices
            if len(offered) != 1:
                self._offer(offered)
                return
            self.choices, self.chosen = offered, 0
        self.choose(self.chosen)

    def _offer(self, choices: Sequence[Choice]) -> None:
        if choices or self.choices:
            self.choices, self.chosen = choices, 0
            self.post_message(self.Offered())

    def _recall(self, text: str | None) -> None:
        if text is not None:
            self.put(text)
