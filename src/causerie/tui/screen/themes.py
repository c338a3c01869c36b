"""The colours of the screen, on a dark and on a light ground."""

from typing import Final

from textual.theme import Theme

DARK: Final = Theme(
    name="causerie-dark",
    dark=True,
    primary="#8ab4ff",
    secondary="#7cd5e6",
    accent="#d7a8f5",
    warning="#f0c674",
    error="#ff8a80",
    success="#8fdc9a",
    foreground="#e6e9f0",
    background="#171b26",
    surface="#1d2230",
    panel="#262d40",
    variables={
        "faint": "#9fa9bf",
        "chosen": "#2f3a57",
        "code": "#2a3145",
        "hue-0": "#7cd5e6",
        "hue-1": "#f5b97d",
        "hue-2": "#a5c8ff",
        "hue-3": "#f2a7c3",
        "hue-4": "#c3d97f",
        "hue-5": "#c9b3ff",
    },
)

LIGHT: Final = Theme(
    name="causerie-light",
    dark=False,
    primary="#1f56b8",
    secondary="#0b6a7d",
    accent="#8a2fb0",
    warning="#7d5100",
    error="#b3261e",
    success="#1f6f35",
    foreground="#1d2230",
    background="#fbfbfd",
    surface="#f0f2f7",
    panel="#e3e7f0",
    variables={
        "faint": "#596277",
        "chosen": "#d5e0f7",
        "code": "#e6e9f2",
        "hue-0": "#0b6a7d",
        "hue-1": "#96500c",
        "hue-2": "#2b57a8",
        "hue-3": "#a62d5f",
        "hue-4": "#4f6410",
        "hue-5": "#6a45b8",
    },
)
