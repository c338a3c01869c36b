import time

import pytest

from causerie.tui.screen.markup import (
    Bold,
    Code,
    Fence,
    Italic,
    Link,
    Text,
    Token,
    emoji,
    read,
    suggest,
)


def seen(tokens: tuple[Token, ...]) -> str:
    """Tokens as one line: what a reader would see, with what it is."""
    return "".join(map(seen_one, tokens))


def seen_one(token: Token) -> str:
    match token:
        case Text(text=text):
            return text
        case Bold(inner=inner):
            return f"<b>{seen(inner)}</b>"
        case Italic(inner=inner):
            return f"<i>{seen(inner)}</i>"
        case Code(text=text):
            return f"<code>{text}</code>"
        case Fence(text=text, language=language):
            return f"<pre {language}>{text}</pre>"
        case Link(address=address):
            return f"<a>{address}</a>"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("**bold** and *italic* and _so_", "<b>bold</b> and <i>italic</i> and <i>so</i>"),
        ("**bold *and* italic**", "<b>bold <i>and</i> italic</b>"),
        ("`**not bold**`", "<code>**not bold**</code>"),
        ("2 * 3 * 4 and **", "2 * 3 * 4 and **"),
        ("snake_case_name stays", "snake_case_name stays"),
        ("**open", "**open"),
        ("before\n```py\nx = 1\n```\nafter", "before<pre py>x = 1</pre>after"),
        ("```\n**raw** <b>\n```", "<pre >**raw** <b></pre>"),
        ("```\na\nb```", "<pre >a\nb</pre>"),
        ("```open\nno end", "```open\nno end"),
        ("a ``` b", "a ``` b"),
        (":smile: :nothing: 10:30:15", "😄 :nothing: 10:30:15"),
        ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),
        ("[bold]no[/bold] [@click=app.quit]x[/]", "[bold]no[/bold] [@click=app.quit]x[/]"),
    ],
)
def test_the_markup_is_what_the_web_client_reads(text: str, expected: str) -> None:
    assert seen(read(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see https://example.org/a_b_c?x=1.", "see <a>https://example.org/a_b_c?x=1</a>."),
        ("(https://example.org)", "(<a>https://example.org</a>)"),
        ("https://example.org/a_(b)", "<a>https://example.org/a_(b)</a>"),
        ("mailto:a@example.org", "<a>mailto:a@example.org</a>"),
        ("https://bank.example@evil.example/", "https://bank.example@evil.example/"),
        ("mailto:", "mailto:"),
        ("javascript:alert(1)", "javascript:alert(1)"),
        ("https://", "https://"),
        ("https://[", "https://["),
        ("data:text/html,x", "data:text/html,x"),
    ],
)
def test_nothing_but_safe_addresses_becomes_a_link(text: str, expected: str) -> None:
    assert seen(read(text)) == expected


def test_nothing_is_lost_of_what_was_written_but_its_signs() -> None:
    text = "a ** b * c _ d ` e ``` f : g :: h https:// i"
    assert seen(read(text)) == text


def test_nesting_ends_somewhere() -> None:
    assert seen(read("**_**_**_**_x_**_**_**_**")).count("<") <= 16


@pytest.mark.parametrize(
    "part",
    ["*", "**a", "_a ", "`", "```\n", "```a\n", "https://a", ":a", "(", "a_", "\n", "https://)"],
)
def test_texts_that_are_made_to_keep_it_busy_are_read_at_once(part: str) -> None:
    began = time.process_time()
    assert read((part * 4_000)[:4_000])
    assert time.process_time() - began < 0.2


def test_emoji_are_suggested_by_the_beginnings_of_their_names_first() -> None:
    assert suggest("smi", 3) == [("smile", "😄"), ("smirk", "😏"), ("slight_smile", "🙂")]
    assert suggest("heart", 2)[0] == ("heart", emoji()["heart"])
    assert suggest("no such emoji", 3) == []
