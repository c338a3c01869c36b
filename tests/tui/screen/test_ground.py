import pytest

from causerie.tui.screen.ground import is_light


@pytest.mark.parametrize(
    ("colours", "light"),
    [("0;15", True), ("0;7", True), ("0;default;15", True), ("15;0", False), ("", False)],
)
def test_a_terminal_may_say_that_its_ground_is_light(colours: str, light: bool) -> None:
    assert is_light({"COLORFGBG": colours}) is light


def test_one_that_says_nothing_is_dark() -> None:
    assert not is_light({})
