"""The list of messages in the screen, without a server."""

from tests.tui.screen.entries import message, unknown
from tests.tui.screen.seats import Seat, seat
from textual import events
from textual.scrollbar import ScrollDown, ScrollTo, ScrollUp

from causerie.tui.screen.chat_state import Room
from causerie.tui.screen.timeline import Hole


def fill(made: Seat, *entries: object) -> Room:
    """Puts messages into the room, as if they had been loaded."""
    room = made.room
    room.timeline.prepend(entries, before=room.timeline.first, more=False)  # type: ignore[arg-type]
    made.app.changed()
    return room


async def filled(made: Seat, count: int = 100) -> None:
    fill(made, *[message(seq, content=f"number {seq}") for seq in range(1, count + 1)])
    await made.see(f"number {count}")


def chosen(made: Seat) -> str | None:
    """The key of the row that is marked."""
    return made.messages._chosen


async def scrolled_to(made: Seat, offset: int) -> None:
    await made.until(lambda: made.messages.viewport.offset == offset, f"line {offset} at the top")


async def test_the_wheel_and_the_bar_scroll() -> None:
    async with seat() as alice:
        await filled(alice)
        offset = alice.messages.viewport.offset
        wheel = {"delta_x": 0, "delta_y": 0, "button": 0, "shift": False, "meta": False}
        for event, change in (
            (events.MouseScrollUp, -3),
            (events.MouseScrollUp, -3),
            (events.MouseScrollDown, 3),
        ):
            alice.messages.post_message(
                event(widget=alice.messages, x=30, y=10, ctrl=False, **wheel)  # type: ignore[arg-type]
            )
            offset += change
            await scrolled_to(alice, offset)
        await alice.press("ctrl+home")
        alice.messages.post_message(ScrollTo(y=20.2))
        await scrolled_to(alice, 20)
        page = alice.messages.size.height - 1
        alice.messages.post_message(ScrollDown())
        await scrolled_to(alice, 20 + page)
        alice.messages.post_message(ScrollUp())
        await scrolled_to(alice, 20)
        alice.messages.post_message(ScrollTo(x=2))
        await alice.pilot.pause()
        assert alice.messages.viewport.offset == 20


async def test_ten_thousand_messages_are_scrolled_and_only_those_in_sight_are_drawn() -> None:
    async with seat(size=(120, 36)) as alice:
        await filled(alice, 10_000)
        assert alice.messages.viewport.drawings < 200
        await alice.press("ctrl+home")
        await alice.see("number 1 ", "The messages begin here")
        await alice.press("pagedown", "ctrl+end")
        await alice.see("number 10000")
        assert alice.messages.viewport.drawings < 500
        drawings = alice.messages.viewport.drawings
        alice.room.timeline.add(message(10_001, content="one more"))
        alice.app.changed()
        await alice.see("one more")
        assert alice.messages.viewport.drawings <= drawings + 5


async def test_a_message_is_chosen_with_the_keys_and_what_cannot_be_is_passed_by() -> None:
    async with seat() as alice:
        fill(alice, message(1, content="one"), unknown(2), message(3, content="three"))
        await alice.see("three")
        await alice.press("ctrl+r")
        assert chosen(alice) == "3"
        assert alice.messages.has_focus
        await alice.see("↑↓ choose")
        await alice.press("up", "up")
        assert chosen(alice) == "1"
        await alice.press("down", "j", "k", "r")
        await alice.see("Replying to Bob")
        assert alice.room.reply_to == "m1"
        assert alice.composer.has_focus
        await alice.press("ctrl+r", "escape")
        assert chosen(alice) is None
        assert alice.composer.has_focus


async def test_where_there_is_nothing_to_choose_nothing_is_chosen() -> None:
    async with seat() as alice:
        await alice.press("ctrl+r")
        assert alice.composer.has_focus
        alice.messages.can_focus = True
        alice.messages.focus()
        await alice.press("enter", "delete", "up")
        assert alice.composer.has_focus


async def test_what_failed_is_chosen_to_be_given_up() -> None:
    async with seat() as alice:
        timeline = alice.room.timeline
        timeline.sending(id="x", content="hi", reply_to="", at=1_800_000_000_000)
        timeline.failed("x", "no")
        alice.app.changed()
        await alice.see("✗ Not sent: no")
        await alice.press("ctrl+r", "d")
        await alice.miss("Not sent")


async def test_a_hole_is_chosen_to_be_loaded() -> None:
    async with seat() as alice:
        room = fill(alice, message(1), message(9))
        room.timeline.holes = {9: Hole(1, 7)}
        alice.app.changed()
        await alice.see("7 messages not loaded")
        await alice.press("ctrl+r", "up", "enter")
        assert alice.composer.has_focus


async def test_a_message_that_is_answered_and_not_loaded_is_shown_when_it_comes() -> None:
    async with seat() as alice:
        fill(alice, message(5, content="answer", reply_to="m1"))
        await alice.see("↱ an earlier message")
        fill(alice, message(1, content="question"))
        await alice.see("↱ Bob: question")


async def test_what_is_chosen_has_another_ground_and_a_click_answers() -> None:
    async with seat() as alice:
        fill(alice, message(1, content="one"))
        await alice.see("one")
        plain = alice.messages.render_line(alice.messages.size.height - 1)
        await alice.press("ctrl+r")
        await alice.pilot.pause()
        chosen = alice.messages.render_line(alice.messages.size.height - 1)
        assert (plain.text, list(plain) == list(chosen)) == (chosen.text, False)
        await alice.press("escape")
        await alice.click("one")
        assert alice.room.reply_to == "m1"


async def test_who_has_another_name_is_called_by_that() -> None:
    async with seat() as alice:
        alice.session.username = "Alice"
        fill(alice, message(1, content="Carol!"))
        await alice.see("  Carol!")
        alice.session.username = "Carol"
        alice.app.changed()
        await alice.see("▎ Carol!")


async def test_a_theme_draws_all_anew() -> None:
    async with seat() as alice:
        fill(alice, message(1, content="one"))
        await alice.see("one")
        before = alice.messages.render_line(alice.messages.size.height - 1)
        await alice.press("f2")
        await alice.pilot.pause()
        assert list(alice.messages.render_line(alice.messages.size.height - 1)) != list(before)
