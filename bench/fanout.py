"""Measures fan-out: one room, many members, everything stored and synced to the disk.

    python -m bench.fanout [--rounds N] [--only NAME] [--json]

Starts `causerie serve` on a free port of the loopback with a new data folder, opens the members'
connections, and sends, either at a steady rate or with a fixed number of messages in flight (the
next is sent when one is acked). Prints for each load:

- deliveries a second: messages that reached members, all members together;
- CPU per delivery: the user and system time of the server's process (all its threads, from the
  operating system's accounting) divided by the deliveries, in microseconds;
- latency from the intended time of sending to the arrival at a member, sampled, in milliseconds;
- memory: the resident size of the server, and what a joined idle connection adds to it.

The generator only counts bytes and reads the content of a few members' messages. If it was busy for
more than 90 % of the time, its numbers are a lower bound of what the server can do, and it says so.
Absolute numbers depend on the machine; compare runs made side by side.
"""

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass

from bench.generator import Generator, Member, Server, running_server


@dataclass(frozen=True)
class Load:
    """One load: who is there and how much is said."""

    name: str
    members: int
    senders: int
    in_flight: int
    """Of all senders together; 0: a steady rate instead."""
    rate: float
    """Messages a second; 0: as fast as the acks allow."""
    seconds: float


LOADS = (
    Load("100 members, 100 messages/s", 100, 10, 0, 100.0, 5.0),
    Load("500 members, 64 in flight", 500, 64, 64, 0.0, 5.0),
    Load("1,000 members, 50 senders", 1000, 50, 50, 0.0, 5.0),
)


@dataclass(frozen=True)
class Result:
    """What one load has shown."""

    name: str
    deliveries_per_second: float
    cpu_us_per_delivery: float
    p50_ms: float
    p99_ms: float
    rss_mb: float
    rss_kb_per_connection: float
    generator_busy: float


def run(load: Load) -> Result:
    """Puts a server under one load."""
    with running_server() as server:
        empty = server.rss()
        members = [Member(number, server.port) for number in range(load.members)]
        generator = Generator(members)
        while generator.read(0.6):
            pass
        per_connection = (server.rss() - empty) / load.members
        senders = members[: load.senders]
        if load.in_flight:
            elapsed, cpu, busy = flat_out(load, generator, senders, server)
        else:
            elapsed, cpu, busy = steadily(load, generator, senders, server)
        latencies = sorted(generator.latencies)
        return Result(
            name=load.name,
            deliveries_per_second=generator.deliveries / elapsed,
            cpu_us_per_delivery=cpu / generator.deliveries * 1e6,
            p50_ms=latencies[len(latencies) // 2] / 1e6,
            p99_ms=latencies[len(latencies) * 99 // 100] / 1e6,
            rss_mb=server.rss() / 1e6,
            rss_kb_per_connection=per_connection / 1024,
            generator_busy=busy,
        )


def flat_out(
    load: Load, generator: Generator, senders: list[Member], server: Server
) -> tuple[float, float, float]:
    """Keeps a fixed number of messages in flight."""
    begun, cpu, own = time.monotonic(), server.cpu(), time.process_time()
    sent = 0
    for number in range(load.in_flight):
        senders[number % len(senders)].say(time.monotonic_ns())
        sent += 1
    while time.monotonic() - begun < load.seconds:
        for member in generator.read(1.0):
            member.say(time.monotonic_ns())
            sent += 1
    generator.settle(sent * load.members)
    elapsed = time.monotonic() - begun
    return elapsed, server.cpu() - cpu, (time.process_time() - own) / elapsed


def steadily(
    load: Load, generator: Generator, senders: list[Member], server: Server
) -> tuple[float, float, float]:
    """Sends at a steady rate. The latency counts from when a message should have been sent, so that
    a server that stalls cannot hide it by holding up the generator (coordinated omission).
    """
    begun, cpu, own = time.monotonic(), server.cpu(), time.process_time()
    begun_ns = time.monotonic_ns()
    total = int(load.rate * load.seconds)
    for number in range(total):
        intended = begun_ns + int(number / load.rate * 1e9)
        while (wait := (intended - time.monotonic_ns()) / 1e9) > 0:
            generator.read(wait)
        senders[number % len(senders)].say(intended)
    generator.settle(total * load.members)
    elapsed = time.monotonic() - begun
    return elapsed, server.cpu() - cpu, (time.process_time() - own) / elapsed


def main() -> None:
    """Runs the loads and prints what they have shown."""
    parser = argparse.ArgumentParser(description="Measures fan-out of causerie serve.")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", default="", help="loads whose name contains this")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    results: list[Result] = []
    chosen = [load for load in LOADS if arguments.only in load.name]
    for number in range(arguments.rounds):
        for load in chosen:
            if sys.stderr.isatty():
                print(f"\r\033[Kround {number + 1}: {load.name} …", end="", file=sys.stderr)
            results.append(run(load))
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    if arguments.json:
        print(json.dumps([asdict(result) for result in results], indent=2))
        return
    print(
        f"{'load':30} {'deliveries/s':>13} {'CPU µs each':>12} {'p50 ms':>8} {'p99 ms':>8}"
        f" {'RSS MB':>7} {'KB each':>8}"
    )
    for result in results:
        note = "  generator busy: a lower bound" if result.generator_busy > 0.9 else ""
        print(
            f"{result.name:30} {result.deliveries_per_second:13,.0f}"
            f" {result.cpu_us_per_delivery:12.2f} {result.p50_ms:8.1f} {result.p99_ms:8.1f}"
            f" {result.rss_mb:7.1f} {result.rss_kb_per_connection:8.1f}{note}"
        )


if __name__ == "__main__":
    main()
