import pytest
from hypothesis import given
from hypothesis import strategies as st

from causerie.client.errors import OutboxFull
from causerie.client.machine.outbox import NOW, Lane, Outbox
from causerie.wire.commands import GetHistory, SendMessage

LOBBY = Lane("room", "lobby")
GARDEN = Lane("room", "garden")
ASK = Lane("ask", "")


def anything(_: Lane) -> bool:
    return True


def filled(*ids: str, lane: Lane = LOBBY, limit: int = 100) -> Outbox:
    outbox = Outbox(limit)
    for id in ids:
        outbox.add(id, lane, SendMessage(id=id, room=lane.name, content=id))
    return outbox


def send_all(outbox: Outbox, now: float = 0.0) -> list[str]:
    sent: list[str] = []
    while lane := outbox.ready(anything, now):
        item = outbox.take(lane)
        item.first_tried = 1
        sent.append(item.id)
    return sent


def test_commands_leave_in_the_order_in_which_they_were_given() -> None:
    outbox = filled("a", "b", "c")
    assert send_all(outbox) == ["a", "b", "c"]
    assert outbox.ready(anything, 0.0) is None
    assert len(outbox) == 3, "they wait for their answers"


def test_lanes_take_turns_so_that_a_long_one_holds_up_no_other() -> None:
    outbox = filled("a", "b", "c")
    outbox.add("g", GARDEN, SendMessage(id="g", room="garden", content="g"))
    assert send_all(outbox) == ["a", "g", "b", "c"]


def test_a_lane_that_may_not_send_waits_and_the_others_do_not() -> None:
    outbox = filled("a")
    outbox.add("g", GARDEN, SendMessage(id="g", room="garden", content="g"))
    assert outbox.ready(lambda lane: lane == GARDEN, 0.0) == GARDEN
    assert outbox.ready(lambda _: False, 0.0) is None
    assert outbox.deadline(lambda _: False) is None
    assert outbox.deadline(lambda lane: lane == GARDEN) == NOW


def test_an_answer_ends_the_wait_once() -> None:
    outbox = filled("a", "b")
    assert outbox.answered("a") is None, "it was not sent yet"
    send_all(outbox)
    item = outbox.answered("a")
    assert item is not None
    assert item.id == "a"
    assert outbox.answered("a") is None
    assert outbox.answered(None) is None
    assert len(outbox) == 1


def test_after_a_cut_all_goes_again_in_the_old_order() -> None:
    outbox = filled("a", "b", "c", "d")
    for _ in range(3):
        outbox.take(LOBBY)
    outbox.answered("b")
    outbox.cut()
    assert send_all(outbox) == ["a", "c", "d"]


def test_after_a_cut_lanes_go_again_in_the_order_in_which_they_were_served() -> None:
    outbox = Outbox(10)
    for id in ("a", "b", "c"):
        outbox.add(id, Lane("room", id), SendMessage(id=id, room=id, content=id))
    for id in ("a", "b"):
        outbox.take(Lane("room", id))
    outbox.cut()
    assert send_all(outbox) == ["c", "a", "b"]


def test_what_is_to_go_again_keeps_its_place_and_its_lane_rests() -> None:
    outbox = filled("a", "b", "c")
    for _ in range(2):
        outbox.take(LOBBY)
    for id, until in (("b", 5.0), ("a", 3.0)):
        item = outbox.answered(id)
        assert item is not None
        outbox.again(item, until)
    assert outbox.ready(anything, 4.9) is None
    assert outbox.deadline(anything) == 5.0, "the longest rest counts"
    assert send_all(outbox, 5.0) == ["a", "b", "c"]


def test_a_cut_ends_all_rests() -> None:
    outbox = filled("a")
    item = outbox.take(LOBBY)
    outbox.answered("a")
    outbox.again(item, 99.0)
    outbox.cut()
    assert send_all(outbox, 0.0) == ["a"]


def test_a_full_outbox_says_so_and_keeps_nothing_of_the_new() -> None:
    outbox = filled("a", "b", limit=2)
    outbox.take(LOBBY)
    with pytest.raises(OutboxFull, match="2 commands wait") as caught:
        outbox.add("c", LOBBY, SendMessage(id="c", room="lobby", content="c"))
    assert caught.value.limit == 2
    assert [item.id for item in outbox] == ["a", "b"]
    outbox.add("d", ASK, GetHistory(room="lobby"), own=True)
    assert len(outbox) == 3


def test_what_was_never_sent_can_be_withdrawn() -> None:
    outbox = filled("a", "b")
    assert outbox.withdraw("x") is None
    withdrawn = outbox.withdraw("a")
    assert withdrawn is not None
    assert withdrawn.first_tried is None
    assert send_all(outbox) == ["b"]


def test_the_last_of_a_resting_lane_takes_the_rest_with_it() -> None:
    outbox = filled("a")
    item = outbox.take(LOBBY)
    outbox.answered("a")
    outbox.again(item, 99.0)
    assert outbox.withdraw("a") is item
    assert outbox.deadline(anything) is None
    outbox.add("b", LOBBY, SendMessage(id="b", room="lobby", content="b"))
    assert send_all(outbox, 0.0) == ["b"]


def test_what_the_server_may_have_taken_is_not_withdrawn_and_a_question_is() -> None:
    outbox = filled("a")
    outbox.add("q", ASK, GetHistory(id="q", room="lobby"))
    send_all(outbox)
    assert outbox.withdraw("a") is None
    question = outbox.withdraw("q")
    assert question is not None
    assert question.first_tried is not None
    outbox.cut()
    [item] = outbox
    assert item.in_doubt
    assert outbox.withdraw("a") is None


def test_what_the_server_has_refused_is_not_in_doubt_and_can_be_withdrawn() -> None:
    outbox = filled("a")
    item = outbox.take(LOBBY)
    outbox.answered("a")
    outbox.again(item, 99.0)
    outbox.cut()
    assert not item.in_doubt
    assert outbox.withdraw("a") is item


def test_at_the_end_everything_is_answered_in_order_and_nothing_is_left() -> None:
    outbox = filled("a", "b", "c")
    outbox.take(LOBBY)
    assert [item.id for item in outbox.clear()] == ["a", "b", "c"]
    assert len(outbox) == 0
    assert outbox.ready(anything, 0.0) is None


@given(st.lists(st.sampled_from(["add", "send", "answer", "again", "cut"]), max_size=60))
def test_whatever_happens_nothing_is_lost_doubled_or_out_of_its_lanes_order(
    steps: list[str],
) -> None:
    outbox = Outbox(1000)
    given_, answered, under_way, log = 0, set[str](), list[str](), list[str]()
    for step in steps:
        if step == "add":
            outbox.add(str(given_), LOBBY, SendMessage(id=str(given_), room="lobby", content="x"))
            given_ += 1
        elif step == "send" and (lane := outbox.ready(anything, 0.0)):
            under_way.append(outbox.take(lane).id)
        elif step == "answer" and under_way:
            item = outbox.answered(under_way.pop(0))
            assert item is not None
            answered.add(item.id)
            log.append(item.id)
        elif step == "again" and under_way:
            # All that is under way is refused, as a server does that can do nothing now.
            for id in under_way:
                item = outbox.answered(id)
                assert item is not None
                outbox.again(item, 0.0)
            under_way.clear()
        elif step == "cut":
            outbox.cut()
            under_way.clear()
    assert {item.id for item in outbox} | answered == {str(i) for i in range(given_)}
    assert [item.number for item in outbox] == sorted(item.number for item in outbox)
    assert log == sorted(log, key=int)
