"""What the server answers over plain HTTP, and the protocol that carries it until an upgrade."""

import asyncio
import base64
import hashlib
import re
from collections.abc import Callable
from functools import cache
from html import escape
from http import HTTPStatus
from importlib.resources import files
from string import Template
from typing import Any, ClassVar, Final, Literal, cast

import h11
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from causerie.resources import protocol_path
from causerie.server.census import Census
from causerie.server.loop_share import LoopShare
from causerie.server.pauses import Longest
from causerie.server.sweep import Sweep
from causerie.server.upgrade import Upgrade, read_upgrade
from causerie.server.web import PAGE, WebClient
from causerie.server.websocket import WebSocketProtocol
from causerie.version import __version__

Health = Literal["ok", "degraded", "away", "stopping", "failed"]
"""`degraded`: what is said is slow to become durable; `away`: it cannot, until the store of the
rooms is back; `failed`: the log can no longer be trusted."""

ALIVE: Final = frozenset[Health]({"ok", "degraded", "away"})
_READY: Final = frozenset[Health]({"ok", "degraded"})

_LANGUAGES: Final = ("en", "fr")

_HOST: Final = re.compile(
    r"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?"
)


def http_app(
    health: Callable[[], Health],
    web: WebClient | None = None,
    pauses: Callable[[], Longest] | None = None,
    census: Callable[[], Census] | None = None,
) -> Starlette:
    """Makes the ASGI application: the web client, `/healthz`, `/readyz`, `/asyncapi.json`.

    `health` tells how the server is. Whoever asks at `/healthz` would start one again that is not
    well; whoever asks at `/readyz`, send nobody to one that cannot serve them now. Where the web
    client has not been built, a page says how to reach the chat without it. `pauses` tells how long
    the loop was held, and `census` what there is just now, if that is watched.
    """

    async def page(request: Request) -> Response:
        answer = web and web.answer(request, PAGE)
        return answer or await _page(request)

    async def file(request: Request) -> Response:
        answer = web and web.answer(request, request.path_params["path"])
        if not answer:
            raise HTTPException(HTTPStatus.NOT_FOUND, "There is nothing here.")
        return answer

    async def healthz(_request: Request) -> Response:
        state = health()
        body: dict[str, object] = {"status": state, "version": __version__}
        if pauses is not None:
            longest = pauses()
            body["loopHeldMs"] = round(longest.held * 1000, 3)
            body["collectedMs"] = round(longest.collected * 1000, 3)
        if census is not None:
            body |= census()._asdict()
        return _condition(body, is_well=state in ALIVE)

    async def readyz(_request: Request) -> Response:
        state = health()
        return _condition({"status": state}, is_well=state in _READY)

    return Starlette(
        routes=[
            Route("/", page),
            Route("/ws", _upgrade_required),
            Route("/chat", _upgrade_required),
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/asyncapi.json", _asyncapi),
            Route("/{path:path}", file),
        ],
        exception_handlers={HTTPException: _error},
        max_body_size=64 * 1024,
    )


def _condition(body: dict[str, object], *, is_well: bool) -> Response:
    status = HTTPStatus.OK if is_well else HTTPStatus.SERVICE_UNAVAILABLE
    return JSONResponse(body, status, {"Cache-Control": "no-store"})


def http_protocol(request_timeout: float, share: LoopShare) -> type[H11Protocol]:
    """Makes the class that uvicorn is given as its `http`. `share` is the time that all connections
    of the loop have for being read.

    It adds three things to uvicorn's own. Whoever takes longer than `request_timeout` seconds to
    send a request, or to read what waits of an answer, is cut, and so is who sends nothing at all.
    Frames that came in one segment with a WebSocket's handshake are handed on with it. And a
    handshake that came whole, as nearly all do, is handed on as it is: to have it parsed twice took
    a sixth of what a join costs.
    """

    class BoundHttpProtocol(_HttpProtocol):
        _sweep = Sweep(request_timeout)
        _share = share

    return BoundHttpProtocol


_KEPT: Final = 64 * 1024
"""Bytes that wait for their turn; with more nothing further is read until it is there."""


class _HttpProtocol(H11Protocol):
    _sweep: ClassVar[Sweep]
    _share: ClassVar[LoopShare]
    _kept = b""
    """What has come and is read when it is its turn."""

    def connection_made(  # type: ignore[override] # as uvicorn has it
        self, transport: asyncio.Transport
    ) -> None:
        super().connection_made(transport)
        self._sweep.watch(self)

    def data_received(self, data: bytes) -> None:
        if not self._share.is_spent():
            self._read(data)
            return
        if not self._kept:
            self._share.later(self._read_kept)
        self._kept += data
        if len(self._kept) > _KEPT:
            self.flow.pause_reading()

    def _read_kept(self) -> None:
        data, self._kept = self._kept, b""
        if len(data) > _KEPT:
            self.flow.resume_reading()
        if data and not self.transport.is_closing():
            self._read(data)

    def _read(self, data: bytes) -> None:
        upgrade = read_upgrade(data) if self.conn.their_state is h11.IDLE else None
        if upgrade is not None and not self._has_begun():
            self._hand_over(upgrade)
            return
        super().data_received(data)
        # Between two requests uvicorn has a timer of its own, which any byte stops.
        is_whole = self.conn.their_state not in {h11.IDLE, h11.SEND_BODY}
        if not is_whole and self.transport.get_protocol() is self:
            self._sweep.watch(self)
        else:
            self._sweep.forget(self)

    def send_400_response(self, msg: str) -> None:
        # The beginning of the request may have been answered, or be about to be.
        cycle = cast("RequestResponseCycle | None", self.cycle)
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            super().send_400_response(msg)
        else:
            self.transport.close()

    def pause_writing(self) -> None:
        # Whoever asks and does not read is not waited for either.
        super().pause_writing()
        self._sweep.watch(self)

    def resume_writing(self) -> None:
        self._sweep.forget(self)
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._sweep.forget(self)
        super().connection_lost(exc)

    def _has_begun(self) -> bool:
        """Whether a part of a request came before."""
        begun, _closed = self.conn.trailing_data
        return bool(begun)

    def _hand_over(self, upgrade: Upgrade) -> None:
        self._unset_keepalive_if_required()
        self._sweep.forget(self)
        self.connections.discard(self)
        successor = cast("type[WebSocketProtocol]", self.ws_protocol_class)(
            self.config, self.server_state, self.app_state
        )
        successor.take_over(self.transport, upgrade, is_paused=self.flow.write_paused)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        early, _closed = self.conn.trailing_data
        super().handle_websocket_upgrade(event)
        successor = self.transport.get_protocol()
        if isinstance(successor, asyncio.Protocol):
            # The transport says it once: where an earlier answer waits, it would not say it again.
            if self.flow.write_paused:
                successor.pause_writing()
            if early:
                successor.data_received(early)

    def abort(self) -> None:
        """Cuts: the request did not come in time."""
        self.transport.abort()


@cache
def _page_template() -> tuple[Template, str]:
    """The page, and the policy that lets nothing into it but its own style and icon."""
    text = files("causerie.server").joinpath("page.html").read_text("utf-8")
    style = text.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return Template(text), policy


async def _page(request: Request) -> Response:
    template, policy = _page_template()
    language = _language(request)
    return HTMLResponse(
        template.substitute(lang=language, url=escape(_url(request)), version=__version__),
        headers={
            "Cache-Control": "no-cache",
            "Content-Language": language,
            "Content-Security-Policy": policy,
            "Referrer-Policy": "no-referrer",
            "Vary": "Accept-Language, Host",
            "X-Content-Type-Options": "nosniff",
        },
    )


async def _upgrade_required(_request: Request) -> Response:
    raise HTTPException(
        HTTPStatus.UPGRADE_REQUIRED,
        "This is where a WebSocket is opened.",
        {"Connection": "Upgrade", "Upgrade": "websocket"},
    )


async def _asyncapi(_request: Request) -> Response:
    return Response(
        protocol_path().joinpath("asyncapi.json").read_bytes(),
        media_type="application/json",
        headers={"Access-Control-Allow-Origin": "*", "Cache-Control": "no-cache"},
    )


async def _error(request: Request, error: Exception) -> Response:
    """Tells a person in HTML and a program in JSON."""
    assert isinstance(error, HTTPException)
    if "text/html" in request.headers.get("Accept", ""):
        text = escape(error.detail)
        return HTMLResponse(
            f"<!doctype html><title>{error.status_code}</title>"
            f'<p>{error.status_code}: {text} <a href="/">Causerie</a></p>',
            error.status_code,
            {**(error.headers or {}), "Content-Security-Policy": "default-src 'none'"},
        )
    body: dict[str, Any] = {"status": error.status_code, "error": error.detail}
    return JSONResponse(body, error.status_code, error.headers)


def _url(request: Request) -> str:
    """The address of the chat as this browser would write it."""
    host = request.headers.get("Host", "")
    if not _HOST.fullmatch(host):
        host = "localhost:8080"
    secure = "https" in {request.url.scheme, request.headers.get("X-Forwarded-Proto")}
    return f"{'wss' if secure else 'ws'}://{host}"


def _language(request: Request) -> str:
    """The language of ours that is wanted most: by a link, else by `Accept-Language`
    (RFC 9110, section 12.5.4), else English.
    """
    asked = request.query_params.get("lang")
    if asked in _LANGUAGES:
        return str(asked)
    wanted: dict[str, float] = {}
    for item in request.headers.get("Accept-Language", "").split(","):
        tag, _, weight = "".join(item.split()).lower().partition(";q=")
        language = tag.partition("-")[0]
        try:
            quality = float(weight) if weight else 1.0
        except ValueError:
            continue
        wanted[language] = max(quality, wanted.get(language, 0.0))
    wanted = {language: wanted[language] for language in _LANGUAGES if wanted.get(language)}
    return max(wanted, key=lambda language: wanted[language], default=_LANGUAGES[0])
