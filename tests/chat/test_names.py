"""Names: which texts are refused and why, which are one name, and which look alike."""

import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from causerie.chat import _confusables, names
from causerie.chat.names import (
    ANONYMOUS,
    LOBBY,
    ROOM_MAX,
    SYSTEM,
    USERNAME_MAX,
    Name,
    NameRefused,
    Refusal,
    is_seen,
    parse_room,
    parse_username,
)


@pytest.fixture(autouse=True, scope="module")
def tables_not_read_yet() -> None:
    """Whatever ran before these tests has read the tables; these read them themselves."""
    names._script_ranges.cache_clear()
    names._looks.cache_clear()


Parse = Callable[[str], Name]
both = pytest.mark.parametrize("parse", [parse_username, parse_room])


def refusal(parse: Parse, text: str) -> NameRefused:
    with pytest.raises(NameRefused) as caught:
        parse(text)
    return caught.value


def reason(parse: Parse, text: str) -> Refusal | None:
    """Returns why a text is no name, or None if it is one. Lets all other errors through."""
    try:
        parse(text)
    except NameRefused as error:
        return error.reason
    return None


def look(text: str) -> str:
    return parse_username(text).skeleton


CATEGORIES = {"Lu", "Ll", "Lt", "Lm", "Lo", "Nl", "Nd", "Mn", "Mc"}
CHARACTERS = [
    [
        chr(code)
        for span in line.split(" ")[1:]
        for code in range(int(span.partition("-")[0], 16), int(span.split("-")[-1], 16) + 1)
    ]
    for line in _confusables.SCRIPTS.splitlines()
]
"""What the tables permit, line by line: each has characters of the same scripts."""


def joined(words: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Words with separators between them."""
    more = st.lists(st.tuples(st.sampled_from("._-"), words).map("".join), max_size=2)
    return st.tuples(words, more.map("".join)).map("".join)


def word(characters: list[str]) -> st.SearchStrategy[str]:
    """A word of one script, with digits, marks and letters that look alike among its letters."""
    bases = [char for char in characters if unicodedata.category(char)[0] in "LN"]
    first = st.sampled_from(bases or ["a"])
    some = st.sampled_from([*characters, *"01\u0301\u0307\u0323"])
    return st.builds("".join, st.tuples(first, st.text(some, max_size=5)))


PLAIN = joined(st.text("AbI0ilmOx19", min_size=1, max_size=8))
WORDS = [word(characters) for characters in CHARACTERS]
NAMES = joined(st.integers(0, len(WORDS) - 1).flatmap(WORDS.__getitem__)).filter(
    lambda text: reason(parse_room, text) is None
)
TEXTS = st.one_of(
    st.text(st.integers(0, 0x10FFFF).map(chr), max_size=140),  # lone surrogates included
    st.text("AaIilmO01._- é\u0301", max_size=70),
    PLAIN,
    NAMES,
)


class TestWhatIsAName:
    @both
    @pytest.mark.parametrize(
        "text",
        [
            "Alice",
            "x",
            "7",
            "jean-luc.picard_2",
            "Éloïse",
            "Nguyễn",
            "Straße",
            "Øystein",
            "İstanbul",
            "Владимир",
            "Γιώργος",
            "Արամ",
            "שָׁלוֹם",
            "محمد",
            "مُحَمَّد",
            "علی۱",
            "हिन्दी",
            "প্রিয়া",
            "தமிழ்",
            "സുധീർ",
            "สมชาย",
            "น้ำ",
            "བསྒྲུབས",
            "မြန်မာ",
            "ខ្មែរ",
            "አበበ",
            "ᎠᏂᏴᏫᏯ",
            "한글",
            "ㅋㅋㅋ",
            "山田たろう",
            "サーシャ",
            "二〇二五",
            "中文ㄅㄆ",
            "Tanaka田中タナカ",
            "Kim김철수",
            "金철수",
            "Kim金철수",
            "Li李ㄌㄧ",
        ],
    )
    def test_letters_marks_and_digits_of_any_script_make_a_name(
        self, parse: Parse, text: str
    ) -> None:
        assert parse(text).display == unicodedata.normalize("NFC", text)

    @both
    @pytest.mark.parametrize(
        ("text", "character", "position"),
        [
            (" Alice", " ", 0),
            ("Alice ", " ", 5),
            ("a b", " ", 1),
            ("a\tb", "\t", 1),
            ("a\x00", "\x00", 1),
            ("a\n", "\n", 1),
            ("a/b", "/", 1),
            ("a@b", "@", 1),
            ("é<b>", "<", 1),
            ("smile😀", "😀", 5),
            ("♥", "♥", 0),
            ("1\ufe0f\u20e3", "\ufe0f", 1),
            ("abc\u202egnp", "\u202e", 3),  # right-to-left override
            ("\u2066ab\u2069", "\u2066", 0),
            ("a\u200eb", "\u200e", 1),
            ("a\u200bb", "\u200b", 1),  # zero width space
            ("a\u200db", "\u200d", 1),
            ("a\u00adb", "\u00ad", 1),
            ("a\u034fb", "\u034f", 1),  # grapheme joiner, a mark that does not show
            ("a\ufeff", "\ufeff", 1),
            ("\u3164", "\u3164", 0),  # Hangul filler, a letter that does not show
            ("\uffa0", "\uffa0", 0),
            ("\u2800", "\u2800", 0),  # blank Braille
            ("\U00016fe4", "\U00016fe4", 0),  # a filler
            ("محـمد", "\u0640", 2),  # tatweel only stretches
            ("a\u20dd", "\u20dd", 1),  # enclosing circle
            ("ﷺ", "ﷺ", 0),  # a letter that folds to words
            ("\u037a", "\u037a", 0),  # a letter that folds to a space and a mark
            ("a½", "½", 1),
            ("col·lega", "·", 3),
            ("a\ue000", "\ue000", 1),  # private use
            ("a\u0378", "\u0378", 1),  # not assigned
            ("\U0010ffff", "\U0010ffff", 0),
            ("\ud83d", "\ud83d", 0),  # half an emoji
            ("e\u0301 b", " ", 2),  # the index is into the text as given, not into its NFC
        ],
    )
    def test_a_character_that_no_name_has_is_pointed_out(
        self, parse: Parse, text: str, character: str, position: int
    ) -> None:
        error = refusal(parse, text)
        assert error.reason is Refusal.CHARACTER
        assert (error.character, error.position) == (character, position)

    @pytest.mark.parametrize(
        ("character", "called"),
        [
            ("/", "“/”"),
            ("😀", "“😀”"),
            ("½", "“½”"),
            (" ", "a space"),
            ("\u00a0", "U+00A0"),
            ("\t", "U+0009"),
            ("\u200b", "U+200B"),
            ("\ufe0f", "U+FE0F"),
            ("\u3164", "U+3164"),
            ("\u2800", "U+2800"),
            ("\ue000", "U+E000"),
            ("\ud83d", "U+D83D"),
        ],
    )
    def test_a_character_that_is_seen_is_shown_and_any_other_is_told_by_its_number(
        self, character: str, called: str
    ) -> None:
        assert str(refusal(parse_room, character)).endswith(f"but not {called}")
        assert is_seen(character) == called.startswith("“")

    @both
    def test_nothing_is_no_name(self, parse: Parse) -> None:
        assert refusal(parse, "").reason is Refusal.EMPTY

    @pytest.mark.parametrize(
        ("parse", "limit"), [(parse_username, USERNAME_MAX), (parse_room, ROOM_MAX)]
    )
    @pytest.mark.parametrize("letter", ["a", "é", "e\u0301", "한", "\U00020000"])
    def test_the_limit_is_in_code_points_of_nfc(
        self, parse: Parse, limit: int, letter: str
    ) -> None:
        assert len(parse(letter * limit).display) == limit
        error = refusal(parse, letter * (limit + 1))
        assert error.reason is Refusal.TOO_LONG
        assert str(limit) in str(error)

    def test_the_limits_are_those_of_the_protocol(self) -> None:
        assert (USERNAME_MAX, ROOM_MAX) == (32, 64)

    def test_the_longest_name_may_be_given_fully_decomposed(self) -> None:
        longest = "ǖ" * USERNAME_MAX  # decomposes to three code points each
        assert parse_username(unicodedata.normalize("NFD", longest)).display == longest

    @both
    def test_the_folded_form_keeps_the_limit_too(self, parse: Parse) -> None:
        assert reason(parse, "ß" * 16) is None
        assert reason(parse, "ß" * 33) is Refusal.TOO_LONG

    def test_the_limit_holds_though_folding_makes_a_name_shorter(self) -> None:
        assert parse_username("ㅎㅏ" * 16).folded == "하" * 16
        assert reason(parse_username, "ㅎㅏ" * 17) is Refusal.TOO_LONG

    @both
    def test_a_huge_text_is_refused_before_it_is_looked_at(self, parse: Parse) -> None:
        assert refusal(parse, "😀" * 65_536).reason is Refusal.TOO_LONG

    @both
    @pytest.mark.parametrize("separator", [".", "_", "-"])
    def test_separators_stand_inside_and_alone(self, parse: Parse, separator: str) -> None:
        assert reason(parse, f"a{separator}b{separator}c") is None
        assert reason(parse, f"é{separator}b{separator}c") is None
        for letter in ("a", "é"):
            assert reason(parse, separator) is Refusal.EDGE
            assert reason(parse, f"{separator}{letter}") is Refusal.EDGE
            assert reason(parse, f"{letter}{separator}") is Refusal.EDGE
            for other in (".", "_", "-"):
                doubled = f"{letter}{separator}{other}{letter}"
                assert reason(parse, doubled) is Refusal.DOUBLED_SEPARATOR

    @both
    @pytest.mark.parametrize("text", ["\u0301a", "\u0903", "a.\u0301b", "a-\u0940", "ำ", "a.ำ"])
    def test_a_mark_needs_a_letter_before_it(self, parse: Parse, text: str) -> None:
        assert reason(parse, text) is Refusal.STRAY_MARK

    @both
    def test_marks_do_not_pile_up(self, parse: Parse) -> None:
        marks = "\u0301\u0302\u0303\u0304\u0305"
        assert reason(parse, "a" + marks[:4] + "b" + marks[:4]) is None
        assert reason(parse, "a" + marks) is Refusal.STACKED_MARKS
        assert reason(parse, "á" + marks[1:]) is Refusal.STACKED_MARKS

    @both
    def test_no_mark_hides_behind_its_like(self, parse: Parse) -> None:
        assert reason(parse, "x\u0301") is None
        assert reason(parse, "x\u0301\u0301") is Refusal.STACKED_MARKS
        assert reason(parse, "ᾳ") is None
        assert reason(parse, "ᾳ\u0345") is Refusal.STACKED_MARKS  # folds to two letters
        assert reason(parse, "xx") is None

    def test_spacing_marks_follow_one_another(self) -> None:
        assert reason(parse_username, "မြွှေား") is None


class TestScripts:
    @both
    @pytest.mark.parametrize(
        "text",
        [
            "аlice",  # Cyrillic а
            "Αlice",  # Greek Α
            "Ωmega",
            "Aliceعلي",
            "한글かな",
            "かなㄅㄆ",
            "한글ㄅㄆ",
            "Tanakaたろう한",
            "日本д",
            "a\u0e34",  # a Thai vowel on a Latin letter
            "𝐀лиса",  # a mathematical A is Latin once folded
            "a\u0345",  # iota subscript is a Greek letter once folded
            "पা",
        ],
    )
    def test_scripts_that_are_not_written_together_are_not_mixed(
        self, parse: Parse, text: str
    ) -> None:
        assert reason(parse, text) is Refusal.MIXED_SCRIPTS

    @both
    @pytest.mark.parametrize("text", ["1a", "1д", "क१", "क1", "ク1-2", "عل.1", "е\u0301"])
    def test_digits_separators_and_common_marks_go_with_any_script(
        self, parse: Parse, text: str
    ) -> None:
        assert reason(parse, text) is None

    @both
    def test_a_character_of_several_scripts_goes_with_each(self, parse: Parse) -> None:
        assert reason(parse, "ラーメン") is None
        assert reason(parse, "らーめん") is None
        assert reason(parse, "लाー") is Refusal.MIXED_SCRIPTS

    def test_a_room_may_change_script_at_a_separator_and_a_person_may_not(self) -> None:
        assert parse_room("linux-помощь").folded == "linux-помощь"
        assert reason(parse_username, "linux-помощь") is Refusal.MIXED_SCRIPTS
        assert reason(parse_room, "lоbby-помощь") is Refusal.MIXED_SCRIPTS


class TestDirection:
    @pytest.mark.parametrize("text", ["א1", "علي_2", "א-ב", "١٢", "א-1-ב"])
    def test_a_name_that_runs_to_the_left_begins_so(self, text: str) -> None:
        assert reason(parse_username, text) is None

    @pytest.mark.parametrize("text", ["1א", "1-א", "١علي", "1ℵ"])
    def test_a_digit_before_it_would_be_shown_behind_it(self, text: str) -> None:
        assert reason(parse_username, text) is Refusal.DIRECTION
        assert reason(parse_room, text) is None


class TestFolding:
    @both
    @pytest.mark.parametrize(
        ("text", "folded"),
        [
            ("Alice", "alice"),
            ("ALICE-1", "alice-1"),
            ("Éloïse", "éloïse"),
            ("E\u0301loi\u0308se", "éloïse"),
            ("Straße", "strasse"),
            ("STRASSE", "strasse"),
            ("STRAẞE", "strasse"),
            ("ﬁn", "fin"),
            ("Ａｌｉｃｅ１", "alice1"),
            ("𝕬𝖑𝖎𝖈𝖊", "alice"),
            ("ﾀﾅｶ", "タナカ"),
            ("\u212aelvin", "kelvin"),
            ("Ångström", "ångström"),
            ("\u212bngström", "ångström"),
            ("ΣΊΣΥΦΟΣ", "σίσυφοσ"),
            ("Σίσυφος", "σίσυφοσ"),
            ("ΘΕΌΣ", "θεόσ"),
            ("İI", "i\u0307i"),
            ("ıi", "ıi"),
            ("Ⅷ", "viii"),
            ("ꮳꮃꭹ", "ᏣᎳᎩ"),  # Cherokee folds to capitals
            ("น้ำ", "น\u0e49\u0e4dา"),
            ("ŉ", "ʼn"),
        ],
    )
    def test_case_and_compatibility_make_no_difference(
        self, parse: Parse, text: str, folded: str
    ) -> None:
        assert parse(text).folded == folded

    def test_canonically_equal_texts_are_one_name(self) -> None:
        # NFC attaches the iota to the letter; only from the NFD is it folded behind both marks.
        assert parse_username("α\u0345\u0323").folded == parse_username("α\u0323\u0345").folded
        assert parse_username("ᾳ\u0323").folded == "α\u0323ι"

    @both
    def test_the_form_that_is_shown_keeps_its_letters(self, parse: Parse) -> None:
        assert parse("ﬁＡ").display == "ﬁＡ"
        assert parse("e\u0301").display == "é"

    @given(TEXTS)
    def test_a_shown_form_is_a_name_and_stands_for_the_same(self, text: str) -> None:
        for parse in (parse_username, parse_room):
            if reason(parse, text) is None:
                name = parse(text)
                assert parse(name.display) == name

    @given(TEXTS)
    @example("ำ")
    @example("1ℵ")
    @example("ß" * USERNAME_MAX)
    @example("ß" * ROOM_MAX)
    def test_a_folded_form_is_a_name_and_its_own_folded_form(self, text: str) -> None:
        for parse in (parse_username, parse_room):
            if reason(parse, text) is None:
                name = parse(text)
                again = parse(name.folded)
                assert (again.display, again.folded) == (name.folded, name.folded)
                assert again.skeleton == name.skeleton

    @given(PLAIN | NAMES)
    def test_folding_reaches_a_fixed_point_of_every_step(self, text: str) -> None:
        folded = parse_room(text).folded
        assert unicodedata.normalize("NFKC", folded) == folded
        assert unicodedata.normalize("NFKC", folded.casefold()) == folded

    @given(PLAIN)
    def test_no_change_of_case_makes_another_name(self, text: str) -> None:
        assume(reason(parse_username, text) is None)
        name = parse_username(text)
        for changed in (text.upper(), text.lower(), text.swapcase()):
            other = parse_username(changed)
            assert (other.folded, other.skeleton) == (name.folded, name.skeleton)


class TestLooks:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("Alice", "AIice"),  # capital I
            ("Alice", "A1ice"),
            ("Alice", "ALlCE"),  # small l
            ("Bob", "B0b"),
            ("Mary", "rnary"),
            ("BOB", "ВОВ"),  # Cyrillic
            ("hey", "Неу"),
            ("Capa", "Сара"),
            ("TOM", "ТОМ"),
            ("TEXT", "ΤΕΧΤ"),  # Greek
            ("HOZ", "ΗΟΖ"),
            ("voi", "νοι"),
            ("oo", "օօ"),  # Armenian
            ("oo", "๐๐"),  # Thai digits
            ("TOY", "ꓔꓳꓬ"),  # Lisu
            ("Íris", "Ĺris"),
            ("istanbul", "ıstanbul"),
            ("istanbul", "İstanbul"),
            ("ji", "j\u0307i"),
            ("ịi", "ị\u0307i"),
            ("æon", "aeon"),
            ("ɖ\u0338", "d\u0328\u0338"),  # the marks change places
            ("一", "ー"),  # the number one, a length mark
        ],
    )
    def test_two_names_that_look_alike_have_one_skeleton(self, one: str, other: str) -> None:
        assert parse_username(one).folded != parse_username(other).folded
        assert look(one) == look(other)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("Anna", "Avva"),
            ("Ana", "Anna"),
            ("Élise", "Elise"),
            ("Zoe", "Zoë"),
            ("Żaneta", "Zaneta"),
            ("Иван", "Ivan"),
            ("a-b", "a_b"),
            ("User123", "User124"),
            ("山田", "山本"),
            ("5am", "sam"),
        ],
    )
    def test_two_names_that_can_be_told_apart_have_two(self, one: str, other: str) -> None:
        assert look(one) != look(other)

    @given(PLAIN)
    def test_the_short_cut_for_plain_names_ends_where_the_long_way_does(self, text: str) -> None:
        assert names._plain(text) == names._parse(text, USERNAME_MAX)

    @given(st.data())
    def test_a_letter_and_what_it_looks_like_make_one_skeleton(self, data: st.DataObject) -> None:
        line = data.draw(st.sampled_from(_confusables.LOOKS.splitlines())).split(" ")
        shown = "".join(chr(int(code, 16)) for code in line[0].split("+"))
        letter = chr(int(data.draw(st.sampled_from(line[1:])), 16))
        for before, behind in (("", ""), ("a", "b")):
            text = f"{before}{letter}{behind}"
            assert names._skeleton(text) == names._skeleton(f"{before}{shown}{behind}")

    @given(PLAIN | NAMES)
    def test_a_skeleton_is_its_own_skeleton(self, text: str) -> None:
        skeleton = parse_room(text).skeleton
        assert names._skeleton(skeleton) == skeleton
        assert unicodedata.normalize("NFD", skeleton) == skeleton

    @given(PLAIN | NAMES, st.sampled_from([str.upper, str.lower, str.title, str.swapcase]))
    def test_one_folded_form_means_one_skeleton(
        self, text: str, change: Callable[[str], str]
    ) -> None:
        assume(reason(parse_room, change(text)) is None)
        name, other = parse_room(text), parse_room(change(text))
        assume(name.folded == other.folded)  # not so for ı, whose capital is I
        assert name.skeleton == other.skeleton


class TestReserved:
    @pytest.mark.parametrize(
        "text",
        [
            SYSTEM,
            ANONYMOUS,
            "system",
            "SYSTEM",
            "sYsTeM",
            "ANONYMOUS",
            "Systern",
            "SYSTERN",
            "An0nym0us",
            "Anonyrnous",
            "Ｓｙｓｔｅｍ",
            "𝓢𝔂𝓼𝓽𝓮𝓶",
            "ſystem",
            "ЅУЅТЕМ",  # Cyrillic
            "ѕуѕтем",
            "ᏚᎩᏚᎢᎬᎷ",  # Cherokee
            "ꓢꓬꓢꓔꓰꓟ",  # Lisu
            "Sýstem",
            "Ṡyşteṃ",
            "Anoñymous",
            "Anønymous",
        ],
    )
    def test_nobody_is_called_or_looks_like_system_or_anonymous(self, text: str) -> None:
        assert reason(parse_username, text) is Refusal.RESERVED

    @pytest.mark.parametrize("text", ["Ѕystem", "Sуstem", "Anоnymous"])
    def test_a_single_foreign_letter_does_not_help(self, text: str) -> None:
        assert reason(parse_username, text) is Refusal.MIXED_SCRIPTS

    @pytest.mark.parametrize("text", ["Systems", "System1", "sys-tem", "Ann", "Anonyme", LOBBY])
    def test_names_that_only_resemble_them_are_free(self, text: str) -> None:
        assert reason(parse_username, text) is None

    @pytest.mark.parametrize("text", [SYSTEM, ANONYMOUS, LOBBY, "ЅУЅТЕМ"])
    def test_for_rooms_nothing_is_reserved(self, text: str) -> None:
        assert reason(parse_room, text) is None


class TestRefusals:
    @given(TEXTS)
    @example("\udfff" * 4)
    @example("\x00")
    def test_every_text_is_a_name_or_refused_for_a_reason(self, text: str) -> None:
        for parse in (parse_username, parse_room):
            if reason(parse, text) is None:
                assert parse(text).display == unicodedata.normalize("NFC", text)
            else:
                error = refusal(parse, text)
                assert str(error)
                assert (error.reason is Refusal.CHARACTER) == (error.character is not None)
                assert error.position is None or text[error.position] == error.character

    @given(TEXTS)
    def test_who_may_bear_a_name_may_give_it_to_a_room(self, text: str) -> None:
        if reason(parse_username, text) is None:
            assert parse_room(text) == parse_username(text)

    def test_it_is_an_error_of_value(self) -> None:
        assert issubclass(NameRefused, ValueError)


class TestTables:
    def test_the_version_of_unicode_is_told(self) -> None:
        assert _confusables.UNICODE_VERSION == "15.0.0"

    def test_the_ranges_of_characters_are_in_order_and_apart(self) -> None:
        starts, ends, scripts = names._script_ranges()
        assert all(start <= end for start, end in zip(starts, ends, strict=True))
        assert all(end < start for end, start in zip(ends, starts[1:], strict=False))
        assert all(scripts)

    @pytest.mark.slow
    def test_a_permitted_character_is_a_letter_mark_or_digit_and_is_made_into_such(self) -> None:
        for char in (char for characters in CHARACTERS for char in characters):
            if names._is_permitted(char):
                # Those of the tables that this Python does not know yet have the category Cn.
                assert unicodedata.category(char) in CATEGORIES, f"U+{ord(char):04X}"
                made = {
                    *unicodedata.normalize("NFC", char),
                    *unicodedata.normalize("NFD", char),
                    *names._fold(char),
                }
                assert all(map(names._is_permitted, made)), f"U+{ord(char):04X}"
