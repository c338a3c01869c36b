import pytest

from causerie.tui.screen.mentions import fold, mentions


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("Alice", True),
        ("@alice?", True),
        ("say, ALICE!", True),
        ("Alicette and malice, then Alice", True),
        ("Alicette", False),
        ("malice", False),
        ("alice_2", False),
        ("aliceé", False),
        ("", False),
    ],
)
def test_a_text_names_somebody_by_a_whole_word(text: str, calls: bool) -> None:
    assert mentions(text, "Alice") is calls


def test_nobody_is_named_by_no_name() -> None:
    assert not mentions("anything", "")


def test_names_are_compared_as_they_look() -> None:
    assert fold("ＡLICE") == "alice"
