"""Measures what streams of NATS carry: one, and several among which rooms are divided.

    python -m bench.streams [--rounds N] [--seconds N]

Writers store messages as nodes do, in batches of 256, of which each writer has one on its way to
each stream; three NATS servers keep three replicas, and every write is synced before it is
acknowledged. Each stream is led by another server. Prints a table, in Markdown, of medians: how
many messages a second, and the CPU that each server uses for one, that which uses most first.

Where all servers share a few cores the rate says little. What a cluster carries whose servers have
machines of their own, the CPU of the busiest of them says.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from tests.support.nats import SIZE, NatsCluster

from causerie.adapters.jetstream_entries import encode_entry
from causerie.adapters.jetstream_link import Link
from causerie.adapters.jetstream_stream import Stream
from causerie.adapters.jetstream_streams import open_streams, partition
from causerie.adapters.jetstream_stroke import Part, store_all
from causerie.adapters.jetstream_subjects import message_id
from causerie.bench.target import Target
from causerie.testing.contracts import draft

STREAMS: Final = (1, 3)
WRITERS: Final = 2
BATCH: Final = 256
ROOMS: Final = 2_000
WITHIN: Final = 20.0
"""Seconds in which NATS has answered."""
WARM: Final = 1.0
"""Seconds before anything is measured."""


class Taken(NamedTuple):
    """What one run has shown."""

    rate: float
    """Messages a second."""
    cpu: Sequence[float]
    """Of each server, microseconds for a message of all that were stored; the greatest first."""


async def run(cluster: NatsCluster, count: int, seconds: float, prefix: str) -> Taken:
    """Writes into so many streams for so long."""
    links = [Link(cluster.urls, name="causerie-bench") for _ in range(WRITERS)]
    for link in links:
        await link.open(WITHIN)
    opened = await open_streams(links[0], prefix, count=count, replicas=SIZE, window=120.0)
    streams = [stream for stream, _ in opened]
    for number, stream in enumerate(streams):
        await lead(links[0], stream, cluster, number)
    stored, is_over = 0, False

    async def write(link: Link, writer: int, which: int) -> None:
        nonlocal stored
        subjects = streams[which].subjects
        rooms = [room for room in map(str, range(ROOMS)) if partition(room, count) == which]
        number = 0
        while not is_over:
            parts = []
            for _ in range(BATCH):
                number += 1
                said = draft(
                    f"{writer} {number}", room=rooms[number % len(rooms)], content="x" * 60
                )
                known_as = message_id(said.identity, f"{which} {said.id}")
                payload = encode_entry(said, time.time_ns() // 1_000)
                parts.append(Part(subjects.entry(said.room), payload, {"Nats-Msg-Id": known_as}))
            ack = await store_all(link, parts, within=WITHIN)
            assert ack.error is None, ack
            stored += BATCH

    writing = [
        asyncio.create_task(write(link, writer, which))
        for writer, link in enumerate(links)
        for which in range(count)
    ]
    targets = [
        Target(server.name, ("127.0.0.1", server.port), server.pid) for server in cluster.servers
    ]
    await asyncio.sleep(WARM)
    begun, before, used = time.monotonic(), stored, [target.use().cpu for target in targets]
    await asyncio.sleep(seconds)
    lasted, many = time.monotonic() - begun, stored - before
    cpu = [target.use().cpu - was for target, was in zip(targets, used, strict=True)]
    is_over = True
    await asyncio.gather(*writing)
    for link in links:
        await link.close()
    return Taken(many / lasted, sorted((one / many * 1e6 for one in cpu), reverse=True))


async def lead(link: Link, stream: Stream, cluster: NatsCluster, number: int) -> None:
    """Has a server lead a stream."""
    name, wanted = stream.subjects.stream, cluster.servers[number].name
    deadline = time.monotonic() + WITHIN
    while await asyncio.to_thread(cluster.wait_for_stream, name) != number:
        assert time.monotonic() < deadline, f"{wanted} does not come to lead {name}"
        request = json.dumps({"placement": {"preferred": wanted}}).encode()
        await link.request(f"$JS.API.STREAM.LEADER.STEPDOWN.{name}", request, within=WITHIN)
        await asyncio.sleep(0.5)


def main() -> None:
    """Runs everything, and prints what it has shown."""
    parser = argparse.ArgumentParser(description="Measures what streams of NATS carry.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0)
    arguments = parser.parse_args()
    taken: dict[int, list[Taken]] = {count: [] for count in STREAMS}
    for number in range(arguments.rounds):
        for count, all_of_it in taken.items():
            with (
                TemporaryDirectory(prefix="causerie-bench-") as folder,
                NatsCluster(Path(folder)) as cluster,
            ):
                all_of_it.append(
                    asyncio.run(run(cluster, count, arguments.seconds, f"bench{number}"))
                )
    print("| streams | messages a second | CPU µs of each server for a message |")
    print("|---:|---:|---|")
    for count, all_of_it in taken.items():
        rate = median(one.rate for one in all_of_it)
        each = [median(one.cpu[place] for one in all_of_it) for place in range(SIZE)]
        print(f"| {count} | {rate:,.0f} | {', '.join(f'{cpu:.1f}' for cpu in each)} |")


if __name__ == "__main__":
    main()
