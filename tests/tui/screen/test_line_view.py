from pathlib import Path

from textual import on
from textual.app import App, ComposeResult

from causerie.tui.screen import app
from causerie.tui.screen.line_view import LineView
from causerie.tui.screen.pieces import Piece, Reply, Show
from causerie.tui.screen.themes import DARK, LIGHT


class Wall(App[None]):
    """A view, and what is chosen in it."""

    CSS_PATH = Path(app.__file__).with_name("screen.tcss")

    def __init__(self) -> None:
        super().__init__()
        self.acted: list[object] = []
        for theme in (DARK, LIGHT):
            self.register_theme(theme)
        self.theme = DARK.name

    def compose(self) -> ComposeResult:
        yield LineView(id="view")

    @property
    def view(self) -> LineView:
        return self.query_one(LineView)

    @on(LineView.Acted)
    def act(self, event: LineView.Acted) -> None:
        self.acted.append(event.act)


def texts(wall: Wall) -> list[str]:
    return [strip.text.rstrip() for strip in wall.screen._compositor.render_strips()]


async def test_rows_are_shown_and_scrolled() -> None:
    wall = Wall()
    async with wall.run_test(size=(20, 5)) as pilot:
        rows = [(Piece(f"row {number}"),) for number in range(20)]
        wall.view.put(rows)
        wall.view.put(rows)
        await pilot.pause()
        assert [text.split("▁")[0].strip()[:5] for text in texts(wall)][:2] == ["row 0", "row 1"]
        wall.view.scroll_to(y=10, animate=False)
        await pilot.pause()
        assert texts(wall)[0].startswith("row 10")
        wall.view.put(rows[:2])
        await pilot.pause()
        assert texts(wall) == ["row 0", "row 1", "", "", ""]


async def test_a_click_does_what_its_piece_does() -> None:
    wall = Wall()
    async with wall.run_test(size=(20, 5)) as pilot:
        wall.view.put([(Piece("ab", act=Show("lobby")), Piece("cd", act=Reply("m1")), Piece("e"))])
        await pilot.pause()
        for x in (0, 3, 4, 9):
            await pilot.click(offset=(x, 0))
        await pilot.click(offset=(0, 3))
        assert wall.acted == [Show("lobby"), Reply("m1")]


async def test_another_theme_has_other_colours() -> None:
    wall = Wall()
    async with wall.run_test(size=(20, 5)) as pilot:
        wall.view.put([(Piece("x", hue=0),)])
        colours = set()
        for theme in (DARK, LIGHT):
            wall.theme = theme.name
            await pilot.pause()
            segment = next(iter(wall.view.render_line(0)))
            assert segment.style is not None
            assert segment.style.color is not None
            colours.add(segment.style.color.name)
        assert colours == {DARK.variables["hue-0"], LIGHT.variables["hue-0"]}
