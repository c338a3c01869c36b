from rich.style import Style as RichStyle

from causerie.tui.lines import Style
from causerie.tui.screen.painter import CLASSES, Painter, act_at
from causerie.tui.screen.pieces import Emphasis, Piece, Reply

SHEET = {
    "piece--own": RichStyle(color="green"),
    "piece--hue-2": RichStyle(color="blue"),
    "piece--code": RichStyle(bgcolor="black"),
    "piece--link": RichStyle(underline=True),
    "piece--button": RichStyle(bold=True),
    "piece--chosen": RichStyle(bgcolor="yellow"),
}
GROUND = RichStyle(bgcolor="white")


def painter() -> Painter:
    return Painter(lambda name: SHEET.get(name, RichStyle()))


def test_a_row_fills_its_columns_with_the_styles_of_the_sheet() -> None:
    row = (Piece("me", Style.OWN), Piece("Bob", Style.NAME, hue=2), Piece("!"))
    strip = painter().strip(row, 8, GROUND)
    assert (strip.text, strip.cell_length) == ("meBob!  ", 8)
    own, name, plain, rest = strip
    assert own.style == GROUND + SHEET["piece--own"] + RichStyle(bold=None)
    assert name.style is not None
    assert name.style.color == SHEET["piece--hue-2"].color
    assert plain.style == GROUND
    assert rest.style == GROUND


def test_what_is_too_long_is_cut() -> None:
    assert painter().strip((Piece("日本語"),), 5, GROUND).cell_length == 5


def test_emphasis_links_and_buttons_are_seen() -> None:
    row = (
        Piece("a", emphasis=Emphasis.BOLD | Emphasis.ITALIC | Emphasis.CODE),
        Piece("b", link="https://example.org/"),
        Piece("[c]", act=Reply("m1")),
    )
    strong, link, button = painter().strip(row, 5, GROUND)
    assert strong.style is not None
    assert link.style is not None
    assert button.style is not None
    assert (strong.style.bold, strong.style.italic) == (True, True)
    assert strong.style.bgcolor == SHEET["piece--code"].bgcolor
    assert (link.style.link, link.style.underline) == ("https://example.org/", True)
    assert button.style.bold


def test_nothing_in_a_text_is_markup() -> None:
    (segment,) = painter().strip((Piece("[bold]x[/]"),), 10, GROUND)
    assert (segment.text, segment.style) == ("[bold]x[/]", GROUND)


def test_what_is_chosen_has_another_ground() -> None:
    assert painter().chosen(GROUND).bgcolor == SHEET["piece--chosen"].bgcolor


def test_a_column_leads_to_what_its_piece_does() -> None:
    row = (Piece("日本", act=Reply("m1")), Piece("x"), Piece("y", act=Reply("m2")))
    assert [act_at(row, x) for x in (0, 3, 4, 5, 6)] == [
        Reply("m1"),
        Reply("m1"),
        None,
        Reply("m2"),
        None,
    ]


def test_every_class_has_a_name_of_its_own() -> None:
    assert {f"piece--{style.value}" for style in Style} <= CLASSES
