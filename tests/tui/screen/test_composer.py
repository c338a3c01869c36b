from collections.abc import Sequence
from functools import partial

from textual import events, on
from textual.app import App, ComposeResult
from textual.message import Message
from textual.pilot import Pilot

from causerie.tui.screen.completing import complete
from causerie.tui.screen.composer import Composer

NAMES = ["Alice", "Alina", "Bob"]


class Desk(App[None]):
    """A composer, and what it tells."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[Message] = []
        self.submitted: list[str] = []
        self.takes = True

    def compose(self) -> ComposeResult:
        offer = partial(complete, names=NAMES, rooms=["lobby"])
        yield Composer(offer, self.submit, id="composer")

    def submit(self, text: str) -> bool:
        self.submitted.append(text)
        return self.takes

    def on_mount(self) -> None:
        self.composer.focus()

    @property
    def composer(self) -> Composer:
        return self.query_one(Composer)

    @on(Composer.Cancelled)
    @on(Composer.Ended)
    def tell(self, event: Message) -> None:
        self.told.append(event)


async def press(pilot: Pilot[None], keys: Sequence[str]) -> None:
    await pilot.press(*keys)
    await pilot.pause()


async def test_enter_submits_and_other_keys_begin_a_line() -> None:
    desk = Desk()
    async with desk.run_test() as pilot:
        for key in ("ctrl+j", "alt+enter", "shift+enter", "ctrl+enter"):
            await press(pilot, ["a", key, "b", "enter"])
        assert desk.submitted == ["a\nb"] * 4
        assert desk.composer.text == ""


async def test_each_enter_submits_what_was_written_since_the_one_before() -> None:
    desk = Desk()
    async with desk.run_test() as pilot:
        for key in ("a", "enter", "enter", "b", "enter", "c"):
            desk.post_message(events.Key(key, key if len(key) == 1 else None))
        await pilot.pause()
        assert desk.submitted == ["a", "", "b"]
        assert desk.composer.text == "c"


async def test_what_is_not_taken_stays() -> None:
    desk = Desk()
    async with desk.run_test() as pilot:
        desk.takes = False
        await press(pilot, ["a", "enter"])
        assert (desk.submitted, desk.composer.text) == (["a"], "a")
        await press(pilot, ["up"])
        assert desk.composer.text == "a"


async def test_what_is_pasted_stays_one_text_and_is_harmless() -> None:
    desk = Desk()
    async with desk.run_test() as pilot:
        desk.post_message(events.Paste("one\r\ntwo\rthree\x1b[31m\u202e"))
        await pilot.pause()
        assert desk.composer.text == "one\ntwo\nthree␛[31m"
        assert desk.submitted == []


async def test_what_was_typed_comes_back_with_the_arrows_at_the_edges_of_the_text() -> None:
    desk = Desk()
    async with desk.run_test() as pilot:
        for text in ("one", "two\nlines"):
            desk.composer.put(text)
            await press(pilot, ["enter"])
        await press(pilot, ["x", "up"])
        assert desk.composer.text == "two\nlines"
        await press(pilot, ["up"])
        assert desk.composer.cursor_location == (0, 3)
        await press(pilot, ["up", "up"])
        assert desk.composer.text == "one"
        await press(pilot, ["down", "down", "down"])
        assert desk.composer.text == "x"


async def test_the_only_completion_is_put_in_and_of_several_one_chooses() -> None:
    desk = Desk()
    async with desk.run_test() as pilot:
        await press(pilot, [*"hi b", "tab"])
        assert desk.composer.text == "hi Bob "
        await press(pilot, [*"al", "tab"])
        assert [choice.shown for choice in desk.composer.choices] == ["Alice", "Alina"]
        await press(pilot, ["down", "down", "down", "tab"])
        assert desk.composer.text == "hi Bob Alina "
        assert not desk.composer.choices
        await press(pilot, [*"zzz", "tab"])
        assert desk.composer.text == "hi Bob Alina zzz"


async def test_what_is_offered_goes_at_escape_and_the_next_one_cancels() -> None:
    desk = Desk()
    async with desk.run_test() as pilot:
        await press(pilot, [*":smi"])
        assert len(desk.composer.choices) == 3
        await press(pilot, ["up"])
        assert desk.composer.chosen == 2
        await press(pilot, ["escape"])
        assert not desk.composer.choices
        assert desk.told == []
        await press(pilot, ["escape"])
        assert isinstance(desk.told[0], Composer.Cancelled)


async def test_one_ends_where_nothing_is_written() -> None:
    desk = Desk()
    async with desk.run_test() as pilot:
        await press(pilot, ["x", "left", "ctrl+d"])
        assert desk.composer.text == ""
        assert desk.told == []
        await press(pilot, ["ctrl+d"])
        assert isinstance(desk.told[0], Composer.Ended)


async def test_what_stands_there_while_nothing_is_written_is_no_markup() -> None:
    desk = Desk()
    async with desk.run_test() as pilot:
        desk.composer.invite("Write to [bold]x[/] alone")
        await pilot.pause()
        strips = desk.screen._compositor.render_strips()
        assert "Write to [bold]x[/] alone" in "".join(strip.text for strip in strips)


async def test_keys_that_come_at_once_are_obeyed_in_their_order() -> None:
    desk = Desk()
    async with desk.run_test() as pilot:
        desk.composer.put("one")
        for key in ("backspace", "backspace", "l", "d", "home", "c"):
            desk.post_message(events.Key(key, key if len(key) == 1 else None))
        await pilot.pause()
        assert desk.composer.text == "cold"
