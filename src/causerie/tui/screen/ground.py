"""Whether a terminal's ground is light."""

from collections.abc import Mapping


def is_light(environment: Mapping[str, str]) -> bool:
    """Whether a terminal says so, as some do: `COLORFGBG` has the numbers of its colours, of which
    the last is the ground's, and 7 and 15 are whites.
    """
    return environment.get("COLORFGBG", "").rpartition(";")[2] in {"7", "15"}
