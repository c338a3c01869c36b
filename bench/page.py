"""Measures the web client: what is loaded, how soon it can be seen, how a long room scrolls.

    python -m bench.page [--rounds N] [--messages N]

Prints, for `web/dist` as it is built:

- size: the JavaScript and CSS in bytes, as they are and as the server sends them (gzip): first what
  is needed before one can join and talk (of the languages, the largest counts), then what is loaded
  when somebody asks for it;
- paint: milliseconds from the navigation to the first contentful paint (as PerformancePaintTiming
  has it) and until the field for one's name has the focus, in a new profile each time;
- scrolling: what happens while 10,000 messages come to a room as fast as they can be said, and
  while somebody else reads them back to the first, page by page of the history, with a wheel that
  is turned without a pause, then down again, and with the keys. Of 60 frames a second, how many
  were missed; the longest time between two; the main thread's processor time for each that was
  drawn, which says more than the others where the machine is busy; in the end, the elements in the
  list, and the heap of JavaScript after a collection.

The server is `causerie serve` with a new data folder, the browser Chromium without a screen;
without Chromium, only the sizes are printed. Exits with 1 if the JavaScript is larger, or the first
paint later, than it may be. Times depend on the machine, and on what else it does.
"""

import argparse
import gzip
import os
import re
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench.scribes import Scribes
from playwright.sync_api import Browser, Page, sync_playwright

from causerie.bench.target import own_server

DIST: Final = Path(__file__).parents[1] / "web" / "dist"
CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser")

MOST_FIRST: Final = 60_000
"""Bytes of compressed JavaScript before one can talk."""
LATEST_PAINT: Final = 300.0
"""Milliseconds until something can be seen, in the median."""

FRAME: Final = 1000 / 60
ROOM: Final = "bench"
SPEAKERS: Final = 5
DEADLINE: Final = 120.0
"""Seconds after which something that has not happened will not."""


class Script(NamedTuple):
    """A file of the page."""

    name: str
    raw: int
    compressed: int


class Frames(NamedTuple):
    """How smooth something was."""

    name: str
    seconds: float
    drawn: int
    missed: int
    longest: float
    """Milliseconds."""
    work: float
    """Milliseconds of processor time of the main thread for each frame drawn."""


FRAME_COUNTER: Final = """
    window.frameTimes = [];
    requestAnimationFrame(function count(now) {
      frameTimes.push(now);
      requestAnimationFrame(count);
    });
"""

START_WATCH: Final = """
    new PerformanceObserver((list) => {
      const [first] = list.getEntriesByName("first-contentful-paint");
      if (first) window.paintedAt = first.startTime;
    }).observe({ type: "paint", buffered: true });
    requestAnimationFrame(function look() {
      let at = document.activeElement;
      while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
      if (at?.tagName === "INPUT") window.usableAt = performance.now();
      else requestAnimationFrame(look);
    });
"""


def scripts() -> tuple[list[Script], list[Script]]:
    """The page's JavaScript and CSS: what is loaded at first, and what later."""
    page = (DIST / "index.html").read_text("utf-8")
    named = set(re.findall(r"/assets/([\w.-]+)", page))
    found = [
        Script(path.name, path.stat().st_size, len(gzip.compress(path.read_bytes())))
        for path in sorted((DIST / "assets").iterdir())
        if path.suffix in {".js", ".css"}
    ]
    languages = [one for one in found if re.match(r"(en|fr)-", one.name)]
    spoken = max(languages, key=lambda one: one.compressed)
    first = [one for one in found if one.name in named or one is spoken]
    return first, [one for one in found if one not in first and one not in languages]


def first_javascript(first: Sequence[Script]) -> int:
    """Bytes of compressed JavaScript among what is loaded at first."""
    return sum(one.compressed for one in first if one.name.endswith(".js"))


@contextmanager
def browser(executable: str) -> Iterator[Browser]:
    """Chromium, without a screen."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=executable, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        try:
            yield chromium
        finally:
            chromium.close()


def paint(chromium: Browser, url: str) -> tuple[float, float]:
    """Milliseconds to the first contentful paint and to a first screen that one can type into."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    try:
        page = context.new_page()
        page.add_init_script(START_WATCH)
        page.goto(url)
        page.wait_for_function("() => window.usableAt && window.paintedAt")
        painted, usable = page.evaluate("[paintedAt, usableAt]")
        painted, usable = page.evaluate(
            "[performance.getEntriesByName('first-contentful-paint')[0].startTime, usableAt]"
        )
        return painted, usable
    finally:
        context.close()


class Reader:
    """Somebody who reads a room in a browser."""

    def __init__(self, chromium: Browser, port: int) -> None:
        context = chromium.new_context(viewport={"width": 1280, "height": 800})
        context.set_default_timeout(DEADLINE * 1000)
        self.page: Page = context.new_page()
        self.page.goto(f"http://127.0.0.1:{port}/#/room={ROOM}")
        self.page.get_by_label("Your name").fill("Reader")
        self.page.keyboard.press("Enter")
        self.page.locator("connection-pill .pill.Connected").wait_for()
        found = self.page.wait_for_selector("message-list .scroller")
        assert found is not None, "it was waited for"
        self.list = found
        self.page.evaluate(FRAME_COUNTER)
        self.tools = context.new_cdp_session(self.page)
        self.tools.send("Performance.enable", {"timeDomain": "threadTicks"})

    def metric(self, name: str) -> float:
        """One of the browser's own figures."""
        found: list[dict[str, Any]] = self.tools.send("Performance.getMetrics")["metrics"]
        return float(next(one["value"] for one in found if one["name"] == name))

    def measure(self, name: str, action: Callable[[], None]) -> Frames:
        """Does something; answers how smooth it was."""
        self.page.evaluate("frameTimes.length = 0")
        begun, worked = time.monotonic(), self.metric("TaskDuration")
        action()
        times: list[float] = self.page.evaluate("frameTimes")
        seconds = time.monotonic() - begun
        gaps = [after - before for before, after in pairwise(times)]
        return Frames(
            name=name,
            seconds=seconds,
            drawn=len(times),
            missed=sum(max(0, round(gap / FRAME) - 1) for gap in gaps),
            longest=max(gaps),
            work=(self.metric("TaskDuration") - worked) * 1000 / max(1, len(times)),
        )

    def wait_for_line(self, number: int) -> None:
        """Waits until a line is drawn."""
        self.page.locator(".message .text", has_text=f"line {number}.").first.wait_for()

    def turn_wheel(self, by: int, until: Callable[[], bool]) -> None:
        """Turns the wheel, so many pixels a turn, until something is true."""
        box = self.list.bounding_box()
        assert box is not None, "the list can be seen"
        self.page.mouse.move(box["x"] + 200, box["y"] + 200)
        ends = time.monotonic() + DEADLINE
        while not until():
            self.page.mouse.wheel(0, by)
            if time.monotonic() > ends:
                raise SystemExit("the end of the room was never reached")

    def is_at_beginning(self) -> bool:
        """Whether what a room begins with is in sight."""
        begun = "(list) => list.scrollTop <= 1 && list.querySelector('.begin') !== null"
        return bool(self.list.evaluate(begun))

    def is_at_end(self) -> bool:
        """Whether the newest message is in sight: then nothing is offered that leads to it."""
        return bool(self.list.evaluate("(list) => list.nextElementSibling === null"))

    def weight(self) -> tuple[int, float]:
        """The elements of the list, and the bytes of JavaScript's heap after a collection."""
        self.tools.send("HeapProfiler.collectGarbage")
        elements = self.list.evaluate("(list) => list.querySelectorAll('*').length")
        return int(elements), self.metric("JSHeapUsedSize")

    def leave(self) -> None:
        """Closes the page."""
        self.page.context.close()

    def press(self, key: str, times: int) -> None:
        """Presses a key that scrolls."""
        self.list.focus()
        for _ in range(times):
            self.page.keyboard.press(key)
            self.page.evaluate("new Promise((done) => requestAnimationFrame(done))")


def scrolling(chromium: Browser, messages: int) -> None:
    """Measures a long room."""
    with own_server() as server:
        port = server.address[1]
        follower = Reader(chromium, port)
        with Scribes(port, ROOM, SPEAKERS) as scribes:

            def follow() -> None:
                scribes.say_lines(messages)
                follower.wait_for_line(messages)

            found = [follower.measure("they come live", follow)]
        follower.leave()
        reader = Reader(chromium, port)
        reader.wait_for_line(messages)
        for name, action in (
            ("back to the first", lambda: reader.turn_wheel(-800, reader.is_at_beginning)),
            ("down to the last", lambda: reader.turn_wheel(800, reader.is_at_end)),
            ("Page Up, 50 times", lambda: reader.press("PageUp", 50)),
            ("Page Down, 50 times", lambda: reader.press("PageDown", 50)),
            ("Home", lambda: reader.press("Home", 1)),
            ("End", lambda: reader.press("End", 1)),
        ):
            found.append(reader.measure(name, action))
        elements, heap = reader.weight()
        reader.leave()
    print(f"scrolling, a room of {messages:,} messages")
    print(f"  {'':20} {'seconds':>8} {'frames':>7} {'missed':>7} {'longest ms':>11} {'CPU ms':>7}")
    for one in found:
        print(
            f"  {one.name:20} {one.seconds:8.1f} {one.drawn:7,} {one.missed:7,}"
            f" {one.longest:11.0f} {one.work:7.1f}"
        )
    print(f"  in the end {elements:,} elements in the list, a heap of {heap / 1e6:.1f} MB")


def sizes() -> bool:
    """Prints the sizes; answers whether they are within the limit."""
    first, later = scripts()
    print(f"size, in bytes {'':24} {'raw':>9} {'gzip':>9}")
    for when, group in (("first", first), ("later", later)):
        for one in group:
            print(f"  {when:6} {one.name:30} {one.raw:9,} {one.compressed:9,}")
    needed = first_javascript(first)
    print(f"  JavaScript before one can talk: {needed:,}; at most {MOST_FIRST:,}")
    return needed <= MOST_FIRST


def paints(chromium: Browser, rounds: int) -> bool:
    """Prints how soon something can be seen; answers whether that is within the limit."""
    with own_server() as server:
        url = f"http://127.0.0.1:{server.address[1]}/"
        found = [paint(chromium, url) for _ in range(rounds)]
    print(f"paint, in ms, {rounds} rounds {'':12} {'median':>8} {'worst':>8}")
    painted, usable = zip(*found, strict=True)
    for name, times in (("first contentful paint", painted), ("one can type a name", usable)):
        print(f"  {name:32} {statistics.median(times):8.0f} {max(times):8.0f}")
    print(f"  at most {LATEST_PAINT:.0f} until the first paint, in the median")
    return float(statistics.median(painted)) <= LATEST_PAINT


def main() -> int:
    """Prints all three."""
    parser = argparse.ArgumentParser(description="Measures the web client of Causerie.")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--messages", type=int, default=10_000)
    arguments = parser.parse_args()
    kept = sizes()
    if os.getloadavg()[0] > (os.cpu_count() or 1):
        print("this machine is busy with something else: times are longer than they need be")
    if CHROMIUM is None:
        print("paint and scrolling: skipped, since there is no Chromium here")
        return 0 if kept else 1
    with browser(CHROMIUM) as chromium:
        kept = paints(chromium, arguments.rounds) and kept
        scrolling(chromium, arguments.messages)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
