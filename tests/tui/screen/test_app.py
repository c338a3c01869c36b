"""The screen whole, with a real server: what people do, and what they see."""

import asyncio
import re
from pathlib import Path

import pytest
from tests.support.server_process import ServerProcess
from tests.tui.screen.seats import Seat, new_room, seat, seated, someone
from textual import events

from causerie.client.client import Client
from causerie.client.machine.events import StateChanged
from causerie.client.machine.states import Connected, Disconnected
from causerie.tui.screen.memory import Memory
from causerie.tui.screen.themes import DARK, LIGHT
from causerie.wire.replies import Message, Private

pytestmark = [pytest.mark.real, pytest.mark.slow]


async def heard(client: Client, kind: type[Message | Private]) -> str:
    """What the next message of a kind says."""
    async for event in client:
        if isinstance(event, kind):
            return event.content
    raise AssertionError("the client has ended")


def numbers(lines: list[str]) -> list[str]:
    """The numbers of the messages on these lines of the screen."""
    return [match[0] for line in lines if (match := re.search(r"number \d+", line))]


async def more_than(made: Seat, count: int) -> None:
    """Waits until more messages than so many are loaded."""
    await made.until(lambda: len(made.room.timeline.entries) > count, "an earlier page")


async def received(made: Seat, content: str) -> None:
    """Waits until this was said last."""

    def last() -> list[str]:
        return [getattr(entry, "content", "") for entry in made.room.timeline.entries[-1:]]

    await made.until(lambda: last() == [content], content[:20])


# Talking.


async def test_two_people_talk(server: ServerProcess) -> None:
    room = new_room()
    async with (
        seated(server.ws, "Alice", room) as alice,
        seated(server.ws, "Bob", room) as bob,
    ):
        await alice.see("Connected (", "2 people here")
        await alice.say("hello **Bob**")
        await bob.see("Alice", "hello Bob")
        await bob.say("hi :smile:")
        await alice.see("Bob", "hi 😄")
        assert alice.text.count("hello Bob") == 1
        assert not alice.room.timeline.pending
        assert alice.composer.text == ""


async def test_a_private_message_reaches_one_only_and_is_marked(server: ServerProcess) -> None:
    room = new_room()
    async with (
        seated(server.ws, "Ann", room) as alice,
        seated(server.ws, "Ben", room, bell=True) as bob,
        seated(server.ws, "Cleo", room) as carol,
    ):
        await alice.see("3 people here")
        await alice.say("/msg Ben psst")
        await alice.see("🔒 Private with Ben", "Write to Ben alone", "psst")
        await bob.see("🔒 Ann", "●1")
        assert "psst" not in bob.text
        await bob.press("alt+a")
        await bob.see("🔒 Private with Ann", "psst")
        await bob.say("what?")
        await alice.see("what?")
        await alice.press("ctrl+p")
        await alice.say("all done")
        await carol.see("all done")
        assert "Private" not in carol.text


async def test_typing_appears_stops_and_ends_at_once_with_the_message(
    server: ServerProcess,
) -> None:
    room = new_room()
    async with (
        seated(server.ws, "Alice", room) as alice,
        seated(server.ws, "Bob", room, language="fr") as bob,
    ):
        await alice.see("2 people here")
        await alice.press("a", "b")
        await bob.see("Alice est en train de taper…")
        await bob.miss("taper")
        await alice.press("c")
        await bob.see("Alice est en train de taper…")
        await alice.press("enter")
        await bob.see("abc")
        await bob.miss("taper")
        await alice.press("slash", "h")
        await alice.say("/nope")
        assert bob.room.typists == ()
        await alice.see("There is no command /nope")
        await alice.press("escape")
        await alice.miss("There is no command")


async def test_a_message_of_several_lines_is_one(server: ServerProcess) -> None:
    room = new_room()
    async with seated(server.ws, "Alice", room) as alice, someone(server.ws, "Bob", room) as bob:
        await alice.see("Connected (")
        await alice.press("a", "ctrl+j", "b", "alt+enter", "c", "enter")
        assert await heard(bob, Message) == "a\nb\nc"


# The server dies.


async def test_the_server_is_killed_and_nothing_is_lost_and_nothing_comes_twice(
    tmp_path: Path,
) -> None:
    with ServerProcess(tmp_path) as server:
        room = new_room()
        async with (
            seated(server.ws, "Alice", room, size=(110, 30)) as alice,
            seated(server.ws, "Bob", room) as bob,
        ):
            await alice.see("Connected (", "2 people here")
            await alice.say("before")
            await bob.see("before")
            server.kill()
            await alice.see("● Disconnected", "Reconnecting in", "[Try now Ctrl+T]")
            await alice.say("in between")
            await alice.see("in between", "◌ Sending…")
            await alice.see("nobody listens on localhost")
            await asyncio.to_thread(server.start)
            await alice.press("ctrl+t")
            await alice.see("Connected (")
            await alice.miss("Sending…")
            await alice.miss("nobody listens")
            await bob.see("in between")
            await bob.say("after")
            await alice.see("after")
            for one in (alice, bob):
                contents = [getattr(entry, "content", "") for entry in one.room.timeline.entries]
                assert contents == ["before", "in between", "after"]


async def test_without_a_server_one_sees_so_and_can_write(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        server.stop()
        room = new_room()
        async with seated(server.ws, "Alice", room) as alice:
            await alice.say("early")
            await alice.see("early", "◌ Sending…", "Disconnected")
            assert isinstance(alice.session.chat.state, Disconnected)
            await asyncio.to_thread(server.start)
            await alice.press("ctrl+t")
            await alice.see("Connected (")
            await alice.miss("Sending…")
            assert alice.session.waiting == []
            assert isinstance(alice.session.chat.state, Connected)


async def test_a_click_tries_to_connect_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async with seat(size=(110, 30)) as alice:
        session = alice.session
        lost = Disconnected(code=1006, reason="", attempt=1, retry_at=session.now + 50)
        session.chat.told(StateChanged(state=lost), 0)
        session.standing.changed(lost, session.now)
        tries: list[bool] = []
        monkeypatch.setattr(session, "try_now", lambda: tries.append(True))
        alice.app.changed()
        await alice.click("[Try now")
        assert tries == [True]


# Rooms.


async def test_rooms_show_what_is_unread_and_are_gone_to_by_keys_and_by_clicks(
    server: ServerProcess,
) -> None:
    rooms = [new_room() for _ in range(3)]
    async with (
        seated(server.ws, "Alice", rooms[0]) as alice,
        someone(server.ws, "Bob", *rooms) as bob,
    ):
        await alice.see("Connected (")
        for name in rooms[1:]:
            await alice.say(f"/join {name}")
            await alice.see(f"# {name}")
        await bob.send("one", rooms[0])
        await bob.send("two", rooms[0])
        await bob.send("Alice!", rooms[1])
        await alice.until(lambda: alice.session.chat.unread == (3, 1), "what is unread")
        await alice.see(f" 1 #{rooms[0]}", "●1")
        await alice.press("alt+a")
        await alice.see(f"# {rooms[1]} ", "Alice!")
        await alice.press("alt+a")
        await alice.see("one", "two")
        assert alice.session.chat.unread == (0, 0)
        await alice.press("alt+a", "alt+9", "alt+3")
        assert alice.room.name == rooms[2]
        await alice.press("alt+down")
        assert alice.room.name == rooms[0]
        await alice.press("alt+up")
        assert alice.room.name == rooms[2]
        await alice.click(f"#{rooms[1]}")
        assert alice.room.name == rooms[1]
        await alice.say("/leave")
        await alice.miss(f"#{rooms[1]}")
        await alice.say("/leave nowhere")
        await alice.see("You are not in nowhere")
        await alice.say(f"/leave {rooms[2]}")
        await alice.say("/leave")
        await alice.see("You are in no room.")
        await alice.say("hello?")
        await alice.see("you are in no room; /join ROOM")


async def test_a_draft_stays_in_its_room(server: ServerProcess) -> None:
    rooms = [new_room() for _ in range(2)]
    async with seated(server.ws, "Alice", rooms[0]) as alice:
        await alice.see("Connected (")
        await alice.say(f"/join {rooms[1]}")
        await alice.see(f"# {rooms[1]}")
        await alice.press("d", "r")
        await alice.press("alt+up")
        assert alice.composer.text == ""
        await alice.press("alt+up")
        assert alice.composer.text == "dr"


@pytest.mark.parametrize("turn", ["alt+down", "alt+1"])
async def test_keys_that_come_at_once_go_where_one_was_when_one_pressed_them(turn: str) -> None:
    async with seat() as made:
        garden, lobby = made.session.chat.open("garden"), made.room
        for key, character in (("x", "x"), (turn, None), ("y", "y")):
            made.app.post_message(events.Key(key, character))
        await made.until(lambda: made.composer.text == "y", "the other room")
        await made.until(lambda: garden.draft, "its draft")
        assert (made.room, lobby.draft, garden.draft) == (garden, "x", "y")


async def test_a_room_that_comes_while_one_presses_enter_is_not_told() -> None:
    async with seat() as made:
        lobby, garden = made.room, made.session.chat.open("garden")
        garden.draft = "kept"
        made.composer.put("for the lobby")
        await made.until(lambda: lobby.draft, "the draft")
        made.session.show(garden)  # as when a join is answered
        made.composer._handle("enter")
        await made.until(lambda: made.session.unread, "the line")
        await made.until(lambda: made.composer.text == "kept", "the other room")
        addressed = [room for room, _ in made.session._addressed.values()]
        assert (addressed, lobby.draft, garden.draft) == ([lobby], "", "kept")


async def test_nothing_is_said_in_a_room_that_was_closed_meanwhile() -> None:
    async with seat() as made:
        made.session.chat.open("garden")
        made.composer.put("a secret")
        made.session.chat.close("lobby")
        assert not made.app._submit("a secret")
        await made.see("You are not in lobby")
        assert made.session.unread == 0


async def test_what_was_new_is_below_a_line(server: ServerProcess) -> None:
    rooms = [new_room() for _ in range(2)]
    async with (
        seated(server.ws, "Alice", rooms[0]) as alice,
        someone(server.ws, "Bob", *rooms) as bob,
    ):
        await bob.send("old", rooms[0])
        await alice.see("old")
        await alice.say(f"/join {rooms[1]}")
        await alice.see(f"# {rooms[1]}")
        await bob.send("fresh", rooms[0])
        await alice.until(lambda: alice.session.chat.unread.all, "what is unread")
        await alice.press("alt+a")
        await alice.see("── New ──", "fresh")
        await alice.say("seen")
        await alice.see("seen")
        await alice.miss("── New ──")
        alice.app.post_message(events.AppBlur())
        await alice.until(lambda: not alice.session.chat.is_watching, "nobody to look")
        await bob.send("while away", rooms[0])
        await alice.see("while away", "── New ──")
        assert alice.session.chat.unread.all == 1
        alice.app.post_message(events.AppFocus())
        await alice.until(lambda: not alice.session.chat.unread.all, "somebody to look")


async def test_the_next_stay_knows_what_was_seen(server: ServerProcess, tmp_path: Path) -> None:
    path = tmp_path / "seen.json"
    room = new_room()
    async with someone(server.ws, "Bob", room) as bob:
        async with seated(server.ws, "Greta", room, memory=Memory(path)) as greta:
            await greta.see("2 people here")
            await greta.say("hello")
            await greta.see("hello")
            await bob.private("Greta", "old secret")
            await bob.send("old news", room)
            await greta.see("old news", "●1")
            await greta.press("alt+a")
            await greta.see("old secret")
        await bob.private("Greta", "new secret")
        await bob.send("fresh news", room)
        async with seated(server.ws, "Greta", room, memory=Memory(path)) as greta:
            await greta.see("old news", "── New ──", "fresh news", "●1")
            (conversation,) = (one for one in greta.session.chat.rooms if one.is_private)
            assert (conversation.unread, conversation.calls) == (1, 1)


# History.


async def test_a_thousand_messages_are_paged_back_to_the_first_with_the_place_kept(
    server: ServerProcess,
) -> None:
    room = new_room()
    async with someone(server.ws, "Bob", room) as bob:
        await asyncio.gather(*(bob.send(f"number {n}", room) for n in range(1000)))
    async with seated(server.ws, "Alice", room) as alice:
        await alice.see("number 999")
        await alice.press("pageup")
        assert not alice.messages.is_at_end
        await alice.see("To the latest (Ctrl+End)")
        timeline = alice.room.timeline
        while timeline.has_earlier:
            loaded = len(timeline.entries)
            await alice.press("ctrl+home")
            shown = numbers(alice.lines[:8])
            await more_than(alice, loaded)
            await alice.pilot.pause()
            assert set(shown) <= set(numbers(alice.lines)), shown
        assert len(timeline.entries) == 1000
        await alice.press("ctrl+home")
        await alice.see("The messages begin here", "number 0")
        drawn = alice.messages.viewport.drawings
        assert drawn < 2500
        await alice.click("To the latest")
        await alice.see("number 999")
        assert alice.messages.is_at_end


async def test_what_comes_while_one_reads_further_up_is_counted_and_not_seen(
    server: ServerProcess,
) -> None:
    room = new_room()
    async with (
        someone(server.ws, "Bob", room) as bob,
        seated(server.ws, "Alice", room) as alice,
    ):
        await asyncio.gather(*(bob.send(f"number {n}", room) for n in range(60)))
        await alice.see("number 59")
        await alice.press("pageup", "pageup")
        before = numbers(alice.lines)
        await bob.send("one more", room)
        await alice.see("1 new message (Ctrl+End)")
        assert numbers(alice.lines) == before
        await alice.press("ctrl+end")
        await alice.see("one more")
        assert alice.session.chat.unread.all == 0


async def test_as_much_history_as_is_asked_for_is_loaded(server: ServerProcess) -> None:
    room = new_room()
    async with someone(server.ws, "Bob", room) as bob:
        await asyncio.gather(*(bob.send(f"number {n}", room) for n in range(300)))
    async with seated(server.ws, "Alice", room) as alice:
        await alice.see("number 299")
        await alice.say("/history 150")
        await alice.until(lambda: len(alice.room.timeline.entries) >= 200, "history")


async def test_a_hole_shows_how_much_is_missing_and_is_loaded(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, "--rate-limit", "0") as server:
        room = new_room()
        async with seated(server.ws, "Alice", room, catch_up=5) as alice:
            async with someone(server.ws, "Bob", room) as bob:
                await bob.send("first", room)
                await alice.see("first")
                await alice.cut()
                await asyncio.gather(*(bob.send(f"number {n}", room) for n in range(42)))
            await alice.press("ctrl+t")
            await alice.see("37 messages not loaded", "[Load]")
            await alice.click("[Load]")
            await alice.miss("not loaded")
            assert len(alice.room.timeline.entries) == 43


# Replies.


async def test_a_message_is_answered_by_keys_or_a_click(server: ServerProcess) -> None:
    room = new_room()
    async with (
        seated(server.ws, "Alice", room) as alice,
        someone(server.ws, "Bob", room) as bob,
    ):
        await bob.send("first question", room)
        await bob.send("second question", room)
        await alice.see("second question")
        await alice.press("ctrl+r", "up", "enter")
        await alice.see("↱ Replying to Bob (Esc: Cancel)")
        assert alice.composer.has_focus
        await alice.press("escape")
        await alice.miss("Replying to Bob")
        await alice.click("first question")
        await alice.say("the answer")
        await alice.see("↱ Bob: first question", "the answer")
        await alice.miss("Replying to")
        entry = alice.room.timeline.entries[-1]
        assert isinstance(entry, Message)
        assert entry.reply_to == alice.room.timeline.entries[0].id
        await alice.click("↱ Bob: first")
        assert alice.messages._chosen == str(alice.room.timeline.entries[0].seq)


# Failing.


async def test_what_is_not_taken_says_why_and_can_be_tried_again_or_given_up(
    server: ServerProcess,
) -> None:
    room = new_room()
    async with seated(server.ws, "Alice", room, size=(110, 30)) as alice:
        await alice.see("Connected (")
        await alice.say("/msg Nobody42 hello?")
        await alice.see("✗ Not sent: nobody called “Nobody42” is connected")
        await alice.click("[Try again]")
        await alice.see("✗ Not sent")
        await alice.press("ctrl+r", "delete")
        await alice.miss("Not sent")
        await alice.say("x" * 5000)
        await alice.see("it has 5000 characters, and at most 4000 are allowed")
        assert len(alice.composer.text) == 5000


async def test_commands_that_are_refused_say_why(server: ServerProcess) -> None:
    async with seated(server.ws, "Alice", new_room()) as alice:
        await alice.see("Connected (")
        await alice.say("/join not..a..room")
        await alice.see("Not done: “not..a..room” cannot be")
        await alice.say("/msg Alice hello me")
        await alice.see("you cannot write to yourself")


async def test_a_bell_rings_for_those_who_want_it(
    server: ServerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    rings: list[str] = []
    room = new_room()
    async with (
        seated(server.ws, "Dora", room, bell=True) as dora,
        seated(server.ws, "Erik", room) as erik,
        someone(server.ws, "Bob", room) as bob,
    ):
        await dora.see("3 people here")
        for one in (dora, erik):
            monkeypatch.setattr(one.app, "bell", lambda one=one: rings.append(one.session.username))
        await bob.private("Dora", "psst")
        await bob.private("Erik", "psst")
        await dora.see("●1")
        await erik.see("●1")
        assert rings == ["Dora"]


async def test_a_click_on_a_member_begins_a_conversation(server: ServerProcess) -> None:
    room = new_room()
    async with (
        seated(server.ws, "Alice", room, size=(110, 30)) as alice,
        someone(server.ws, "Fritz", room),
    ):
        await alice.see("● Fritz")
        await alice.click("● Fritz")
        await alice.see("🔒 Private with Fritz", "Only you and Fritz can read this.")
        assert alice.composer.has_focus
        await alice.press("a")
        await alice.say("hello")
        await alice.see("hello")
        await alice.until(lambda: not alice.room.is_draft, "a name for the conversation")


# Commands.


async def test_what_one_asks_is_answered_below_the_messages(server: ServerProcess) -> None:
    room = new_room()
    async with seated(server.ws, "Alice", room) as alice:
        await alice.see("Connected (")
        await alice.say("/who")
        await alice.see(f"1 person in {room}: Alice")
        await alice.say("/rooms")
        await alice.see(f"{room}, 1 person (what you type goes there)")
        await alice.say("/help")
        await alice.see("Keys", "Alt+A")
        await alice.press("pagedown", "escape")
        await alice.see("Write in #")
        await alice.press("f1")
        await alice.see("Keys")
        await alice.press("f1")
        await alice.miss("Keys")


async def test_completions_are_offered_chosen_and_put_in(server: ServerProcess) -> None:
    room = new_room()
    async with (
        seated(server.ws, "Alice", room) as alice,
        someone(server.ws, "Bob", room),
    ):
        await alice.see("2 people here")
        await alice.press(*"/ms", "tab")
        assert alice.composer.text == "/msg "
        await alice.press("b", "tab")
        assert alice.composer.text == "/msg Bob "
        await alice.press(*":smi")
        await alice.see("▸ 😄 :smile:", "😏 :smirk:")
        await alice.press("down", "tab")
        assert alice.composer.text == "/msg Bob 😏 "
        await alice.press(*":tad")
        await alice.click("🎉 :tada:")
        assert alice.composer.text == "/msg Bob 😏 🎉 "


# The end.


async def test_one_ends_by_keys_or_a_word(server: ServerProcess) -> None:
    for keys in (["ctrl+q"], ["ctrl+d"], [*"/quit", "enter"]):
        async with seat() as alice:
            await alice.press(*keys)
            assert alice.session.ended.is_set()
    async with seat() as alice:
        await alice.press("x", "ctrl+d")
        assert not alice.session.ended.is_set()
        await alice.press("ctrl+c")
        assert alice.interrupted.is_set()


# The look.


async def test_members_and_rooms_are_hidden_where_there_is_no_place_and_shown_by_keys(
    server: ServerProcess,
) -> None:
    async with seated(server.ws, "Alice", new_room(), size=(200, 60)) as alice:
        await alice.see("● Alice you", " Rooms")
        await alice.pilot.resize_terminal(80, 24)
        await alice.miss("● Alice you")
        await alice.see(" Rooms")
        await alice.pilot.resize_terminal(59, 20)
        await alice.miss(" Rooms")
        await alice.press("f5", "f6")
        await alice.see(" Rooms", "● Alice you")
        await alice.press("f5", "f6")
        await alice.miss(" Rooms")


async def test_colours_are_another_at_a_key_and_the_choice_is_kept() -> None:
    async with seat() as alice:
        assert alice.app.theme == DARK.name
        await alice.press("f2")
        assert alice.app.theme == LIGHT.name
        await alice.press("f3")
        await alice.see("Private messages and mentions ring now.")
        await alice.press("f2", "f3")
        await alice.see("Nothing rings now.")
        assert [(one.theme, one.bell) for one in alice.kept] == [
            ("light", False),
            ("light", True),
            ("dark", True),
            ("dark", False),
        ]


async def test_without_colours_there_are_none() -> None:
    async with seat(colour=False) as alice:
        colours = {
            segment.style.color.triplet
            for strip in alice.app.screen._compositor.render_strips()
            for segment in strip
            if segment.style is not None and segment.style.color is not None
        }
        filtered = [type(one).__name__ for one in alice.app.get_line_filters()]
        assert colours
        assert "Monochrome" in filtered


async def test_it_speaks_french(server: ServerProcess) -> None:
    room = new_room()
    async with seated(server.ws, "Alice", room, language="fr", size=(110, 30)) as alice:
        await alice.see("Connecté (", "1 personne ici", "Salons", "● Alice vous", "F1 aide")
        await alice.say("/msg Personne42 coucou")
        await alice.see("En privé avec Personne42", "Non envoyé")


# What strangers write.

HOSTILE = [
    "\x1b[2J\x1b]0;owned\x07 escape",
    "\u202etext that turns around\u202c",
    "x" * 4000,
    "👩‍👩‍👧‍👦🇫🇷❤️ emoji 👍🏽",
    "Z\u0301\u0323\u0302\u0316\u0301\u0323\u0302\u0316\u0301\u0323\u0302\u0316 zalgo",
    "[bold]markup[/] [@click=app.quit]x[/] [red",
    "日本語" * 20,
    "עברית مرحبا",
]


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (200, 60)])
async def test_whatever_others_write_stays_text_in_its_box(
    server: ServerProcess, size: tuple[int, int]
) -> None:
    room = new_room()
    async with (
        seated(server.ws, "Alice", room, size=size) as alice,
        someone(server.ws, "Bob", room) as bob,
    ):
        await alice.see("Connected (")
        for content in HOSTILE:
            await bob.send(content, room)
            await received(alice, content)
            await alice.pilot.pause()
            text = alice.text
            assert not any(ord(char) < 32 and char != "\n" for char in text)
            assert "\u202e" not in text
            strips = alice.app.screen._compositor.render_strips()
            assert {strip.cell_length for strip in strips} == {size[0]}
        await alice.pilot.resize_terminal(70, 22)
        await alice.see("[bold]markup[/] [@click=app.quit]x[/]")
