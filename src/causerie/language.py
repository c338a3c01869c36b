"""The sentences that clients say to people, in the languages there are.

Each language has a catalogue, `catalogue/<language>.json`, for all clients: a key leads to a
sentence with placeholders in braces, or, where the sentence depends on a number, to `one` and
`other` of them. What pages and screens say has a key that begins with `web-`, or, where only the
terminal's screen says it, with `screen-`; what `causerie move` says, with `move-`.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Final

from causerie.resources import catalogue_path

LANGUAGES: Final = ("en", "fr")
"""The first is for those who speak none of them."""

_VARIABLES: Final = ("LC_ALL", "LC_MESSAGES", "LANG")
"""The first that is set decides (POSIX.1-2017, 8.2)."""

Sentence = str | dict[str, str]


class Words:
    """One language's sentences, by their keys."""

    def __init__(self, language: str) -> None:
        """Reads the catalogue of a language, one of `LANGUAGES`."""
        text = catalogue_path().joinpath(f"{language}.json").read_text("utf-8")
        self.language = language
        self.sentences: Mapping[str, Sentence] = json.loads(text)

    def __call__(self, key: str, /, **values: str | int) -> str:
        """Returns a sentence with its placeholders filled in.

        The value of `count` decides between the sentence for one and that for others.
        """
        sentence = self.sentences[key]
        if isinstance(sentence, dict):
            sentence = sentence["one" if self._is_one(values["count"]) else "other"]
        return sentence.format_map(values)

    def names(self, names: Sequence[str], *, others: int = 0) -> str:
        """Returns names as a sentence lists them, with the number of those who are not named."""
        last = self("and-others", count=others) if others else ""
        listed = [*names, last] if last else list(names)
        if len(listed) == 1:
            return listed[0]
        return self("list", names=", ".join(listed[:-1]), last=listed[-1])

    def decimal(self, number: float) -> str:
        """Returns a number with one digit after the point."""
        return f"{number:.1f}".replace(".", self("decimal-point"))

    def _is_one(self, count: str | int) -> bool:
        # Unicode CLDR's plural rules: in French, nothing is one.
        return count == 1 or (count == 0 and self.language == "fr")


def choose_language(wish: str | None, environment: Mapping[str, str]) -> str:
    """Returns the language that is wished for, or else the environment's, as far as there is one.

    Raises:
        ValueError: the wish is for a language that there is not.
    """
    if wish is not None:
        language = _language_of(wish)
        if language not in LANGUAGES:
            raise ValueError(f"there is no {wish!r}, only {' and '.join(LANGUAGES)}")
        return language
    locale = next((environment[name] for name in _VARIABLES if environment.get(name)), "")
    return known_language(locale)


def known_language(locale: str) -> str:
    """Returns the language of a locale (`fr-CA`, `fr_CA.UTF-8`), or the first where it has none."""
    language = _language_of(locale)
    return language if language in LANGUAGES else LANGUAGES[0]


def _language_of(locale: str) -> str:
    """The language of a locale, as in `fr_CA.UTF-8` or `fr-CA`."""
    return locale.replace("-", "_").replace(".", "_").split("_")[0].lower()
