"""A site: machines, each with a NATS server and a node of Causerie; or one node alone.

A site on the loopback has all of them on this machine. One on a network gives each machine a
namespace: clients reach its node by the front wire, nodes and NATS servers one another by the back.
"""

import asyncio
import os
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Self

from tests.chaos.checks import Cut
from tests.chaos.network import Network, Wire
from tests.support.nats import SIZE, NatsCluster, Quarters, stand_still
from tests.support.server_process import ServerProcess

from causerie.adapters.jetstream_streams import stream_names

STREAM: Final = "causerie"
"""The first stream in which a cluster keeps its rooms."""

NODE_PORT: Final = 8080
"""Where a node listens on a machine that it has for itself."""

_OPTIONS: Final = (
    # A crowd behind one address is not what is tried here.
    *("--rate-limit", "0", "--names-per-address", "0"),
    # What was cut off is noticed after twice that time, on both sides.
    *("--heartbeat", "5"),
)


class Site:
    """Machines by number from 0. A context manager: whatever was done to them, nothing is left.

    Its methods are to be awaited where they take time; what happened to machines is noted in
    `cuts`, on the loop's clock.
    """

    def __init__(
        self,
        folder: Path,
        *,
        machines: int = SIZE,
        streams: int = 1,
        network: Network | None = None,
    ) -> None:
        """Starts nothing yet. One machine is a node alone, which keeps its rooms itself; several
        keep them in so many streams. The `network` is there already, and is there until the site
        has ended.
        """
        assert machines in (1, SIZE), "NATS wants three"
        self.streams = stream_names(STREAM, streams)
        self.cuts: list[Cut] = []
        self._network = network
        self.nats = (
            NatsCluster(folder, [_quarters(network, number) for number in range(SIZE)])
            if machines > 1
            else None
        )
        kept = {}
        if self.nats is not None:
            kept = {
                "CAUSERIE_NATS": ",".join(self.nats.urls),
                "CAUSERIE_STREAMS": str(streams),
            }
        self.nodes = [
            ServerProcess(
                folder / f"node-{number}",
                *_OPTIONS,
                host="127.0.0.1" if network is None else network.address(number, "front"),
                port=0 if network is None else NODE_PORT,
                launcher=() if network is None else network.launcher(number),
                environment=kept,
                measured=False,
            )
            for number in range(machines)
        ]
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            if self.nats is not None:
                stack.enter_context(self.nats)
            for node in self.nodes:
                stack.callback(node.kill)
                node.start()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Where clients reach the nodes."""
        return [
            (
                "127.0.0.1" if self._network is None else self._network.address(number, "front"),
                node.port,
            )
            for number, node in enumerate(self.nodes)
        ]

    @property
    def has_network(self) -> bool:
        """Whether machines can be cut off."""
        return self._network is not None

    @property
    def log(self) -> str:
        """What the nodes have said."""
        return "\n".join(f"--- node {number}\n{node.log}" for number, node in enumerate(self.nodes))

    async def leader(self, stream: str) -> int:
        """The NATS server that leads a stream now."""
        assert self.nats is not None, "a cluster"
        return await asyncio.to_thread(self.nats.wait_for_stream, stream)

    def kill_node(self, number: int) -> None:
        """`kill -9`."""
        self.nodes[number].kill()

    async def start_node(self, number: int) -> None:
        """Starts a node again, and waits until it can be reached."""
        await asyncio.to_thread(self.nodes[number].start)

    def kill_nats(self, number: int) -> None:
        """`kill -9`."""
        assert self.nats is not None, "a cluster"
        self.nats.kill(number)

    async def start_nats(self, number: int) -> None:
        """Starts a NATS server again, and waits until it can be reached."""
        assert self.nats is not None, "a cluster"
        await asyncio.to_thread(self.nats.restart, number)

    def pause_node(self, number: int) -> None:
        """SIGSTOP: its connections stay open, and nothing comes of them."""
        stand_still(self.nodes[number].pid)

    def resume_node(self, number: int) -> None:
        """SIGCONT."""
        os.kill(self.nodes[number].pid, signal.SIGCONT)

    async def cut_off(self, number: int, wires: tuple[Wire, ...], seconds: float) -> None:
        """Pulls a machine's wires for so long, and plugs them in again."""
        assert self._network is not None, "machines that can be cut off"
        now = asyncio.get_running_loop().time
        since = now()
        for wire in wires:
            self._network.pull(number, wire)
        try:
            await asyncio.sleep(seconds)  # this is the fault
        finally:
            for wire in wires:
                self._network.plug(number, wire)
            self.cuts.append(Cut(number, since, now()))


def _quarters(network: Network | None, number: int) -> Quarters:
    if network is None:
        return Quarters()
    return Quarters(
        network.address(number, "back"),
        network.address(number, "front"),
        network.launcher(number),
    )
