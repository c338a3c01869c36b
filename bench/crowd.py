"""Measures what a crowd costs: many who join, many who are idle, many who do not read.

    python -m bench.crowd [--members N] [--stalled N]

Prints, each from a server process of its own, with everything stored and synced to the disk:

- joining: how fast N members join one room, the first and the last tenth of them compared (the cost
  of a join must not grow with the room), and the CPU that the announcements took;
- idle: what a joined connection adds to the server's resident memory, and the CPU of the server
  while nothing happens;
- stalled: the latency of 100 members with 100 messages a second, alone, and beside N who have
  stopped reading; and what each of those adds to the server's memory.
"""

import argparse
import contextlib
import socket
import time

from bench.generator import ROOM, Generator, Member, Server, running_server

ACTIVE = 100
RATE = 100.0
SECONDS = 8.0


def joining(count: int) -> None:
    """Has many join one room, one after the other."""
    with running_server() as server:
        empty, begun, cpu = server.rss(), time.monotonic(), server.cpu()
        times: list[float] = []
        members: list[Member] = []
        for number in range(count):
            asked = time.monotonic()
            members.append(Member(number, server.port))
            times.append(time.monotonic() - asked)
            if number % 250 == 249:
                drain(members)
        elapsed, cpu = time.monotonic() - begun, server.cpu() - cpu
        tenth = count // 10
        first, last = sum(times[:tenth]) / tenth, sum(times[-tenth:]) / tenth
        drain(members)
        each = (server.rss() - empty) / count
        idle_from, idle_cpu = time.monotonic(), server.cpu()
        generator = Generator(members)
        while time.monotonic() - idle_from < SECONDS:
            generator.read(0.5)
        idle = (server.cpu() - idle_cpu) / (time.monotonic() - idle_from)
        print(f"joining, {count:,} members of one room")
        print(f"  {count / elapsed:,.0f} joins/s, {cpu / count * 1e6:,.0f} µs of CPU each")
        print(f"  a join took {first * 1e3:.2f} ms at first, {last * 1e3:.2f} ms in the end")
        print(f"idle, {count:,} joined connections")
        print(f"  {each / 1024:.1f} KB each; the empty server {empty / 1e6:.0f} MB")
        print(f"  {idle * 100:.1f} % of a core, {idle / count * 1e6:.2f} µs a second each")
        for member in members:
            member.socket.close()


def drain(members: list[Member]) -> None:
    """Throws away what has come, as a reader does."""
    for member in members:
        with contextlib.suppress(BlockingIOError):
            while len(member.socket.recv(1 << 18)) == 1 << 18:
                pass


def stalled(count: int) -> None:
    """Compares the latency of those who read without and with many who do not."""
    alone, _, _ = latencies(0)
    beside, grown, finished = latencies(count)
    print(f"stalled, {ACTIVE} members at {RATE:.0f} messages/s beside {count:,} who do not read")
    print(f"  p50 {alone[0]:.1f} ms alone, {beside[0]:.1f} ms beside them")
    ratio = beside[1] / alone[1]
    print(f"  p99 {alone[1]:.1f} ms alone, {beside[1]:.1f} ms beside them: {ratio:.2f} ×")
    print(f"  {grown / 1024:.1f} KB each; {finished:,} of {count:,} caught up without a hole")


def latencies(stalled_members: int) -> tuple[tuple[float, float], float, int]:
    """The p50 and p99 in ms, bytes for each stalled member, and how many of them caught up."""
    with running_server() as server:
        active = [Member(number, server.port) for number in range(ACTIVE)]
        idle = [
            Member(ACTIVE + number, server.port, receive_buffer=4096)
            for number in range(stalled_members)
        ]
        generator = Generator(active)
        before = server.rss()
        # What the system holds for those who do not read is filled first.
        filler = active[0]
        for number in range(400 if stalled_members else 0):
            filler.command(
                {"type": "message", "room": ROOM, "id": f"fill-{number}", "content": "x" * 900}
            )
            generator.read(0.01)
        while generator.read(1.0):
            pass
        generator.latencies.clear()
        begun = time.monotonic_ns()
        total = int(RATE * SECONDS)
        for number in range(total):
            intended = begun + int(number / RATE * 1e9)
            while (wait := (intended - time.monotonic_ns()) / 1e9) > 0:
                generator.read(wait)
            active[number % ACTIVE].say(intended)
        while generator.read(1.0):
            pass
        found = sorted(generator.latencies)
        grown = (server.rss() - before) / max(1, stalled_members)
        finished = catch_up(server, idle, (400 + total) if idle else 0)
        p50, p99 = found[len(found) // 2] / 1e6, found[len(found) * 99 // 100] / 1e6
        return (p50, p99), grown, finished


def catch_up(server: Server, members: list[Member], entries: int) -> int:
    """Has the stalled read again; answers how many were given every entry."""
    del server
    if not members:
        return 0
    for member in members:
        member.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 18)
    generator = Generator(members)
    generator.settle(entries * len(members))
    return sum(count == entries for count in generator.by_member.values())


def main() -> None:
    """Runs all three."""
    parser = argparse.ArgumentParser(description="Measures what a crowd costs causerie serve.")
    parser.add_argument("--members", type=int, default=10_000)
    parser.add_argument("--stalled", type=int, default=1_000)
    arguments = parser.parse_args()
    joining(arguments.members)
    stalled(arguments.stalled)


if __name__ == "__main__":
    main()
