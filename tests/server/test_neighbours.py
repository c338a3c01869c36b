"""Who is in a room on whichever node, and who types: told as on one node, and nobody twice."""

from random import Random
from typing import Any

import pytest
from tests.server.support import V1, Plain, key_of, plain, v1

from causerie.chat.presence import TOLD_UP_TO
from causerie.server.neighbours import BEAT_EVERY, LEASE, MOURNED_FOR, NAMES_A_MESSAGE, OF_LATE
from causerie.server.settings import HubSettings
from causerie.testing.memory_cluster import MemoryCluster, MemoryNode

UNLIMITED = HubSettings(rate=0.0)


def cluster_of(count: int, seed: int | None = None) -> MemoryCluster:
    chance = None if seed is None else Random(seed)
    return MemoryCluster(count, settings=UNLIMITED, chance=chance)


def person(node: MemoryNode, name: str, *rooms: str) -> V1:
    return v1(node, name, *(rooms or ["lobby"]), key=key_of(name))


def members(client: V1, room: str = "lobby") -> tuple[int, list[str]]:
    page = client.ask("members", room=room)
    return page["members"], page["names"]


def presence(client: V1) -> list[dict[str, Any]]:
    return [
        {key: frame.get(key) or [] for key in ("members", "joined", "left")}
        for frame in client.arrived("presence")
    ]


def test_who_joins_is_told_everybody_who_is_in_the_room_on_whichever_node() -> None:
    cluster = cluster_of(3)
    person(cluster.nodes[0], "Alice")
    person(cluster.nodes[1], "Bob")
    carol = V1(cluster.nodes[2])
    carol.hello("Carol")
    joined = carol.join("lobby")
    assert joined["members"] == 3
    assert sorted(joined["names"]) == ["Alice", "Bob", "Carol"]
    assert members(carol) == (3, ["Alice", "Bob", "Carol"])


def test_coming_and_going_is_announced_on_all_nodes_once() -> None:
    cluster = cluster_of(3)
    alice = person(cluster.nodes[0], "Alice")
    bob = person(cluster.nodes[1], "Bob")
    cluster.advance(1.0)
    alice.take()
    carol = person(cluster.nodes[2], "Carol")
    cluster.advance(1.0)
    assert presence(alice) == [{"members": 3, "joined": ["Carol"], "left": []}]
    carol.quit()
    cluster.advance(1.0)
    assert presence(alice) == [{"members": 2, "joined": [], "left": ["Carol"]}]
    bob.ask("leave", room="lobby")
    cluster.advance(1.0)
    assert presence(alice) == [{"members": 1, "joined": [], "left": ["Bob"]}]


def test_a_plain_client_hears_of_people_on_other_nodes_from_system() -> None:
    cluster = cluster_of(2)
    dan = plain(cluster.nodes[0], "Dan")
    erin = plain(cluster.nodes[1], "Erin")
    cluster.advance(1.0)
    assert dan.words() == ["Erin has joined the chat"]
    erin.quit()
    cluster.advance(1.0)
    assert dan.words() == ["Erin has left the chat"]


def test_one_person_with_devices_on_two_nodes_is_one_member_and_leaves_once() -> None:
    cluster = cluster_of(3)
    bob = person(cluster.nodes[2], "Bob")
    phone = person(cluster.nodes[0], "Alice")
    laptop = person(cluster.nodes[1], "Alice")
    cluster.advance(1.0)
    assert presence(bob) == [{"members": 2, "joined": ["Alice"], "left": []}]
    assert members(laptop) == (2, ["Alice", "Bob"])
    phone.quit()
    cluster.advance(1.0)
    assert presence(bob) == []
    laptop.quit()
    cluster.advance(1.0)
    assert presence(bob) == [{"members": 1, "joined": [], "left": ["Alice"]}]


def test_who_is_cut_off_has_the_grace_to_come_back_on_another_node() -> None:
    cluster = cluster_of(3)
    bob = person(cluster.nodes[2], "Bob")
    alice = person(cluster.nodes[0], "Alice")
    cluster.advance(1.0)
    bob.take()
    alice.cut()
    cluster.advance(10.0)
    again = person(cluster.nodes[1], "Alice")
    cluster.advance(30.0)
    assert presence(bob) == []
    again.cut()
    cluster.advance(14.0)
    assert presence(bob) == []
    cluster.advance(2.0)
    assert presence(bob) == [{"members": 1, "joined": [], "left": ["Alice"]}]


def test_those_on_a_killed_node_are_gone_in_twenty_seconds_and_who_moved_is_not() -> None:
    cluster = cluster_of(3)
    bob = person(cluster.nodes[0], "Bob")
    person(cluster.nodes[1], "Alice")
    person(cluster.nodes[1], "Carol")
    cluster.advance(7.0)
    bob.take()
    cluster.nodes[1].die()
    back = V1(cluster.nodes[1])
    back.hello("Alice", key=key_of("Alice"))
    back.send("join", room="lobby")
    cluster.advance(LEASE - BEAT_EVERY - 0.1)
    assert presence(bob) == []
    cluster.advance(BEAT_EVERY + 0.2)
    assert presence(bob) == [{"members": 2, "joined": [], "left": ["Carol"]}]
    assert members(bob) == (2, ["Alice", "Bob"])


def test_a_node_that_is_cut_off_for_long_takes_its_people_along_and_brings_them_back() -> None:
    cluster = cluster_of(2)
    near, far = cluster.nodes
    bob, alice = person(near, "Bob"), person(far, "Alice")
    cluster.advance(1.0)
    bob.take(), alice.take()
    cluster.cut_off(far)
    cluster.advance(LEASE + OF_LATE)
    assert presence(bob) == [{"members": 1, "joined": [], "left": ["Alice"]}]
    cluster.heal(far)
    cluster.advance(1.0)
    assert presence(bob) == [{"members": 2, "joined": ["Alice"], "left": []}]
    alice.arrived()
    assert members(alice) == members(bob) == (2, ["Alice", "Bob"])


def test_who_left_while_a_node_was_cut_off_is_not_brought_back_to_leave_once_more() -> None:
    cluster = cluster_of(2)
    near, far = cluster.nodes
    bob, alice = person(near, "Bob"), person(far, "Alice")
    gone, back = person(far, "Gone"), person(far, "Back")
    cluster.advance(1.0)
    bob.take(), alice.take()
    cluster.cut_off(far)
    cluster.advance(LEASE - 3.0)
    gone.cut()
    back.cut()
    cluster.advance(5.0)
    assert presence(bob) == [{"members": 1, "joined": [], "left": ["Alice", "Gone", "Back"]}]
    cluster.heal(far)
    cluster.advance(2.0)
    assert presence(bob) == [{"members": 2, "joined": ["Alice"], "left": []}]
    person(far, "Back")
    cluster.advance(2 * LEASE)
    assert presence(bob) == [{"members": 3, "joined": ["Back"], "left": []}]
    assert [frame["left"] for frame in presence(alice) if frame["left"]] == [["Bob"], ["Gone"]]
    assert members(alice) == members(bob) == (3, ["Alice", "Back", "Bob"])


def test_of_the_nodes_that_have_ever_died_those_are_remembered_that_may_be_back() -> None:
    cluster = cluster_of(1)
    neighbours = cluster.nodes[0].hub.rooms.neighbours
    assert neighbours is not None
    died = []
    for _ in range(6):
        died.append(cluster.start())
        cluster.run()
        died[-1].die()
        cluster.advance(MOURNED_FOR / 4)
    assert [died[-3].id, died[-2].id, died[-1].id] == list(neighbours._mourned)[-3:]
    assert len(neighbours._mourned) <= 4
    cluster.advance(MOURNED_FOR)
    assert not neighbours._mourned


def test_a_short_cut_is_not_noticed_and_what_changed_meanwhile_is_told() -> None:
    cluster = cluster_of(2)
    near, far = cluster.nodes
    bob, alice = person(near, "Bob"), person(far, "Alice")
    gone = person(near, "Gone")
    cluster.advance(1.0)
    bob.take(), alice.take()
    cluster.cut_off(far)
    gone.quit()
    cluster.advance(3.0)
    cluster.heal(far)
    cluster.advance(1.0)
    assert [change["left"] for change in presence(alice)] == [["Gone"]]
    assert members(alice) == members(bob) == (2, ["Alice", "Bob"])


@pytest.mark.parametrize("lost", [1, 2, 3, 5])
def test_a_lost_signal_is_made_up_for_by_the_next_beats(lost: int) -> None:
    cluster = cluster_of(3)
    bob, alice = person(cluster.nodes[0], "Bob"), person(cluster.nodes[1], "Alice")
    cluster.advance(1.0)
    cluster.broker.lose(lost)
    carol = V1(cluster.nodes[2])
    carol.hello("Carol")
    carol.send("join", room="lobby")
    alice.ask("leave", room="lobby")
    cluster.advance(2 * BEAT_EVERY + 2.0)
    assert members(bob) == members(carol) == (2, ["Bob", "Carol"])


def test_a_room_is_opened_without_those_who_do_not_say_who_is_in_it() -> None:
    cluster = cluster_of(2)
    person(cluster.nodes[0], "Alice")
    bob = V1(cluster.nodes[1])
    bob.hello("Bob")
    cluster.nodes[0].die()
    bob.send("join", room="lobby", id="j")
    cluster.advance(0.9)
    assert bob.arrived("joined") == []
    cluster.advance(0.2)
    assert bob.only("joined")["members"] == 1


def test_a_node_that_dies_while_a_room_waits_for_it_is_waited_for_no_longer() -> None:
    cluster = cluster_of(2)
    cluster.nodes[0].die()
    cluster.advance(LEASE - 5.5)
    bob = V1(cluster.nodes[0])
    bob.hello("Bob")
    cluster.advance(5.0)
    bob.send("join", room="lobby", id="j")
    cluster.advance(0.6)
    assert bob.only("joined")["members"] == 1


def test_a_large_room_is_told_between_nodes_in_parts() -> None:
    cluster = cluster_of(2)
    size = NAMES_A_MESSAGE * 2 + 7
    crowd = [V1(cluster.nodes[0]) for _ in range(size)]
    for number, one in enumerate(crowd):
        one.send("hello", username=f"Guest-{number}")
        one.send("join", room="lobby")
    cluster.run()
    bob = person(cluster.nodes[1], "Bob")
    assert members(bob)[0] == size + 1
    cluster.cut_off(cluster.nodes[1])
    for one in crowd[::2]:
        one.socket.hang_up(1000)
    cluster.advance(1.0)
    cluster.heal(cluster.nodes[1])
    cluster.run()
    cluster.broker.lose(1)
    cluster.advance(2 * BEAT_EVERY)
    assert members(bob)[0] == size // 2 + 1


def test_a_part_that_is_lost_is_asked_for_again_with_the_others() -> None:
    cluster = cluster_of(2)
    crowd = [V1(cluster.nodes[0]) for _ in range(2 * NAMES_A_MESSAGE)]
    for number, one in enumerate(crowd):
        one.send("hello", username=f"Guest-{number}")
        one.send("join", room="lobby")
    cluster.run()
    bob = V1(cluster.nodes[1])
    bob.hello("Bob")
    cluster.be_late(is_late=True)
    bob.send("join", room="lobby", id="j")
    cluster.run()
    # The question comes, and of its answer the first part is lost.
    cluster.deliver()
    cluster.broker.lose(1)
    cluster.be_late(is_late=False)
    cluster.run()
    cluster.advance(BEAT_EVERY + 1.0)
    assert members(bob)[0] == 2 * NAMES_A_MESSAGE + 1


def test_a_room_that_nobody_here_is_in_is_let_go_of_when_that_is_told() -> None:
    cluster = cluster_of(2)
    alice, bob = person(cluster.nodes[0], "Alice"), person(cluster.nodes[1], "Bob")
    alice.quit()
    cluster.advance(1.0)
    assert len(cluster.nodes[0].hub.rooms) == 0
    assert members(bob) == (1, ["Bob"])
    person(cluster.nodes[0], "Alice")
    assert members(bob) == (2, ["Alice", "Bob"])
    bob.quit()
    cluster.advance(1.0)
    assert len(cluster.nodes[1].hub.rooms) == 0


def test_nobody_is_asked_any_more_about_a_room_that_is_closed() -> None:
    cluster = cluster_of(2)
    cluster.nodes[0].die()
    neighbours = cluster.nodes[0].hub.rooms.neighbours
    assert neighbours is not None
    bob = V1(cluster.nodes[0])
    bob.hello("Bob")
    bob.send("join", room="lobby")
    cluster.advance(1.1)
    assert any(neighbours._unsure.values())
    bob.quit()
    cluster.advance(1.0)
    assert not any(neighbours._unsure.values())


def test_a_new_node_learns_who_is_there_and_the_others_learn_of_it() -> None:
    cluster = cluster_of(1)
    alice = person(cluster.nodes[0], "Alice")
    fresh = cluster.start()
    cluster.run()
    bob = person(fresh, "Bob")
    assert members(alice) == members(bob) == (2, ["Alice", "Bob"])


def test_what_is_no_message_is_passed_over() -> None:
    cluster = cluster_of(2)
    alice = person(cluster.nodes[0], "Alice")
    stranger = cluster.broker.join("f" * 16)
    for topic in ("nodes", f"node.{cluster.nodes[0].id}", "room.lobby"):
        stranger.publish(topic, b'{"type":"of another version"}')
        stranger.publish(topic, b"\xff")
    cluster.run()
    assert members(alice) == (1, ["Alice"])


# Typing.


def test_typing_is_told_on_all_nodes_and_ends_with_the_message() -> None:
    cluster = cluster_of(2)
    alice, bob = person(cluster.nodes[0], "Alice"), person(cluster.nodes[1], "Bob")
    alice.send("typing", room="lobby", isTyping=True)
    cluster.run()
    assert [frame["isTyping"] for frame in bob.take("typing")] == [True]
    assert alice.take("typing") == []
    alice.say("hello")
    assert [frame.get("isTyping", False) for frame in bob.take("typing")] == [False]


def test_a_typist_on_another_node_is_forgotten_after_a_while_if_the_end_is_lost() -> None:
    cluster = cluster_of(2)
    alice, bob = person(cluster.nodes[0], "Alice"), person(cluster.nodes[1], "Bob")
    alice.send("typing", room="lobby", isTyping=True)
    cluster.run()
    bob.take()
    cluster.broker.lose(1)
    alice.send("typing", room="lobby", isTyping=False)
    cluster.run()
    assert bob.take("typing") == []
    cluster.advance(6.0)
    assert [frame.get("isTyping", False) for frame in bob.take("typing")] == [False]


def test_who_types_and_is_cut_off_or_renamed_types_no_longer_anywhere() -> None:
    cluster = cluster_of(2)
    alice, bob = person(cluster.nodes[0], "Alice"), person(cluster.nodes[1], "Bob")
    alice.send("typing", room="lobby", isTyping=True)
    alice.hello("Alicia", key=key_of("Alice"))
    alice.send("typing", room="lobby", isTyping=True)
    cluster.run()
    alice.cut()
    assert [(frame["username"], frame.get("isTyping", False)) for frame in bob.take("typing")] == [
        ("Alice", True),
        ("Alice", False),
        ("Alicia", True),
        ("Alicia", False),
    ]


def test_a_plain_client_is_told_of_typing_elsewhere_in_its_own_spelling() -> None:
    cluster = cluster_of(2)
    alice = person(cluster.nodes[0], "Alice")
    dan = Plain(cluster.nodes[1])
    dan.join("Dan")
    dan.send("typing.start")
    dan.take()
    alice.send("typing", room="lobby", isTyping=True)
    cluster.run()
    assert dan.only("typing.start")["username"] == "Alice"


def test_typing_is_not_passed_on_in_a_large_room() -> None:
    cluster = cluster_of(2)
    for number in range(TOLD_UP_TO):
        guest = V1(cluster.nodes[0])
        guest.send("hello", username=f"Guest-{number}")
        guest.send("join", room="lobby")
    cluster.run()
    alice, bob = person(cluster.nodes[0], "Alice"), person(cluster.nodes[1], "Bob")
    alice.send("typing", room="lobby", isTyping=True)
    cluster.run()
    assert bob.take("typing") == []
