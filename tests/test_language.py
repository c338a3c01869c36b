import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

import causerie
from causerie.client.machine import Reasons, Settings
from causerie.language import LANGUAGES, Sentence, Words, choose_language, known_language
from causerie.resources import catalogue_path
from causerie.tui.commands import COMMANDS

SOURCE = Path(causerie.__file__).parent


def sources() -> Iterator[Path]:
    """Yields the files of those who have something to say to people."""
    yield SOURCE / "language.py"
    yield SOURCE / "move.py"
    for folder in ("client", "tui"):
        yield from SOURCE.joinpath(folder).rglob("*.py")


def variants(sentence: Sentence) -> list[str]:
    return list(sentence.values()) if isinstance(sentence, dict) else [sentence]


def placeholders(sentence: Sentence) -> set[str]:
    return {
        name
        for variant in variants(sentence)
        for _, name, _, _ in Formatter().parse(variant)
        if name is not None
    }


def calls() -> Iterator[tuple[str, set[str]]]:
    """Yields each key that the sources name, as a pattern, and the values that come with it."""
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).lower().endswith("words"):
                match node.args:
                    case [ast.Constant(value=str(key))]:
                        pattern = re.escape(key)
                    case [ast.JoinedStr(values=[ast.Constant(value=str(key)), _])]:
                        pattern = re.escape(key) + ".*"
                    case _:
                        continue
                yield pattern, {keyword.arg or "" for keyword in node.keywords}


def test_there_is_a_catalogue_for_each_language_and_no_other_and_the_emoji() -> None:
    found = {path.name for path in catalogue_path().iterdir()}
    assert found == {f"{language}.json" for language in LANGUAGES} | {"emoji.json"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_sentences_with_the_same_placeholders(language: str) -> None:
    first, other = Words(LANGUAGES[0]).sentences, Words(language).sentences
    assert list(other) == list(first)
    for key, sentence in other.items():
        assert placeholders(sentence) == placeholders(first[key]), key
        assert isinstance(sentence, dict) == isinstance(first[key], dict), key
        assert all(variants(sentence)), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_sentence_that_depends_on_a_number_has_one_for_each_case(language: str) -> None:
    for key, sentence in Words(language).sentences.items():
        if isinstance(sentence, dict):
            assert list(sentence) == ["one", "other"], key


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_key_is_given_twice(language: str) -> None:
    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        keys = [key for key, _ in pairs]
        assert len(keys) == len(set(keys)), keys
        return dict(pairs)

    text = catalogue_path().joinpath(f"{language}.json").read_text("utf-8")
    json.loads(text, object_pairs_hook=unique)


@pytest.mark.parametrize("language", LANGUAGES)
def test_apostrophes_and_quotation_marks_are_those_of_print(language: str) -> None:
    for key, sentence in Words(language).sentences.items():
        for variant in variants(sentence):
            assert not set("'`\"") & set(variant), key


def test_every_sentence_that_is_asked_for_is_there_and_gets_its_values() -> None:
    sentences = Words("en").sentences
    found = list(calls())
    assert len(found) > 40
    for pattern, given in found:
        keys = [key for key in sentences if re.fullmatch(pattern, key)]
        assert keys, pattern
        for key in keys:
            assert placeholders(sentences[key]) <= given, key
            assert given - {"count", "most"} <= placeholders(sentences[key]), key
            assert not isinstance(sentences[key], dict) or "count" in given, key


def test_every_sentence_is_asked_for_somewhere() -> None:
    asked = [pattern for pattern, _ in calls()]
    named = {
        node.value
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    unused = [
        key
        for key in Words("en").sentences
        if not key.startswith(("web-", "node-"))  # the tests of the TypeScript look for these
        and key not in named
        and not any(re.fullmatch(pattern, key) for pattern in asked)
    ]
    assert not unused


def test_every_command_has_its_usage_and_its_help() -> None:
    for name in COMMANDS:
        assert Words("en")(f"usage-{name}").startswith(f"/{name}")


@pytest.mark.parametrize(
    ("language", "count", "text"),
    [
        ("en", 0, "0 messages are not shown here"),
        ("en", 1, "1 message is not shown here"),
        ("en", 37, "37 messages are not shown here"),
        ("fr", 0, "0 message n’est pas affiché ici"),
        ("fr", 1, "1 message n’est pas affiché ici"),
        ("fr", 2, "2 messages ne sont pas affichés ici"),
    ],
)
def test_a_number_decides_between_one_and_many(language: str, count: int, text: str) -> None:
    assert Words(language)("gap", count=count) == text


def test_what_stands_in_a_value_is_not_read_as_a_placeholder() -> None:
    assert Words("en")("logged-in", name="{count}") == "You are logged in as: {count}"


@pytest.mark.parametrize(
    ("names", "others", "text"),
    [
        (["Alice"], 0, "Alice"),
        (["Alice", "Bob"], 0, "Alice and Bob"),
        (["Alice", "Bob", "Carol"], 0, "Alice, Bob and Carol"),
        (["Alice", "Bob"], 7, "Alice, Bob and 7 others"),
        ([], 1, "1 other"),
    ],
)
def test_names_are_listed_as_in_a_sentence(names: list[str], others: int, text: str) -> None:
    assert Words("en").names(names, others=others) == text


def test_french_says_it_in_french() -> None:
    words = Words("fr")
    assert words.names(["Alice", "Bob"]) == "Alice et Bob"
    assert words.decimal(2.06) == "2,1"
    assert Words("en").decimal(2.06) == "2.1"


@pytest.mark.parametrize(
    ("wish", "environment", "language"),
    [
        ("fr", {"LANG": "en_GB.UTF-8"}, "fr"),
        ("FR-ca", {}, "fr"),
        (None, {}, "en"),
        (None, {"LANG": "fr_FR.UTF-8"}, "fr"),
        (None, {"LANG": "fr_FR", "LC_MESSAGES": "en_US"}, "en"),
        (None, {"LANG": "en_US", "LC_MESSAGES": "en_US", "LC_ALL": "fr"}, "fr"),
        (None, {"LANG": "fr_FR", "LC_ALL": ""}, "fr"),
        (None, {"LANG": "C.UTF-8"}, "en"),
        (None, {"LANG": "de_DE.UTF-8"}, "en"),
    ],
)
def test_the_language_is_the_one_wished_for_or_else_the_environments(
    wish: str | None, environment: dict[str, str], language: str
) -> None:
    assert choose_language(wish, environment) == language


def test_a_wish_for_a_language_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="only en and fr"):
        choose_language("klingon", {})


@pytest.mark.parametrize(
    ("locale", "language"),
    [("fr", "fr"), ("fr-CA", "fr"), ("fr_CA.UTF-8", "fr"), ("en", "en"), ("de", "en"), ("", "en")],
)
def test_a_locale_whose_language_there_is_not_gets_english(locale: str, language: str) -> None:
    assert known_language(locale) == language


def test_the_machine_gives_its_reasons_in_english_unless_it_is_told_otherwise() -> None:
    words = Words("en")
    own = Reasons(no_welcome=words("lost-no-welcome"), silent=words("lost-silent"))
    assert Settings().reasons == own
