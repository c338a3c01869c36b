import pytest
from textual.color import Color
from textual.theme import Theme

from causerie.tui.screen.drawing import HUES
from causerie.tui.screen.themes import DARK, LIGHT

READABLE = 4.5
"""The contrast that WCAG 2.2 asks of text (1.4.3)."""


def foregrounds(theme: Theme) -> dict[str, str]:
    named = {
        name: getattr(theme, name)
        for name in ("foreground", "primary", "secondary", "accent", "warning", "error", "success")
    }
    hues = {name: theme.variables[name] for name in [f"hue-{hue}" for hue in range(HUES)]}
    return named | hues | {"faint": theme.variables["faint"]}


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in Color.parse(colour).normalized
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda theme: theme.name)
def test_every_colour_can_be_read_on_every_ground(theme: Theme) -> None:
    grounds = [theme.background, theme.surface, theme.panel, theme.variables["chosen"]]
    for ground in map(str, grounds):
        for name, colour in foregrounds(theme).items():
            assert contrast(colour, ground) >= READABLE, (name, ground)
    assert contrast(str(theme.secondary), theme.variables["code"]) >= READABLE


def test_one_is_dark_and_one_is_light() -> None:
    assert (DARK.dark, LIGHT.dark) == (True, False)
