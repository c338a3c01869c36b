"""The web client's files, as they are sent to browsers.

They are few and never change while the server runs, so they are kept in memory, compressed once.
"""

import gzip
import hashlib
from collections.abc import Iterator
from http import HTTPStatus
from importlib.resources.abc import Traversable
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

PAGE: Final = "index.html"

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; manifest-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What the page may do: load its own files and talk to its own server, nothing else (CSP Level 3,
where 'self' stands for the WebSockets of the same host too).
"""

_TYPES: Final = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "svg": "image/svg+xml",
    "webmanifest": "application/manifest+json",
}


class WebFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the web client."""

    body: bytes
    compressed: bytes
    """By gzip; the body itself where that is no shorter."""
    media_type: str
    etag: str
    """Weak, since it stands for both bodies (RFC 9110, section 8.8.3)."""
    cache: str


class WebClient:
    """All files of the web client, by their paths below the root."""

    def __init__(self, folder: Traversable) -> None:
        """Reads a folder, which has a page `index.html` in it.

        Raises:
            FileNotFoundError: it has none: the web client has not been built.
        """
        if not folder.joinpath(PAGE).is_file():
            raise FileNotFoundError(PAGE)
        self.files = {path: _read(path, file) for path, file in _walk(folder)}

    def answer(self, request: Request, path: str) -> Response | None:
        """Answers a request for a file, or says that there is none of that path."""
        file = self.files.get(path)
        if file is None:
            return None
        headers = {
            "Cache-Control": file.cache,
            "ETag": file.etag,
            "Referrer-Policy": "no-referrer",
            "Vary": "Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
        }
        if path == PAGE:
            headers["Content-Security-Policy"] = POLICY
            headers["Cross-Origin-Opener-Policy"] = "same-origin"
        if file.etag.removeprefix("W/") in request.headers.get("If-None-Match", ""):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        body = file.body
        if file.compressed is not file.body and _takes_gzip(request):
            body = file.compressed
            headers["Content-Encoding"] = "gzip"
        return Response(body, headers=headers, media_type=file.media_type)


def _walk(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _walk(entry, f"{prefix}{entry.name}/")
        else:
            yield f"{prefix}{entry.name}", entry


def _read(path: str, file: Traversable) -> WebFile:
    body = file.read_bytes()
    compressed = gzip.compress(body, mtime=0)
    # What lies in assets/ has a hash of its content in its name.
    is_hashed = path.startswith("assets/")
    return WebFile(
        body=body,
        compressed=compressed if len(compressed) < len(body) else body,
        media_type=_TYPES.get(path.rpartition(".")[2], "application/octet-stream"),
        etag=f'W/"{hashlib.sha256(body).hexdigest()[:32]}"',
        cache="public, max-age=31536000, immutable" if is_hashed else "no-cache",
    )


def _takes_gzip(request: Request) -> bool:
    """Whether a browser takes gzip (RFC 9110, section 12.5.3)."""
    for item in request.headers.get("Accept-Encoding", "").split(","):
        coding, *parameters = (part.strip().lower() for part in item.split(";"))
        if coding in {"gzip", "*"}:
            return not any(parameter in {"q=0", "q=0.0"} for parameter in parameters)
    return False
