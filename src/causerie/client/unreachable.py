"""Why a server could not be reached, in the words and the language of whoever gave its address.

Each is a clause without a full stop that stands after a colon; where something can be done about
it, that is in brackets. None of it is a library's or the system's own text, except, at the very
end, the system's name of an error that has none here.
"""

import errno
import os
import socket
import ssl
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from causerie.client.address import DEFAULT_PATH, PORTS
from causerie.language import Words

_NO_ROUTE: Final = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN}

# OpenSSL, x509_vfy.h.
_CERTIFICATE: Final = {
    9: "certificate-early",
    10: "certificate-expired",
    62: "certificate-other-host",
    64: "certificate-other-address",
}
_UNKNOWN_SIGNER: Final = "certificate-unsigned"


def place_of(url: str) -> str:
    """Where the URL of a WebSocket leads: `host:port`."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    return f"{shown}:{parts.port or PORTS[parts.scheme]}"


def why_not_connected(words: Words, error: OSError, url: str, *, proxied: bool = False) -> str:
    """Says why there is no connection, by TCP or by TLS; `proxied`: to the proxy on the way."""
    host = urlsplit(url).hostname or ""
    place = place_of(url)
    if proxied:
        host = place = words("unreachable-proxy")
    match error:
        case ssl.SSLCertVerificationError(verify_code=fault):
            why = words(_CERTIFICATE.get(fault, _UNKNOWN_SIGNER), variable="SSL_CERT_FILE")
            return words("unreachable-certificate", host=host, reason=why)
        case ssl.SSLError():
            return words("unreachable-tls", place=place)
        case socket.gaierror(errno=socket.EAI_AGAIN):
            return words("unreachable-lookup", host=host)
        case ConnectionRefusedError() | socket.gaierror() if proxied:
            return words("unreachable-proxy-absent")
        case socket.gaierror():
            return words("unreachable-host", host=host)
        case ConnectionRefusedError():
            return words("unreachable-nobody", place=place)
        case TimeoutError():
            return words("unreachable-mute", place=place)
        case OSError(errno=number) if number in _NO_ROUTE:
            return words("unreachable-route", place=place)
        case ConnectionError():
            return why_closed(words, url)
        case _:
            known = os.strerror(error.errno) if error.errno else type(error).__name__
            return words("unreachable-other", place=place, error=known)


def why_closed(words: Words, url: str) -> str:
    """Says that a server closed the connection instead of answering."""
    place = place_of(url)
    if url.startswith("ws:"):
        return words("unreachable-closed", place=place)
    return words("unreachable-closed-tls", place=place)


def why_no_chat(words: Words, status: int, url: str) -> str:
    """Says what an answer over HTTP means that opens no WebSocket."""
    place = place_of(url)
    path = urlsplit(url).path
    match status:
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return words("unreachable-denied", place=place, status=status)
        case HTTPStatus.NOT_FOUND if path == DEFAULT_PATH:
            return words("unreachable-chatless", place=place, status=status)
        case HTTPStatus.NOT_FOUND:
            return words(
                "unreachable-path", place=place, path=path, status=status, usual=DEFAULT_PATH
            )
        case HTTPStatus.TOO_MANY_REQUESTS | HTTPStatus.SERVICE_UNAVAILABLE:
            return words("unreachable-busy", place=place, status=status)
        case _ if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return words("unreachable-failed", place=place, status=status)
    return words("unreachable-web", place=place, status=status)
