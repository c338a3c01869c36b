import errno
import itertools
import os
import socket
import ssl

import pytest

from causerie.client.unreachable import place_of, why_closed, why_no_chat, why_not_connected
from causerie.language import LANGUAGES, Words

PLAIN = "ws://chat.example.org:8080/ws"
SECURE = "wss://chat.example.org/ws"

words = Words(LANGUAGES[0])


def certificate_error(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] (_ssl.c:1006)")
    error.verify_code = code
    return error


@pytest.mark.parametrize(
    ("url", "place"),
    [
        (PLAIN, "chat.example.org:8080"),
        (SECURE, "chat.example.org:443"),
        ("ws://user:secret@127.0.0.1/ws", "127.0.0.1:80"),
        ("ws://[::1]:9000/ws", "[::1]:9000"),
    ],
)
def test_a_place_is_a_host_and_a_port_and_nothing_secret(url: str, place: str) -> None:
    assert place_of(url) == place


@pytest.mark.parametrize(
    ("error", "what", "what_to_do"),
    [
        (
            ConnectionRefusedError(errno.ECONNREFUSED, "raw"),
            "nobody listens on chat.example.org:8080",
            "“causerie serve” starts a server",
        ),
        (socket.gaierror(socket.EAI_NONAME, "raw"), "no host chat.example.org", "spelt right"),
        (socket.gaierror(socket.EAI_AGAIN, "raw"), "cannot be looked up for now", "online"),
        (TimeoutError(errno.ETIMEDOUT, "raw"), "does not answer", "address right"),
        (OSError(errno.EHOSTUNREACH, "raw"), "no way leads to", "online"),
        (ConnectionResetError(errno.ECONNRESET, "raw"), "closed the connection", "write wss://"),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] raw"), "does not speak TLS", "write ws://"),
        (certificate_error(9), "it is not valid yet", "clock"),
        (certificate_error(10), "it has expired", "ask whoever runs"),
        (certificate_error(18), "nobody signed it", "SSL_CERT_FILE"),
        (certificate_error(62), "it is another host’s", "address right"),
        (certificate_error(64), "it is another address’s", "address right"),
    ],
)
def test_an_error_of_the_system_becomes_what_happened_and_what_to_do(
    error: OSError, what: str, what_to_do: str
) -> None:
    why = why_not_connected(words, error, PLAIN)
    assert what in why
    assert "chat.example.org" in why
    assert what_to_do in why.partition("(")[2]
    for raw in ("raw", "Errno", "_ssl"):
        assert raw not in why


def test_an_error_without_words_of_ours_is_named_as_the_system_names_it() -> None:
    error = OSError(errno.EMFILE, "[Errno 24] text of a library")
    assert why_not_connected(words, error, PLAIN) == (
        f"chat.example.org:8080 cannot be reached ({os.strerror(errno.EMFILE)})"
    )
    assert why_not_connected(words, OSError(), PLAIN).endswith("reached (OSError)")


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "raw"), "is not there (is HTTPS_PROXY"),
        (socket.gaierror(socket.EAI_NONAME, "raw"), "is not there (is HTTPS_PROXY"),
        (socket.gaierror(socket.EAI_AGAIN, "raw"), "cannot be looked up for now"),
        (TimeoutError(errno.ETIMEDOUT, "raw"), "does not answer"),
    ],
)
def test_of_a_proxy_it_is_said_that_it_is_the_proxy(error: OSError, what: str) -> None:
    why = why_not_connected(words, error, PLAIN, proxied=True)
    assert why.startswith(f"the proxy that the environment names {what}")
    assert "chat.example.org" not in why


def test_who_closes_without_an_answer_may_want_tls_or_none() -> None:
    assert "write wss://" in why_closed(words, PLAIN)
    assert "write ws://" in why_closed(words, SECURE)


@pytest.mark.parametrize(
    ("status", "url", "what"),
    [
        (401, PLAIN, "does not let this program in (HTTP 401; ask whoever runs it)"),
        (403, PLAIN, "does not let this program in (HTTP 403; ask whoever runs it)"),
        (404, PLAIN, "is a web server without a chat (HTTP 404; is the address right?)"),
        (404, "ws://chat.example.org:8080/a", "has no chat at /a (HTTP 404; Causerie’s is at /ws"),
        (429, PLAIN, "takes no more connections for now (HTTP 429)"),
        (503, PLAIN, "takes no more connections for now (HTTP 503)"),
        (500, PLAIN, "has failed (HTTP 500)"),
        (502, PLAIN, "has failed (HTTP 502)"),
        (200, PLAIN, "answers as a web server, not as a chat (HTTP 200; is the address right?)"),
        (302, PLAIN, "answers as a web server, not as a chat (HTTP 302; is the address right?)"),
    ],
)
def test_an_answer_over_http_says_what_is_there(status: int, url: str, what: str) -> None:
    why = why_no_chat(words, status, url)
    assert why.startswith("chat.example.org:8080")
    assert what in why


def every_reason(words: Words) -> list[str]:
    errors = [
        ConnectionRefusedError(errno.ECONNREFUSED, "raw"),
        socket.gaierror(socket.EAI_NONAME, "raw"),
        socket.gaierror(socket.EAI_AGAIN, "raw"),
        TimeoutError(errno.ETIMEDOUT, "raw"),
        OSError(errno.EHOSTUNREACH, "raw"),
        OSError(errno.EMFILE, "raw"),
        ssl.SSLError(1, "raw"),
        *(certificate_error(code) for code in (9, 10, 18, 62, 64)),
    ]
    return [
        *(why_not_connected(words, error, PLAIN) for error in errors),
        why_not_connected(words, ConnectionRefusedError(), PLAIN, proxied=True),
        why_not_connected(words, TimeoutError(), PLAIN, proxied=True),
        why_closed(words, PLAIN),
        why_closed(words, SECURE),
        *(why_no_chat(words, status, PLAIN) for status in (200, 401, 404, 429, 500)),
        why_no_chat(words, 404, "ws://chat.example.org:8080/a"),
    ]


def test_every_reason_is_given_in_the_language_that_is_asked_for() -> None:
    told = {language: every_reason(Words(language)) for language in LANGUAGES}
    for first, other in itertools.combinations(told.values(), 2):
        assert len(set(first)) == len(first) == len(set(other))
        assert not set(first) & set(other)
