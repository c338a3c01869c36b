"""Names and those who hold them, on whichever node: as on one."""

from random import Random

from tests.server.support import V1, Plain, key_of, plain, v1

from causerie.chat.identity import key_identity
from causerie.server.neighbours import BEAT_EVERY, OF_LATE
from causerie.server.settings import HubSettings
from causerie.testing.memory_cluster import LEASE, MemoryCluster
from causerie.wire.codes import CloseCode


def cluster_of(count: int = 2) -> MemoryCluster:
    return MemoryCluster(count, settings=HubSettings(rate=0.0), chance=Random(1))


def claim(client: V1, name: str, key: str | None = None) -> None:
    """Asks for a name; nothing happens until the cluster runs."""
    fields = {"key": key} if key is not None else {}
    client.send("hello", username=name, id="h", **fields)


# Who holds a name on another node, and does not keep it.


def test_the_name_of_who_is_in_its_grace_on_another_node_is_free_at_once() -> None:
    cluster = cluster_of()
    bob = v1(cluster.nodes[0], "Bob", "lobby")
    bob.cut()
    other = V1(cluster.nodes[1])
    assert other.hello("Bob")["username"] == "Bob"
    assert cluster.nodes[0].hub.sessions.of(bob.connection.session.identity) is None  # type: ignore[union-attr]


def test_who_comes_under_the_same_name_on_another_node_is_taken_for_who_was_cut_off() -> None:
    cluster = cluster_of(3)
    alice = v1(cluster.nodes[2], "Alice", "lobby")
    bob = v1(cluster.nodes[0], "Bob", "lobby")
    cluster.advance(1.0)
    alice.take()
    bob.cut()
    v1(cluster.nodes[1], "Bob", "lobby")
    cluster.advance(60.0)
    assert alice.take("presence") == []
    assert alice.ask("members", room="lobby")["names"] == ["Alice", "Bob"]


def test_who_has_a_key_and_comes_under_that_name_is_somebody_else() -> None:
    cluster = cluster_of(3)
    alice = v1(cluster.nodes[2], "Alice", "lobby")
    bob = v1(cluster.nodes[0], "Bob", "lobby")
    cluster.advance(1.0)
    alice.take()
    bob.cut()
    v1(cluster.nodes[1], "Bob", key=key_of("Bob"))
    cluster.advance(1.0)
    assert [frame["left"] for frame in alice.take("presence")] == [["Bob"]]


def test_who_was_heard_of_a_moment_ago_on_another_node_keeps_the_name() -> None:
    cluster = cluster_of()
    v1(cluster.nodes[0], "Bob")
    answer = V1(cluster.nodes[1]).hello("Bob")
    assert (answer["code"], answer["field"]) == ("name_taken", "username")


def test_who_is_silent_on_another_node_is_probed_and_keeps_the_name_if_it_answers() -> None:
    cluster = cluster_of()
    bob = v1(cluster.nodes[0], "Bob")
    cluster.advance(10.0)
    assert V1(cluster.nodes[1]).hello("Bob")["code"] == "name_taken"
    assert bob.socket.is_open


def test_who_is_silent_on_another_node_and_does_not_answer_loses_the_name() -> None:
    cluster = cluster_of()
    bob = v1(cluster.nodes[0], "Bob")
    bob.socket.answers_pings = False
    cluster.advance(10.0)
    other, third = V1(cluster.nodes[1]), V1(cluster.nodes[0])
    claim(other, "Bob")
    cluster.run()
    claim(third, "Bob")
    cluster.advance(4.9)
    assert other.arrived() == []
    cluster.advance(1.0)
    assert bob.socket.close_code == CloseCode.NAME_LOST
    answers = [other.only(), third.only()]
    assert sorted(answer["type"] for answer in answers) == ["error", "welcome"]


def test_a_name_on_a_node_that_was_killed_is_taken_until_its_lease_is_over() -> None:
    cluster = cluster_of()
    v1(cluster.nodes[0], "Bob")
    cluster.nodes[0].die()
    early, late = V1(cluster.nodes[0]), V1(cluster.nodes[0])
    claim(early, "Bob")
    cluster.advance(LEASE - 5.0)
    assert early.only()["code"] == "name_taken"
    claim(late, "Bob")
    cluster.advance(6.5)
    assert late.only()["username"] == "Bob"


def test_a_node_that_knows_nothing_of_the_holder_lets_the_name_go() -> None:
    cluster = cluster_of()
    bob = v1(cluster.nodes[0], "Bob")
    session = bob.connection.session
    assert session is not None
    del cluster.nodes[0].hub.sessions._by_identity[session.identity]
    assert V1(cluster.nodes[1]).hello("Bob")["type"] == "welcome"


# Whom a private message can reach.


def test_who_has_no_key_and_is_connected_to_another_node_can_be_written_to() -> None:
    cluster = cluster_of()
    alice, bob = v1(cluster.nodes[0], "Alice"), plain(cluster.nodes[1], "Bob")
    assert alice.tell("Bob", "psst")["type"] == "ack"
    bob.send("private", to="Alice", content="what?")
    cluster.run()
    assert alice.contents() == bob.contents() == ["psst", "what?"]


def test_who_has_no_key_and_is_in_its_grace_on_another_node_cannot() -> None:
    cluster = cluster_of()
    alice, bob = v1(cluster.nodes[0], "Alice"), plain(cluster.nodes[1], "Bob")
    bob.cut()
    assert alice.tell("Bob", "psst")["code"] == "recipient_unknown"


def test_who_has_no_key_and_was_on_a_node_that_was_killed_cannot() -> None:
    cluster = cluster_of()
    alice = v1(cluster.nodes[0], "Alice")
    plain(cluster.nodes[1], "Bob")
    cluster.nodes[1].die()
    alice.send("private", to="Bob", content="psst", id="p")
    alice.send("ping", id="behind")
    cluster.advance(0.9)
    assert alice.arrived() == []
    cluster.advance(0.2)
    assert [frame.get("code", frame["type"]) for frame in alice.take()] == [
        "recipient_unknown",
        "pong",
    ]


def test_who_goes_before_it_is_known_whether_the_other_can_be_reached_says_nothing() -> None:
    cluster = cluster_of()
    alice = v1(cluster.nodes[0], "Alice")
    bob = plain(cluster.nodes[1], "Bob")
    cluster.be_late(is_late=True)
    alice.send("private", to="Bob", content="psst")
    cluster.run()
    alice.cut()
    cluster.be_late(is_late=False)
    cluster.run()
    assert bob.contents() == []


# One identity on several nodes.


def test_a_rename_on_one_node_holds_on_all_devices_and_is_told_once() -> None:
    cluster = cluster_of(3)
    bob = v1(cluster.nodes[2], "Bob", "lobby")
    phone = v1(cluster.nodes[0], "Alice", "lobby", key=key_of("Alice"))
    laptop = v1(cluster.nodes[1], "Alice", "lobby", key=key_of("Alice"))
    cluster.advance(1.0)
    bob.take(), laptop.take()
    assert phone.hello("Alicia", key=key_of("Alice"))["username"] == "Alicia"
    assert laptop.only("welcome")["username"] == "Alicia"
    cluster.advance(1.0)
    told = [(frame["left"], frame["joined"]) for frame in bob.take("presence")]
    assert told == [(["Alice"], ["Alicia"])]
    laptop.say("hello")
    assert bob.only("message")["username"] == "Alicia"
    phone.quit()
    laptop.quit()
    cluster.advance(1.0)
    assert [frame["left"] for frame in bob.take("presence")] == [["Alicia"]]
    assert v1(cluster.nodes[2], "Alice").connection.display == "Alice"


def test_who_comes_under_another_name_on_one_node_goes_by_it_on_all() -> None:
    cluster = cluster_of()
    phone = v1(cluster.nodes[0], "Alice", key=key_of("Alice"))
    v1(cluster.nodes[1], "Alicia", key=key_of("Alice"))
    assert phone.only("welcome")["username"] == "Alicia"


def test_a_plain_rename_is_told_in_the_words_of_system_on_another_node() -> None:
    cluster = cluster_of()
    dan, erin = plain(cluster.nodes[0], "Dan"), Plain(cluster.nodes[1])
    erin.join("Erin")
    cluster.advance(1.0)
    dan.take()
    erin.join("Eve")
    cluster.advance(1.0)
    assert dan.words() == ["Erin is now known as Eve"]


def test_a_name_that_is_kept_because_of_what_was_said_on_one_node_is_kept_on_all() -> None:
    cluster = cluster_of()
    phone = v1(cluster.nodes[0], "Alice", "lobby", key=key_of("Alice"))
    v1(cluster.nodes[1], "Alice", key=key_of("Alice"))
    far = cluster.nodes[1].hub.sessions.of(key_identity(key_of("Alice")))
    assert far is not None
    kept = [far.kept]
    phone.say("hello")
    cluster.run()
    kept.append(far.kept)
    assert kept == [False, True]


def test_a_name_is_free_when_the_last_of_its_devices_has_gone_from_the_last_node() -> None:
    cluster = cluster_of()
    phone = v1(cluster.nodes[0], "Alice", key=key_of("Alice"))
    laptop = v1(cluster.nodes[1], "Alice", key=key_of("Alice"))
    phone.quit()
    assert V1(cluster.nodes[0]).hello("Alice")["code"] == "name_taken"
    laptop.quit()
    assert V1(cluster.nodes[0]).hello("Alice")["type"] == "welcome"


def test_who_goes_while_its_name_is_looked_up_anew_leaves_no_session_behind() -> None:
    cluster = cluster_of()
    phone = v1(cluster.nodes[0], "Alice", key=key_of("Alice"))
    near, far = cluster.nodes
    identity = key_identity(key_of("Alice"))
    near.hub.sessions.named_elsewhere(identity, "Alicia", kept=False)
    phone.connection.closed(1000)
    cluster.run()
    near.hub.sessions.named_elsewhere(identity, "Alicia", kept=False)
    cluster.run()
    assert len(near.hub.sessions) == 0
    assert v1(far, "Alice").connection.display == "Alice"


def test_a_name_that_was_taken_while_its_node_was_cut_off_is_lost_to_its_holder() -> None:
    cluster = cluster_of(3)
    near, far, third = cluster.nodes
    alice = v1(third, "Alice", "lobby")
    bob, carol = v1(near, "Bob", "lobby"), v1(near, "Carol", "lobby")
    rival = V1(near)
    cluster.cut_off(near)
    cluster.advance(LEASE + 1.0)
    heir = v1(far, "Bob", "lobby", key=key_of("Bob"))
    claim(rival, "Bob")
    cluster.heal(near)
    cluster.advance(7.0)
    assert bob.socket.close_code == CloseCode.NAME_LOST
    assert rival.arrived("welcome") == []
    assert carol.socket.is_open
    assert V1(far).hello("Carol")["code"] == "name_taken"
    assert heir.socket.is_open
    cluster.advance(20.0)
    assert alice.ask("members", room="lobby")["names"] == ["Alice", "Bob", "Carol"]
    heir.quit()
    cluster.advance(1.0)
    assert alice.ask("members", room="lobby")["names"] == ["Alice", "Carol"]


def test_a_rename_that_was_missed_is_made_up_for_when_the_node_is_connected_again() -> None:
    cluster = cluster_of()
    near, far = cluster.nodes
    phone = v1(near, "Alice", "lobby", key=key_of("Alice"))
    laptop = v1(far, "Alice", "lobby", key=key_of("Alice"))
    cluster.cut_off(near)
    laptop.hello("Alicia", key=key_of("Alice"))
    cluster.advance(5.0)
    assert phone.take("welcome") == []
    cluster.heal(near)
    assert phone.only("welcome")["username"] == "Alicia"
    assert phone.ask("members", room="lobby")["names"] == ["Alicia"]


def test_a_rename_whose_news_is_lost_is_told_again() -> None:
    cluster = cluster_of()
    phone = v1(cluster.nodes[0], "Alice", key=key_of("Alice"))
    laptop = v1(cluster.nodes[1], "Alice", key=key_of("Alice"))
    cluster.broker.lose(1)
    phone.hello("Alicia", key=key_of("Alice"))
    assert laptop.take("welcome") == []
    cluster.advance(BEAT_EVERY)
    assert laptop.only("welcome")["username"] == "Alicia"
    cluster.advance(OF_LATE + BEAT_EVERY)
    assert laptop.take("welcome") == []
    calls = cluster.nodes[0].hub.sessions.calls
    assert calls is not None
    assert not calls._of_late


def test_what_is_no_message_is_passed_over() -> None:
    cluster = cluster_of(1)
    stranger = cluster.broker.join("f" * 16)
    for topic in (f"names.{cluster.nodes[0].id}", "identities"):
        stranger.publish(topic, b"{}")
    stranger.publish(f"names.{cluster.nodes[0].id}", b'{"type":"said","number":9,"yes":true}')
    cluster.run()
    assert v1(cluster.nodes[0], "Alice").connection.display == "Alice"
