"""Autobahn's cases against the server's connection class: see README.md."""

import gc
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from kosoku import FailureError, run_fuzzingclient
from tests.server.wire_peer import Ear, serving

from causerie.server.deflate import frame_deflated
from causerie.server.socket import Socket
from causerie.testing.framing import deflate
from causerie.wire.framing import frame_text

GROUPS = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*"]

NOT_STRICT = {
    "6.4.3": "NON-STRICT",
    "6.4.4": "NON-STRICT",
    "7.1.6": "INFORMATIONAL",
    "7.13.1": "INFORMATIONAL",
    "7.13.2": "INFORMATIONAL",
}

SMALL = (1, 3)
LARGE = (5, 11)
"""Of 18 sizes: messages of 16 and 256 bytes; of 4,096 bytes, and 8,192 in fragments of 256."""

COMPRESSION = [
    *(f"12.{data}.{size}" for data in range(1, 6) for size in SMALL + LARGE),
    *(f"13.{offer}.{size}" for offer in range(1, 8) for size in LARGE),
]

DECLINED = {f"13.{offer}.{size}": "UNIMPLEMENTED" for offer in (3, 5) for size in LARGE}
"""These ask for a window of 512 bytes, or else for no compression."""


def echo_binary(socket: Socket, message: bytes) -> None:
    """Sends a binary message back: a frame like that of a text, but for its opcode."""
    socket.write(b"\x82" + frame_text(message)[1:])


def compressed(message: bytes) -> bytes:
    """A text as the server compresses it. What it would send as it is, is compressed here: the
    runner stops at an answer that is not ("Strings must be encoded before hashing").
    """
    frame = frame_deflated(message)
    return frame if frame[0] == 0xC1 else frame_text(deflate(message), compressed=True)


def echo_binary_compressed(socket: Socket, message: bytes) -> None:
    """Sends a binary message back, compressed."""
    socket.write(b"\xc2" + compressed(message)[1:])


class Compressing(Ear):
    """An echo that compresses."""

    def receive(self, text: bytes) -> None:
        self.socket.write(compressed(text))


async def loose_ends(
    cases: Sequence[str],
    make: Callable[..., Ear],
    binary: Callable[[Socket, bytes], None],
    **settings: Any,
) -> tuple[dict[str, str], int]:
    """The verdict on each case that is not passed strictly, and how many were played."""
    async with serving(make, binary=binary, max_message=2**20, **settings) as server:
        try:
            results = await run_fuzzingclient(
                f"ws://127.0.0.1:{server.port}", [*cases], concurrency=8
            )
        except FailureError as failure:
            results = failure.results
    found = {
        result.case_id: result.behavior.value
        for result in results
        if (result.behavior.value, result.behavior_close.value) != ("OK", "OK")
    }
    return found, len(results)


@pytest.mark.slow
async def test_autobahn_finds_no_fault_and_nothing_loose_that_is_not_explained() -> None:
    assert await loose_ends(GROUPS, Ear, echo_binary) == (NOT_STRICT, 247)


@pytest.mark.slow
@pytest.mark.timeout(180)
# The runner leaves it to the collector to close its files.
@pytest.mark.filterwarnings("ignore:unclosed file .*testdata:ResourceWarning")
async def test_autobahn_finds_no_fault_in_compression_and_only_small_windows_are_declined() -> None:
    found, played = await loose_ends(
        COMPRESSION, Compressing, echo_binary_compressed, compression=True
    )
    assert (found, played) == (DECLINED, 34)
    gc.collect()
