"""The cluster in memory: what is late, cut off or killed, and what comes of it."""

from collections.abc import Callable
from random import Random

from tests.server.support import V1, Plain, key_of, v1

from causerie.ports import Failed, Head
from causerie.testing.memory_cluster import LEASE, MemoryCluster
from causerie.wire.codes import CloseCode


def people(cluster: MemoryCluster, *names: str) -> list[V1]:
    """Puts each of them into the lobby, on a node of its own."""
    clients = [
        v1(node, name, "lobby", key=key_of(name))
        for node, name in zip(cluster.nodes, names, strict=True)
    ]
    for client in clients:
        client.take()
    return clients


def send(client: V1, *contents: str) -> None:
    """Says something; nothing happens until the cluster runs."""
    for content in contents:
        client.send("message", room="lobby", content=content, id=content)


def test_what_is_said_on_one_node_is_shown_on_all() -> None:
    cluster = MemoryCluster(3)
    alice, bob, carol = people(cluster, "Alice", "Bob", "Carol")
    send(alice, "hello")
    cluster.run()
    assert alice.contents() == bob.contents() == carol.contents() == ["hello"]


def test_what_is_said_on_two_nodes_at_once_comes_in_the_same_order_to_all() -> None:
    for seed in range(30):
        cluster = MemoryCluster(2, chance=Random(seed))
        alice, bob = people(cluster, "Alice", "Bob")
        for number in range(5):
            send(alice, f"a{number}")
            send(bob, f"b{number}")
        cluster.run()
        shown = alice.contents()
        assert len(shown) == 10
        assert bob.contents() == shown
        assert [one.content for one in cluster.store.rooms["lobby"]] == shown


def test_news_comes_late_each_room_in_its_order() -> None:
    cluster = MemoryCluster(2)
    alice, bob = people(cluster, "Alice", "Bob")
    cluster.be_late(is_late=True)
    send(alice, "1", "2")
    cluster.run()
    assert bob.contents() == []
    cluster.deliver(100)
    cluster.run()
    assert bob.contents() == alice.contents() == ["1", "2"]


def test_a_private_message_reaches_who_is_on_another_node_and_all_devices_of_both() -> None:
    cluster = MemoryCluster(3)
    alice, bob, again = people(cluster, "Alice", "Bob", "Alice")
    bob.tell("Alice", "psst")
    cluster.run()
    alice.tell("Bob", "what?")
    cluster.run()
    assert alice.contents() == bob.contents() == again.contents() == ["psst", "what?"]


def test_a_plain_client_is_shown_what_it_says_to_somebody_on_another_node() -> None:
    cluster = MemoryCluster(2)
    alice = v1(cluster.nodes[0], "Alice", key=key_of("Alice"))
    bob = Plain(cluster.nodes[1])
    bob.join("Bob")
    bob.send("private", to="Alice", content="psst")
    assert bob.contents() == alice.contents() == ["psst"]


def test_who_has_gone_is_written_to_and_nobody_is_told_on_the_node_where_it_was() -> None:
    cluster = MemoryCluster(2)
    alice, bob = people(cluster, "Alice", "Bob")
    send(alice, "hello")
    cluster.run()
    alice.socket.hang_up(1000)
    cluster.advance(60.0)
    bob.tell("Alice", "psst")
    cluster.run()
    assert len(cluster.nodes[0].hub.rooms) == 0
    assert len(cluster.nodes[0].hub.sessions) == 0


def test_a_node_that_is_cut_off_goes_on_when_it_is_connected_again() -> None:
    cluster = MemoryCluster(2)
    alice, bob = people(cluster, "Alice", "Bob")
    cluster.cut_off(cluster.nodes[0])
    send(alice, "cut off")
    send(bob, "hello")
    cluster.advance(10.0)
    assert alice.contents() == []
    assert bob.contents() == ["hello"]
    cluster.heal(cluster.nodes[0])
    cluster.run()
    assert alice.contents() == ["hello", "cut off"]
    assert bob.contents() == ["cut off"]
    cluster.heal(cluster.nodes[0])


def test_a_killed_node_says_nothing_more_and_what_it_stored_stays() -> None:
    cluster = MemoryCluster(2)
    alice, bob = people(cluster, "Alice", "Bob")
    send(alice, "stored")
    cluster.run()
    send(alice, "lost")
    cluster.nodes[0].die()
    cluster.run()
    assert bob.contents() == ["stored"]
    fresh = cluster.start()
    cluster.run()
    back = v1(fresh, "Alice", key=key_of("Alice"))
    back.join(limit=10)
    assert back.contents() == ["stored"]


def test_a_borrowed_name_is_free_when_the_lease_of_its_node_is_over() -> None:
    cluster = MemoryCluster(2)
    v1(cluster.nodes[0], "Bob")
    holder = cluster.names.find("another", "bob", now=cluster.clock.wall())
    assert holder is not None
    assert holder.node == cluster.nodes[0].id
    cluster.nodes[0].die()
    cluster.advance(LEASE - 0.1)
    assert cluster.names.find("another", "bob", now=cluster.clock.wall()) is not None
    cluster.advance(0.1)
    assert cluster.names.find("another", "bob", now=cluster.clock.wall()) is None


def test_who_cannot_be_shown_what_another_node_stored_has_to_come_back() -> None:
    cluster = MemoryCluster(2)
    alice, bob = people(cluster, "Alice", "Bob")
    far = cluster.nodes[1].hub
    watch = far.log.watch

    def fail(room: str, done: Callable[[Head | Failed], None]) -> None:
        far.log.watch = watch  # type: ignore[method-assign]
        cluster.nodes[1].later(lambda: done(Failed("the disk has gone")))

    far.log.watch = fail  # type: ignore[method-assign]
    alice.tell("Bob", "psst")
    assert bob.socket.close_code == CloseCode.INTERNAL_ERROR
    back = v1(cluster.nodes[1], "Bob", key=key_of("Bob"))
    (room,) = back.ask("rooms")["rooms"]
    back.join(room["room"], limit=10)
    assert back.contents() == ["psst"]
    assert alice.contents() == ["psst"]


def test_a_fault_in_showing_it_ends_those_whom_it_is_for_and_nobody_else() -> None:
    cluster = MemoryCluster(2)
    alice, bob = people(cluster, "Alice", "Bob")
    carol = v1(cluster.nodes[1], "Carol", "lobby")
    rooms = cluster.nodes[1].hub.rooms

    def fail(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    rooms.overhear = fail  # type: ignore[assignment,method-assign]
    alice.tell("Bob", "psst")
    assert bob.socket.close_code == CloseCode.INTERNAL_ERROR
    assert carol.socket.is_open
    alice.say("hello")
    assert carol.contents() == ["hello"]
