"""Autobahn's cases against the server's connection class: see README.md."""

import pytest
from kosoku import FailureError, run_fuzzingclient
from tests.server.wire_peer import serving

from causerie.server.socket import Socket
from causerie.wire.framing import frame_text

GROUPS = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*"]

NOT_STRICT = {
    "6.4.3": "NON-STRICT",
    "6.4.4": "NON-STRICT",
    "7.1.6": "INFORMATIONAL",
    "7.13.1": "INFORMATIONAL",
    "7.13.2": "INFORMATIONAL",
}


def echo_binary(socket: Socket, message: bytes) -> None:
    """Sends a binary message back: a frame like that of a text, but for its opcode."""
    socket.write(b"\x82" + frame_text(message)[1:])


@pytest.mark.slow
async def test_autobahn_finds_no_fault_and_nothing_loose_that_is_not_explained() -> None:
    async with serving(binary=echo_binary, max_message=2**20) as server:
        try:
            results = await run_fuzzingclient(
                f"ws://127.0.0.1:{server.port}", GROUPS, concurrency=8
            )
        except FailureError as failure:
            results = failure.results
    found = {
        result.case_id: result.behavior.value
        for result in results
        if (result.behavior.value, result.behavior_close.value) != ("OK", "OK")
    }
    assert found == NOT_STRICT
    assert len(results) == 247
