from causerie.adapters.jetstream_linger import Linger
from causerie.adapters.jetstream_outbox import Slot
from causerie.testing.contracts import draft

NOW = 1000.0
ROOMS = {"room"}


def slots(count: int, room: str = "room") -> list[Slot]:
    return [Slot(draft(str(number), room=room), NOW) for number in range(count)]


def on_its_way(*batch: Slot) -> Linger:
    linger = Linger()
    linger.begin(batch)
    return linger


def ended(*batch: Slot) -> Linger:
    linger = on_its_way(*batch)
    linger.end(NOW, are_all=True)
    return linger


def lingers(linger: Linger, waiting: list[Slot], now: float = NOW) -> bool:
    until = linger.until(waiting, now)
    assert until in {now, now + 0.02}
    return until > now


# Drafts.


def test_at_first_nobody_waits() -> None:
    assert not lingers(Linger(), slots(1))


def test_few_wait_after_many() -> None:
    linger = ended(*slots(16))
    assert lingers(linger, slots(1))
    assert lingers(linger, slots(7))
    assert not lingers(linger, slots(8))


def test_nobody_waits_after_few() -> None:
    assert not lingers(ended(*slots(15)), slots(1))
    assert not lingers(ended(*slots(15), *slots(15, "other")), slots(1))


def test_what_is_left_of_many_waits_for_nobody() -> None:
    linger = on_its_way(*slots(16))
    linger.end(NOW, are_all=False)
    assert not lingers(linger, slots(1))


def test_nobody_waits_long_after_many() -> None:
    linger = ended(*slots(16))
    assert lingers(linger, slots(1), NOW + 0.049)
    assert not lingers(linger, slots(1), NOW + 0.05)


def test_nobody_waits_in_a_room_into_which_few_went() -> None:
    linger = ended(*slots(16), *slots(15, "other"))
    assert lingers(linger, slots(1))
    assert not lingers(linger, slots(1, "other"))
    assert not lingers(linger, slots(1) + slots(1, "other"))


def test_few_are_few_beside_those_that_went_into_busy_rooms() -> None:
    linger = ended(*slots(16), *slots(15, "other"))
    assert not lingers(linger, slots(8))


def test_nearly_as_many_as_the_last_time_are_enough() -> None:
    linger = ended(*slots(20))
    assert not linger.is_enough(slots(17))
    assert linger.is_enough(slots(18))


def test_one_who_speaks_elsewhere_is_enough() -> None:
    assert ended(*slots(20)).is_enough(slots(1) + slots(1, "other"))


# What others have said.


def held(linger: Linger, rooms: set[str], now: float = NOW) -> float:
    """For how many seconds."""
    return round(linger.held_until(rooms, now) - now, 6)


def test_at_first_nothing_is_held() -> None:
    assert held(Linger(), ROOMS) == 0


def test_what_others_say_waits_for_many_that_are_on_their_way() -> None:
    linger = on_its_way(*slots(16))
    assert held(linger, ROOMS, NOW + 60) == 0.03
    assert held(linger, {"room", "other"}) == 0


def test_what_others_say_does_not_wait_for_few() -> None:
    assert held(on_its_way(*slots(15), *slots(15, "other")), ROOMS) == 0


def test_what_others_say_waits_for_answers_to_many_while_there_may_be_some() -> None:
    linger = ended(*slots(16))
    assert held(linger, ROOMS) == 0.03
    assert held(linger, ROOMS, NOW + 0.04) == 0.01
    assert held(linger, ROOMS, NOW + 0.05) == 0


def test_what_others_say_waits_once_for_a_batch_and_again_for_the_next() -> None:
    linger = on_its_way(*slots(16))
    linger.let_go()
    assert held(linger, ROOMS) == 0
    linger.end(NOW, are_all=True)
    assert held(linger, ROOMS) == 0
    assert lingers(linger, slots(1)), "those who answer still wait for one another"
    linger.begin(slots(16))
    assert held(linger, ROOMS) == 0.03
