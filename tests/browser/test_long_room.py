"""Rooms with more in them than a page can hold, in a real Chromium."""

import pytest
from bench.page import ROOM
from bench.scribes import Scribes
from playwright.sync_api import Locator, Page, expect
from tests.browser.conftest import Meet, Person
from tests.support.server_process import ServerProcess

MESSAGES = 10_000

pytestmark = pytest.mark.timeout(180)

READ_BACK = """async (scroller) => {
  const pause = () => new Promise((done) => requestAnimationFrame(done));
  const drawn = () => [...scroller.querySelectorAll(".message")];
  const textOf = (row) => row.querySelector(".text").textContent;
  const numberOf = (row) => Number(/line (\\d+)\\./.exec(textOf(row))?.[1]);
  const found = { runs: [], most: 0, moved: [] };
  const until = performance.now() + 120_000;
  for (;;) {
    const numbers = drawn().map(numberOf);
    found.most = Math.max(found.most, numbers.length);
    found.runs.push([numbers[0], numbers.at(-1), numbers.length]);
    if (scroller.querySelector(".begin") || performance.now() > until) return found;
    const first = drawn()[0];
    first.scrollIntoView();
    const top = first.getBoundingClientRect().top;
    while (drawn()[0] === first && performance.now() < until) await pause();
    const moved = first.getBoundingClientRect().top - top;
    if (Math.abs(moved) > 1) found.moved.push([numberOf(first), moved]);
  }
}"""
"""Goes up as far as it goes, and notes which lines are drawn and whether the one at the top moves
when earlier ones are put above it.
"""


def fill(server: ServerProcess, count: int) -> None:
    """Has somebody say so many numbered lines."""
    with Scribes(server.port, ROOM) as scribe:
        scribe.say_lines(count)


def top_of(person: Person, text: str) -> float:
    """Where a message is on the screen, in pixels from the top."""
    box = person.page.locator(".message", has_text=text).bounding_box()
    assert box is not None, "it is drawn"
    return box["y"]


def scroll_to(person: Person, text: str) -> None:
    """Brings a message that is drawn to the top of the list."""
    person.page.locator(".message", has_text=text).evaluate("(row) => row.scrollIntoView()")


def test_ten_thousand_messages_are_read_back_to_the_first_each_once_and_the_place_stays(
    meet: Meet, server: ServerProcess
) -> None:
    fill(server, MESSAGES)
    alice = meet("Alice", room=ROOM)
    alice.sees(f"line {MESSAGES}.")
    found = alice.page.locator("message-list .scroller").evaluate(READ_BACK)
    assert found["moved"] == []
    assert found["most"] <= 200, "what is not in sight is not in the page"
    first, last, _ = found["runs"][0]
    assert last == MESSAGES
    for begin, end, count in found["runs"]:
        assert count == end - begin + 1, "in order, each once, without a hole"
        assert begin <= first <= end + 1, "nothing was passed over"
        first = begin
    assert first == 1
    alice.page.get_by_role("button", name="To the latest").click()
    alice.sees(f"line {MESSAGES}.")


def test_ten_thousand_messages_that_come_at_once_are_followed_to_the_last(
    meet: Meet, server: ServerProcess
) -> None:
    alice = meet("Alice", room=ROOM)
    alice.say("go on")
    alice.sees("go on")
    fill(server, MESSAGES)
    alice.sees(f"line {MESSAGES}.")
    expect(alice.page.locator("message-list .jump")).to_have_count(0)
    numbers = [int(text.split(".")[0].removeprefix("line ")) for text in alice.messages()]
    assert numbers == list(range(numbers[0], MESSAGES + 1))
    assert len(numbers) <= 200


def test_home_and_end_lead_to_the_first_and_the_last_of_what_is_loaded(
    meet: Meet, server: ServerProcess
) -> None:
    alice = meet("Alice", room=ROOM)
    fill(server, 400)
    alice.sees("line 400.")
    alice.page.locator("message-list .scroller").focus()
    alice.page.keyboard.press("Home")
    expect(alice.page.locator(".message", has_text="line 1.")).to_be_in_viewport()
    expect(alice.page.locator(".message", has_text="line 400.")).to_have_count(0)
    alice.page.keyboard.press("End")
    expect(alice.page.locator(".message", has_text="line 400.")).to_be_in_viewport()
    expect(alice.page.locator(".message", has_text="line 1.")).to_have_count(0)


def test_the_place_one_reads_at_stays_when_something_comes(
    meet: Meet, server: ServerProcess
) -> None:
    fill(server, 60)
    alice, bob = meet("Alice", room=ROOM), meet("Bob", room=ROOM)
    alice.sees("line 60.")
    scroll_to(alice, "line 30.")
    expect(alice.page.get_by_role("button", name="To the latest")).to_be_visible()
    before = top_of(alice, "line 35.")
    bob.say("and another")
    expect(alice.page.get_by_role("button", name="1 new message", exact=True)).to_be_visible()
    assert top_of(alice, "line 35.") == before


def test_what_one_goes_to_the_latest_for_is_seen(meet: Meet, server: ServerProcess) -> None:
    fill(server, 60)
    alice, bob = meet("Alice", room=ROOM), meet("Bob", room=ROOM)
    alice.sees("line 60.")
    scroll_to(alice, "line 30.")
    bob.say("and another")
    alice.page.get_by_role("button", name="1 new message", exact=True).click()
    expect(alice.page.locator(".message", has_text="and another")).to_be_in_viewport()
    expect(alice.page.locator("room-list .count")).to_have_count(0)
    bob.say("and one more")
    alice.sees("and one more")
    expect(alice.page.locator("room-list .count")).to_have_count(0)


def test_whoever_reads_further_up_and_goes_to_another_room_sees_what_comes_there(
    meet: Meet, server: ServerProcess
) -> None:
    fill(server, 60)
    alice, bob = meet("Alice", room=ROOM), meet("Bob", room="garden")
    alice.sees("line 60.")
    scroll_to(alice, "line 30.")
    expect(alice.page.get_by_role("button", name="To the latest")).to_be_visible()
    alice.page.get_by_role("button", name="Open another room").click()
    alice.page.get_by_label("Name of the room").fill("garden")
    alice.page.keyboard.press("Enter")
    expect(alice.page.locator("h1")).to_have_text("garden")
    bob.say("the roses are out")
    alice.sees("the roses are out")
    expect(alice.page.locator("room-list .count")).to_have_count(0)


def test_a_selected_text_stays_selected_while_earlier_messages_are_loaded(
    meet: Meet, server: ServerProcess
) -> None:
    fill(server, 300)
    alice = meet("Alice", room=ROOM)
    alice.sees("line 300.")
    row = alice.page.locator(".message", has_text="line 260.")
    row.locator(".text").evaluate("(text) => getSelection().selectAllChildren(text)")
    scroll_to(alice, "line 260.")
    expect(alice.page.locator(".message", has_text="line 160.")).to_have_count(1)
    # The selection of a shadow tree is told by that tree alone in Chromium.
    selected = row.evaluate("(row) => row.getRootNode().getSelection().toString()")
    assert selected.startswith("line 260.")


def test_the_line_above_what_is_new_stays_while_earlier_messages_are_loaded(
    meet: Meet, server: ServerProcess
) -> None:
    alice = meet("Alice", room=ROOM)
    fill(server, 200)
    alice.sees("line 200.")
    alice.page.get_by_role("button", name="Open another room").click()
    alice.page.get_by_label("Name of the room").fill("garden")
    alice.page.keyboard.press("Enter")
    expect(alice.page.locator("h1")).to_have_text("garden")
    bob = meet("Bob", room=ROOM)
    bob.say("this is new")
    lobby = alice.page.locator("room-list .room", has_text=ROOM)
    expect(lobby.locator(".count")).to_contain_text("1")
    alice.page.reload()
    alice.pill("Connected")
    lobby.click()
    line = "message-list [data-key=new] + [data-key]"
    expect(alice.page.locator(line)).to_contain_text("this is new")
    alice.page.locator("message-list .scroller").evaluate(READ_BACK)
    expect(alice.page.locator(".message", has_text="line 1.")).to_have_count(1)
    alice.page.get_by_role("button", name="To the latest").click()
    expect(alice.page.locator(line)).to_contain_text("this is new")


def test_a_reply_leads_to_what_it_answers_however_far_up(meet: Meet, server: ServerProcess) -> None:
    alice, bob = meet("Alice", room=ROOM), meet("Bob", room=ROOM)
    alice.say("who brings the cake?")
    bob.sees("who brings the cake?")
    fill(server, 500)
    bob.sees("line 500.")
    bob.page.locator("message-list .scroller").focus()
    bob.page.keyboard.press("Home")
    bob.page.locator(".text", has_text="who brings").hover()
    bob.page.get_by_role("button", name="Reply to Alice").click()
    bob.say("I do")
    alice.sees("I do")
    expect(alice.page.locator(".text", has_text="who brings")).to_have_count(0)
    alice.page.locator(".quote").click()
    expect(alice.page.locator(".message.found", has_text="who brings")).to_be_in_viewport()


@pytest.fixture
def phone(meet: Meet, server: ServerProcess) -> Page:
    """Somebody's small screen, with the newest of sixty messages in sight."""
    fill(server, 60)
    page = meet("Alice", room=ROOM, viewport={"width": 390, "height": 844}).page
    expect(newest(page)).to_be_in_viewport()
    return page


def newest(page: Page) -> Locator:
    return page.locator(".message", has_text="line 60.")


def test_the_newest_message_stays_in_sight_when_the_place_for_messages_shrinks(phone: Page) -> None:
    phone.set_viewport_size({"width": 390, "height": 420})
    expect(newest(phone)).to_be_in_viewport(ratio=1)


def test_a_scroll_in_the_frame_in_which_the_place_shrinks_loses_nothing(phone: Page) -> None:
    scroll_and_shrink(phone, by=1)
    expect(newest(phone)).to_be_in_viewport(ratio=1)
    expect(phone.locator(".jump")).to_have_count(0)


def scroll_and_shrink(page: Page, *, by: int) -> None:
    """Scrolls up by so many pixels in the frame in which the place for messages becomes smaller. A
    browser tells of a scroll at the start of the next frame, when the place is small already, and
    of the size at its end.
    """
    page.locator("message-list").evaluate(
        """(list, by) => new Promise(resolve => {
            list.renderRoot.querySelector(".scroller").scrollTop -= by;
            list.style.blockSize = "200px";
            requestAnimationFrame(() => requestAnimationFrame(resolve));
        })""",
        by,
    )


def test_who_scrolls_up_while_the_place_shrinks_is_not_taken_back(phone: Page) -> None:
    scroll_and_shrink(phone, by=400)
    expect(phone.locator(".jump")).to_be_visible()
    expect(newest(phone)).not_to_be_in_viewport()


def test_who_has_scrolled_up_stays_there_while_the_page_is_hidden(phone: Page) -> None:
    messages = phone.locator("message-list")
    messages.evaluate("list => { list.renderRoot.querySelector('.scroller').scrollTop -= 400; }")
    expect(phone.locator(".jump")).to_be_visible()
    messages.evaluate(
        """list => new Promise(resolve => {
            list.style.display = "none";
            requestAnimationFrame(() => requestAnimationFrame(() => {
                list.style.display = "";
                requestAnimationFrame(() => requestAnimationFrame(resolve));
            }));
        })"""
    )
    expect(phone.locator(".jump")).to_be_visible()
    expect(newest(phone)).not_to_be_in_viewport()


def test_a_hole_says_how_much_is_missing_and_is_filled(meet: Meet, server: ServerProcess) -> None:
    alice = meet("Alice", room=ROOM)
    alice.say("before the cut")
    alice.sees("before the cut")
    alice.page.context.set_offline(True)
    server.kill()  # no browser ends a WebSocket that is open when it is said to be offline
    server.start()
    alice.pill("Disconnected")
    fill(server, 1_037)  # a page asks for the newest thousand
    alice.page.context.set_offline(False)
    alice.pill("Connected")
    alice.sees("line 1037.")
    alice.page.locator("message-list .scroller").focus()
    alice.page.keyboard.press("Home")
    hole = alice.page.locator(".hole")
    expect(hole).to_contain_text("37 messages not loaded")
    expect(alice.page.locator(".message", has_text="line 37.")).to_have_count(0)
    hole.get_by_role("button", name="Load").click()
    expect(hole).to_have_count(0)
    alice.page.keyboard.press("Home")
    expect(alice.page.locator(".message", has_text="line 37.")).to_have_count(1)
    before, *lines = alice.messages()[:40]
    assert before == "before the cut"
    assert [line.partition(".")[0] for line in lines] == [f"line {n}" for n in range(1, 40)]
