"""Long messages and pages of history, compressed, in a real Chromium that offers to by itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect
from tests.browser.conftest import Meet
from tests.browser.test_wire import header_of, open_wire, rows
from tests.support.server_process import ServerProcess

pytestmark = pytest.mark.timeout(120)

LONG = "It is a long story, and it begins with a picnic. " * 30


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(
        tmp_path / "data", "--rate-limit", "0", "--compression", "on", "--log-format", "json"
    ) as server:
        yield server


def test_people_talk_and_read_what_was_said_before(meet: Meet, server: ServerProcess) -> None:
    alice, bob = meet("Alice"), meet("Bob")
    for number in range(60):
        alice.say(f"number {number}: {LONG if number % 10 == 0 else 'short'}")
    bob.sees(f"number 50: {LONG.strip()}")
    bob.sees("number 59: short")
    carol = meet("Carol")
    carol.sees("number 59: short")
    carol.page.locator("message-list .scroller").evaluate("list => { list.scrollTop = 0; }")
    carol.sees("number 0: It is a long story")
    connected = [line for line in server.log.splitlines() if '"connected"' in line]
    assert len(connected) == 3
    assert all('"compression": true' in line for line in connected)


def test_the_wire_panel_tells_of_what_it_sent_as_it_went_out(meet: Meet) -> None:
    alice = meet("Alice")
    panel = open_wire(alice)
    alice.say(LONG)
    row = rows(panel, "message", "sent").filter(has=panel.page.locator(".seen"))
    fields = header_of(row, panel)
    assert fields["RSV1"] == "1"
    length = int(fields["Payload length"].removesuffix(" B"))
    assert 50 < length < len(LONG) / 2
    expect(row).to_contain_text(f"{fields['On the wire']} ·")
    # The first bytes that went out were not those of the text.
    expect(panel.locator(".mask wire-mask")).to_have_count(0)
