import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from causerie.tui.sanitise import LONGEST_NAME, MOST_MARKS, sanitise, sanitise_name

BIDI = [0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
ZERO_WIDTH = [0x00AD, 0x034F, 0x200B, 0x200C, 0x200D, *range(0x2060, 0x2066), 0xFEFF, 0xFE0F]
BLANKS = [0x115F, 0x1160, 0x3164, 0xFFA0]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello, world",
        "Grüße, où ça?",
        "日本語 한국어",
        "שלום",
        "مرحبا",
        "😀 ❤️ 👍🏽",
        "a\u00a0b",
    ],
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert sanitise(text) == text


def test_an_escape_sequence_becomes_a_picture_of_itself() -> None:
    assert sanitise("\x1b[2J\x1b]0;owned\x07") == "␛[2J␛]0;owned␇"


def test_every_control_character_is_shown_as_a_sign() -> None:
    for code in (*range(0x20), *range(0x7F, 0xA0)):
        assert not any(unicodedata.category(char) == "Cc" for char in sanitise_name(chr(code)))
    assert sanitise("a\x00b\x08c\x7fd\x9be") == "a␀b␈c␡d\ufffde"


@pytest.mark.parametrize("ending", ["\n", "\r", "\r\n", "\v", "\f", "\x85", "\u2028", "\u2029"])
def test_every_kind_of_line_break_is_a_newline(ending: str) -> None:
    assert sanitise(f"one{ending}two") == "one\ntwo"


def test_a_tab_has_a_fixed_width() -> None:
    assert sanitise("a\tb") == "a    b"


@pytest.mark.parametrize("code", BIDI + ZERO_WIDTH + BLANKS + [0xFFF9, 0xE0041])
def test_what_turns_a_line_around_or_has_no_width_is_dropped(code: int) -> None:
    assert sanitise(f"ab{chr(code)}{chr(code)}cd").replace("️", "") == "abcd"
    assert sanitise(f"{chr(code)}ab") == "ab"


@pytest.mark.parametrize(
    "emoji",
    [
        "👩‍👩‍👧",
        "❤️‍🔥",
        "🤷🏽‍♀️",
        "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
        "1️⃣",
        "🇫🇷",
        "\U0001fae8\u200d\U0001f525",
    ],
)
def test_emoji_keep_what_they_are_made_of(emoji: str) -> None:
    assert sanitise(f"a {emoji} b") == f"a {emoji} b"


@pytest.mark.parametrize("word", ["می‌خواهم", "क्‍ष", "ශ්‍රී"])
def test_the_joiners_of_a_spelling_stay(word: str) -> None:
    assert sanitise(word) == word


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\u200dab", "ab"),
        ("ab\u200d", "ab"),
        ("a\u200db", "ab"),
        ("😀\u200da", "😀a"),
        ("a\u200d😀", "a😀"),
        ("😀\u200c😀", "😀😀"),
        ("ب\u200da", "بa"),
        ("a\u200cب", "aب"),
        ("ب\u200d\u200d\u200dب", "ب\u200dب"),
        ("\ufe0f", ""),
        ("❤\ufe0f\ufe0f\ufe0f", "❤\ufe0f"),
        ("🏴\U000e0067\U000e0062", "🏴"),
        ("x\U000e0067\U000e0062\U000e0065\U000e007f", "x"),
    ],
)
def test_a_joiner_a_style_and_a_tag_go_where_they_join_and_style_nothing(
    text: str, shown: str
) -> None:
    assert sanitise(text) == shown


def test_marks_do_not_pile_up() -> None:
    assert sanitise("e" + "\u0301" * 50 + "f\u0301") == "e" + "\u0301" * MOST_MARKS + "f\u0301"
    assert len(sanitise("a\u20dd" * 3)) == 6


def test_what_cannot_be_encoded_or_means_nothing_is_replaced() -> None:
    assert sanitise("a\ud800b\ufffec\ufdd0d\U0001ffffe") == "a\ufffdb\ufffdc\ufffdd\ufffde"
    assert sanitise("\U0003fffd") == "\U0003fffd"


def test_a_name_is_one_line_of_bounded_length() -> None:
    assert sanitise_name("Alice\n[12:00:00] Bob\t: no") == "Alice [12:00:00] Bob : no"
    assert sanitise_name("\u202eAlice\u200b") == "Alice"
    assert sanitise_name("x" * LONGEST_NAME) == "x" * LONGEST_NAME
    assert sanitise_name("x" * 1000) == "x" * (LONGEST_NAME - 1) + "…"


@given(st.text(st.characters(), max_size=40))
def test_nothing_that_could_act_is_left_of_any_text(text: str) -> None:
    shown = sanitise(text)
    shown.encode()
    assert not any(
        (unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} and char != "\n")
        or ord(char) in BIDI
        for char in shown
    )
    assert sanitise(shown) == shown


@given(
    st.text(
        st.sampled_from("a\u200d\u200c\ufe0f😀\u202e\u0301ب🏴\U000e0067\U000e007f\n"), max_size=20
    )
)
def test_what_was_sanitised_stays_as_it_is(text: str) -> None:
    assert sanitise(sanitise(text)) == sanitise(text)
