import pytest

from causerie.tui.screen.completing import MOST, Choice, complete

NAMES = ["Alice", "Alina", "Bob"]
ROOMS = ["garden", "lobby"]


def texts(line: str) -> list[str]:
    return [choice.text for choice in complete(line, names=NAMES, rooms=ROOMS).choices]


@pytest.mark.parametrize(
    ("line", "choices"),
    [
        ("/h", ["/history ", "/help "]),
        ("/msg al", ["Alice ", "Alina "]),
        ("/join g", ["garden "]),
        ("hello b", ["Bob "]),
        ("hello @al", ["Alice ", "Alina "]),
        ("@", ["Alice ", "Alina ", "Bob "]),
        ("mail@al", []),
        (":smi", ["😄 ", "😏 ", "🙂 "]),
        ("10:30", []),
        ("hello ", []),
        ("", []),
    ],
)
def test_a_word_becomes_a_command_a_name_a_room_or_an_emoji(line: str, choices: list[str]) -> None:
    assert sorted(texts(line)) == sorted(choices)


def test_a_choice_takes_the_place_of_what_was_begun() -> None:
    (choice,) = complete("x @bo", names=NAMES, rooms=ROOMS).choices
    assert choice == Choice("Bob ", "@Bob", 3)
    assert complete("x :tada", names=(), rooms=()).choices[0] == Choice("🎉 ", "🎉 :tada:", 5)
    assert complete("/msg bo", names=NAMES, rooms=ROOMS).choices[0].taken == 2


def test_what_one_surely_wants_is_offered_and_names_only_to_who_asks() -> None:
    offered = {
        line: complete(line, names=NAMES, rooms=ROOMS).is_offered
        for line in ("/h", "/msg a", ":smi", "@al", "hello al", "//h", "/msg ")
    }
    assert offered == {
        "/h": True,
        "/msg a": True,
        ":smi": True,
        "@al": True,
        "hello al": False,
        "//h": False,
        "/msg ": False,
    }


def test_so_many_are_shown() -> None:
    names = [f"User{number}" for number in range(100)]
    assert len(complete("@u", names=names, rooms=()).choices) == MOST
    assert len(complete("hello u", names=names, rooms=()).choices) == MOST
