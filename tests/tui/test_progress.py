import asyncio
import io

import pytest

from causerie.language import Words
from causerie.tui.progress import APPEARS_AFTER, BAR, ERASE_LINE, REDRAWN_EVERY, Done, Progress, bar


class Clock:
    """The running loop's clock, moved by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: self.now)


async def test_what_is_done_soon_needs_no_progress_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, terminal = Clock(monkeypatch), io.StringIO()
    progress = Progress(Words("en"), terminal, lambda: Done(1, None))
    clock.now += APPEARS_AFTER - 0.01
    progress.draw()
    progress.erase()
    progress.finish()
    assert terminal.getvalue() == ""


async def test_it_is_drawn_again_after_a_moment_or_when_something_else_was_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, terminal = Clock(monkeypatch), io.StringIO()
    delivered = 0
    progress = Progress(Words("en"), terminal, lambda: Done(delivered, None))
    clock.now += APPEARS_AFTER
    progress.draw()
    assert terminal.getvalue() == f"{ERASE_LINE}0 lines delivered"
    delivered = 1
    progress.draw()
    assert terminal.getvalue() == f"{ERASE_LINE}0 lines delivered"
    clock.now += REDRAWN_EVERY
    progress.draw()
    assert terminal.getvalue().endswith(f"{ERASE_LINE}1 line delivered")
    progress.erase()
    progress.erase()
    assert terminal.getvalue().endswith(f"delivered{ERASE_LINE}")
    progress.draw()
    assert terminal.getvalue().endswith(f"{ERASE_LINE}{ERASE_LINE}1 line delivered")


async def test_where_the_whole_is_known_there_is_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, terminal = Clock(monkeypatch), io.StringIO()
    progress = Progress(Words("en"), terminal, lambda: Done(5, 10))
    clock.now += APPEARS_AFTER
    progress.draw()
    drawn = terminal.getvalue().removeprefix(ERASE_LINE)
    assert drawn == "█" * (BAR // 2) + "░" * (BAR // 2) + " 5 of 10 lines delivered"


async def test_in_the_end_it_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, terminal = Clock(monkeypatch), io.StringIO()
    delivered = 9
    progress = Progress(Words("en"), terminal, lambda: Done(delivered, 10))
    clock.now += APPEARS_AFTER
    progress.draw()
    delivered = 10
    progress.finish()
    assert terminal.getvalue().endswith(f"{ERASE_LINE}{'█' * BAR} 10 of 10 lines delivered\n")


def test_a_bar_is_as_full_as_it_should_be() -> None:
    assert bar(0, 7) == "░" * BAR
    assert bar(7, 7) == bar(9, 7) == "█" * BAR
    assert bar(1, BAR * 8) == "▏" + "░" * (BAR - 1)
    assert bar(4, BAR * 8) == "▌" + "░" * (BAR - 1)
    assert bar(9, BAR * 8) == "█▏" + "░" * (BAR - 2)
    assert {len(bar(part, 1000)) for part in range(1001)} == {BAR}
