"""Why a server could not be reached, in words for whoever gave its address.

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

_NO_ROUTE: Final = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN}

# OpenSSL, x509_vfy.h.
_CERTIFICATE: Final = {
    9: "it is not valid yet (is this computer's clock right?)",
    10: "it has expired (ask whoever runs the server)",
    62: "it is another host's (is the address right?)",
    64: "it is another address's (is the address right?)",
}
_UNKNOWN_SIGNER: Final = "nobody signed it whom this computer trusts (SSL_CERT_FILE can name more)"


def place_of(url: str) -> str:
    """Where the URL of a WebSocket leads: `host:port`."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    return f"{shown}:{parts.port or PORTS[parts.scheme]}"


def why_not_connected(error: OSError, url: str, *, proxied: bool = False) -> str:
    """Says why there is no connection, by TCP or by TLS; `proxied`: to the proxy on the way."""
    host = urlsplit(url).hostname or ""
    place = place_of(url)
    if proxied:
        host = place = "the proxy that the environment names"
    match error:
        case ssl.SSLCertVerificationError():
            why = _CERTIFICATE.get(error.verify_code, _UNKNOWN_SIGNER)
            return f"the certificate of {host} cannot be trusted: {why}"
        case ssl.SSLError():
            return f"{place} does not speak TLS as it should (without TLS, write ws:// or http://)"
        case socket.gaierror(errno=socket.EAI_AGAIN):
            return f"{host} cannot be looked up for now (is this computer online?)"
        case socket.gaierror():
            return f"there is no host {host} (is it spelt right?)"
        case ConnectionRefusedError() if proxied:
            return f"{place} is not there (is HTTPS_PROXY, HTTP_PROXY or ALL_PROXY right?)"
        case ConnectionRefusedError():
            return f"nobody listens on {place} (`causerie serve` starts a server)"
        case TimeoutError():
            return f"{place} does not answer (is the address right?)"
        case OSError(errno=number) if number in _NO_ROUTE:
            return f"no way leads to {place} (is this computer online?)"
        case ConnectionError():
            return why_closed(url)
        case _:
            known = os.strerror(error.errno) if error.errno else type(error).__name__
            return f"{place} cannot be reached ({known})"


def why_closed(url: str) -> str:
    """Says that a server closed the connection instead of answering."""
    other = (
        "with TLS, write wss:// or https://"
        if url.startswith("ws:")
        else "without TLS, write ws:// or http://"
    )
    return f"{place_of(url)} closed the connection without an answer ({other})"


def why_no_chat(status: int, url: str) -> str:
    """Says what an answer over HTTP means that opens no WebSocket."""
    place = place_of(url)
    path = urlsplit(url).path
    match status:
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return f"{place} does not let this program in (HTTP {status}; ask whoever runs it)"
        case HTTPStatus.NOT_FOUND if path == DEFAULT_PATH:
            return f"{place} is a web server without a chat (HTTP {status}; is the address right?)"
        case HTTPStatus.NOT_FOUND:
            return (
                f"{place} has no chat at {path} (HTTP {status}; Causerie's is at {DEFAULT_PATH}, "
                "and found without a path)"
            )
        case HTTPStatus.TOO_MANY_REQUESTS | HTTPStatus.SERVICE_UNAVAILABLE:
            return f"{place} takes no more connections for now (HTTP {status})"
        case _ if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return f"{place}, or the chat behind it, has failed (HTTP {status})"
    return f"{place} answers as a web server, not as a chat (HTTP {status}; is the address right?)"
