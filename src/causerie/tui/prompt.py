"""A chat at a prompt: lines are edited at the bottom while messages arrive above.

Built on prompt_toolkit, which knows how lines are edited: wide characters, paste, the keys of all
terminals. The prompt takes as much room as it needs and is part of the scrolled text; nothing else
of the terminal is touched.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from prompt_toolkit.application import Application
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import ANSI
from prompt_toolkit.input import Input, create_input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout import (
    BufferControl,
    ConditionalContainer,
    FormattedTextControl,
    HSplit,
    Layout,
    Window,
)
from prompt_toolkit.layout.dimension import Dimension
from prompt_toolkit.layout.processors import BeforeInput
from prompt_toolkit.output import Output, create_output
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.utils import get_cwidth

from causerie.language import Words
from causerie.tui.chat import Chat, Typed, refusal_line
from causerie.tui.commands import Nothing, Quit, Say, Tell, completions, parse
from causerie.tui.lines import Line, Span, Style, painted, plain
from causerie.tui.sanitise import one_line, sanitise_name
from causerie.tui.typed_lines import TypedLines
from causerie.tui.wrapping import wrapped

WAITING_SHOWN = 5
"""Messages that wait, of which the text is shown; of more, the newest."""

COUNTED_EVERY = 0.1
"""Seconds between two drawings of a number that counts down."""

SHOWN_AGAIN = 500
"""Lines that are kept to be broken anew when the terminal is resized; no screen has more rows."""

MOST_INPUT_LINES = 8
"""Of what is being typed; it scrolls beyond."""


class Prompt(TypedLines):
    """A line editor, with what waits above it and the status below.

    It is where the lines come from and where the chat is shown. `interrupted` is called at Ctrl+C.
    """

    def __init__(
        self,
        words: Words,
        terminal: Input,
        output: Output,
        *,
        colour: bool,
        interrupted: Callable[[], None],
    ) -> None:
        super().__init__()
        self._words = words
        self._output = output
        self._paint = painted if colour else plain
        self._interrupted = interrupted
        self._loop = asyncio.get_running_loop()
        self._chat: Chat | None = None
        self._to_show: list[Line] = []
        self._shown: deque[Line] = deque(maxlen=SHOWN_AGAIN)
        # The columns that each row on the screen takes, as it was written.
        self._row_widths: deque[int] = deque(maxlen=SHOWN_AGAIN)
        self._buffer = Buffer(
            accept_handler=self._accept,
            completer=_Completer(self),
            on_text_changed=lambda buffer: self._edited(buffer.text),
            multiline=False,
        )
        if isinstance(output, Vt100_Output):
            # It would ask the terminal where the cursor is. The prompt need not know.
            output.enable_cpr = False
        self._application = _Application(
            self._resized,
            layout=self._layout(),
            key_bindings=self._keys(),
            terminal=terminal,
            output=output,
            rendered=self._count_down,
        )

    def serve(self, chat: Chat) -> None:
        """Belongs to this chat from now on."""
        self._chat = chat

    async def run(self) -> None:
        """Edits lines until `end` is called or the terminal has gone."""
        with suppress(EOFError, OSError):
            await self._application.run_async(handle_sigint=False, set_exception_handler=False)
        super().end()

    def end(self) -> None:
        """Takes no more lines, and removes the prompt."""
        if self._application.is_running and not self._application.is_done:
            self._application.exit()

    # What a chat wants of it.

    def show(self, lines: Sequence[Line]) -> None:
        """Shows lines above the prompt."""
        if lines and not self._to_show:
            # What else comes in this turn of the loop is shown with them.
            self._loop.call_soon(self.flush)
        self._to_show += lines

    def failed(self, typed: Typed, reason: str, content: str) -> None:
        """Tells that a line was not taken."""
        del typed
        self.show([refusal_line(self._words, reason, content)])

    def changed(self) -> None:
        """Draws the prompt again."""
        self._application.invalidate()

    def flush(self) -> None:
        """Shows at once what is to be shown."""
        lines, self._to_show = self._to_show, []
        self._shown += lines
        columns = self._output.get_size().columns
        text = self._written([row for line in lines for row in wrapped(line, columns)])
        is_drawn = self._application.is_running and not self._application.is_done
        with suppress(OSError):  # a terminal that goes away is noticed by the reading
            if is_drawn:
                self._application.renderer.erase()
            self._output.write_raw(text)
            self._output.flush()
        if is_drawn:
            self._application.invalidate()

    # What is drawn.

    def _written(self, rows: Sequence[Line]) -> str:
        """What is to be written for rows; remembers how much room they take."""
        self._row_widths += [get_cwidth(plain(row)) for row in rows]
        return "".join(f"{self._paint(row)}\r\n" for row in rows)

    def _resized(self) -> None:
        """Breaks the lines on the screen anew, and removes the prompt, which is to be drawn again.

        Most terminals have by now moved what does not fit into further rows, the prompt's own ones
        as well, and the cursor with it. How many rows that makes is known, and all are rewritten.
        (A terminal that cuts rows instead may lose as many of what stood above the chat.)
        """
        size = self._output.get_size()
        prompt, above = self._drawn(size.columns)
        above += sum(_rows_of(width, size.columns) for width in self._row_widths)
        self._row_widths.clear()
        rows = [row for line in self._shown for row in wrapped(line, size.columns)]
        fitting = rows[-max(1, size.rows - prompt) :]
        with suppress(OSError):
            self._output.write_raw("\r")
            self._output.cursor_up(min(above, size.rows))
            # To clear from the very corner would have some terminals keep all in their history.
            self._output.erase_end_of_line()
            self._output.cursor_down(1)
            self._output.erase_down()
            self._output.cursor_up(1)
            self._output.write_raw(self._written(fitting))
            self._output.flush()

    def _drawn(self, columns: int) -> tuple[int, int]:
        """Returns how many rows of a terminal so wide the prompt takes, as it was drawn last, and
        how many of them are above the cursor.
        """
        screen = self._application.renderer.last_rendered_screen
        if screen is None:
            return 0, 0
        cursor = screen.get_cursor_position(self._application.layout.current_window)
        taken = [
            _rows_of(
                max((x + cell.width for x, cell in row.items() if cell.char != " "), default=0),
                columns,
            )
            for row in (screen.data_buffer[y] for y in range(screen.height))
        ]
        return sum(taken), sum(taken[: cursor.y]) + cursor.x // columns

    def _layout(self) -> Layout:
        edited = Window(
            BufferControl(self._buffer, [BeforeInput(self._before_input)]),
            height=Dimension(min=1, max=MOST_INPUT_LINES),
            wrap_lines=True,
            dont_extend_height=True,
        )
        waiting = Window(FormattedTextControl(self._waiting_rows), dont_extend_height=True)
        rows = [
            ConditionalContainer(waiting, Condition(lambda: bool(self._waiting()))),
            edited,
            Window(FormattedTextControl(self._status), height=1),
        ]
        return Layout(HSplit(rows), focused_element=edited)

    def _before_input(self) -> ANSI:
        room = self._chat.view.current if self._chat is not None else None
        return self._formatted([Span(f"{sanitise_name(room or '')}> ", Style.NEWS)])

    def _waiting(self) -> list[str]:
        """What was typed and is not durable yet."""
        taken = self._chat.waiting if self._chat is not None else ()
        return [*taken, *self.unread_texts]

    def _waiting_rows(self) -> ANSI:
        width = max(1, self._output.get_size().columns - 4)
        texts = [one_line(text, width) for text in self._waiting()[-WAITING_SHOWN:]]
        return ANSI("\n".join(self._paint([Span(f"… {text}", Style.EARLIER)]) for text in texts))

    def _status(self) -> ANSI:
        status = self._chat.status(queued=self.unread) if self._chat is not None else ()
        return self._formatted(status)

    def _formatted(self, spans: Iterable[Span]) -> ANSI:
        return ANSI(self._paint(spans))

    def _count_down(self) -> None:
        if self._chat is not None and self._chat.view.standing.is_waiting:
            self._loop.call_later(COUNTED_EVERY, self._application.invalidate)

    # What is typed.

    def _accept(self, buffer: Buffer) -> bool:
        """Takes a line; answers whether it stays there.

        A text that is too long does, to be shortened. A command that is none goes; like any line it
        comes back with the arrow keys.
        """
        text = buffer.text
        if objection := self._chat.objection(text) if self._chat is not None else "":
            self.show([refusal_line(self._words, objection, "")])
            return isinstance(parse(text), Say | Tell)
        if isinstance(parse(text), Quit):
            self.end()
        elif not isinstance(parse(text), Nothing):
            self.add(text)
        return False

    def _edited(self, text: str) -> None:
        if self._chat is not None:
            self._chat.typing(text)

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()

        @keys.add("c-c")
        def _(_: KeyPressEvent) -> None:
            self._interrupted()

        @keys.add("c-d", filter=Condition(lambda: not self._buffer.text))
        def _(_: KeyPressEvent) -> None:
            self.end()

        @keys.add("c-z")
        def _(event: KeyPressEvent) -> None:
            event.app.suspend_to_background()

        return keys

    def complete(self, line: str) -> list[str]:
        """What the last word of a line could become."""
        if self._chat is None:
            return []
        return completions(line, names=self._chat.names(), rooms=self._chat.view.rooms)


class _Application(Application[None]):
    """An application that has the screen made ready for it when the terminal is resized."""

    def __init__(
        self,
        resized: Callable[[], None],
        *,
        layout: Layout,
        key_bindings: KeyBindings,
        terminal: Input,
        output: Output,
        rendered: Callable[[], None],
    ) -> None:
        super().__init__(
            layout=layout,
            key_bindings=key_bindings,
            erase_when_done=True,
            input=terminal,
            output=output,
            after_render=lambda _: rendered(),
        )
        self._resized = resized

    def _on_resize(self) -> None:
        # What it does otherwise erases as many rows as it has drawn, however many they are by now.
        self._resized()
        self.renderer.reset(leave_alternate_screen=False)
        self.invalidate()


def _rows_of(width: int, columns: int) -> int:
    """How many rows a row that was so wide takes in a terminal of so many columns."""
    return max(1, -(-width // columns))


class _Completer(Completer):
    """Completes names and commands at the Tab key."""

    def __init__(self, prompt: Prompt) -> None:
        self._prompt = prompt

    def get_completions(self, document: Document, _: CompleteEvent) -> Iterable[Completion]:
        """Yields what the word before the cursor could become."""
        line = document.text_before_cursor
        word = line.split(" ")[-1]
        for choice in self._prompt.complete(line):
            yield Completion(choice, start_position=-len(word))


def open_prompt(words: Words, *, colour: bool, interrupted: Callable[[], None]) -> Prompt:
    """Makes a prompt on the terminal that is the standard input and output."""
    return Prompt(words, create_input(), create_output(), colour=colour, interrupted=interrupted)
