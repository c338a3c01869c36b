from causerie.adapters.jetstream_linger import Linger
from causerie.adapters.jetstream_outbox import Slot
from causerie.testing.contracts import draft

NOW = 1000.0
ROOMS = {"room"}


def slots(count: int, room: str = "room") -> list[Slot]:
    return [Slot(draft(str(number), room=room), NOW) for number in range(count)]


def sent(*batch: Slot) -> Linger:
    linger = Linger()
    linger.sent(batch)
    return linger


def told(*batch: Slot) -> Linger:
    linger = sent(*batch)
    linger.told(NOW, are_all=True)
    return linger


def lingers(linger: Linger, waiting: list[Slot], now: float = NOW) -> bool:
    until = linger.until(waiting, now)
    assert until in {now, now + 0.02}
    return until > now


# Drafts.


def test_at_first_nobody_waits() -> None:
    assert not lingers(Linger(), slots(1))


def test_few_wait_after_many() -> None:
    linger = told(*slots(16))
    assert lingers(linger, slots(1))
    assert lingers(linger, slots(7))
    assert not lingers(linger, slots(8))


def test_nobody_waits_after_few() -> None:
    assert not lingers(told(*slots(15)), slots(1))
    assert not lingers(told(*slots(15), *slots(15, "other")), slots(1))


def test_what_is_left_of_many_waits_for_nobody() -> None:
    linger = sent(*slots(16))
    linger.told(NOW, are_all=False)
    assert not lingers(linger, slots(1))


def test_nobody_waits_long_after_many() -> None:
    linger = told(*slots(16))
    assert lingers(linger, slots(1), NOW + 0.049)
    assert not lingers(linger, slots(1), NOW + 0.05)


def test_nobody_waits_in_a_room_into_which_few_went() -> None:
    linger = told(*slots(16), *slots(15, "other"))
    assert lingers(linger, slots(1))
    assert not lingers(linger, slots(1, "other"))
    assert not lingers(linger, slots(1) + slots(1, "other"))


def test_few_are_few_beside_those_that_went_into_busy_rooms() -> None:
    linger = told(*slots(16), *slots(15, "other"))
    assert not lingers(linger, slots(8))


def test_nearly_as_many_as_the_last_time_are_enough() -> None:
    linger = told(*slots(20))
    assert not linger.is_enough(slots(17))
    assert linger.is_enough(slots(18))


def test_one_who_speaks_elsewhere_is_enough() -> None:
    assert told(*slots(20)).is_enough(slots(1) + slots(1, "other"))


# What others have said.


def test_at_first_nothing_is_expected() -> None:
    assert not Linger().expects(ROOMS, NOW)


def test_many_are_expected_while_they_are_on_their_way() -> None:
    linger = sent(*slots(16))
    assert linger.expects(ROOMS, NOW + 60)
    assert not linger.expects({"room", "other"}, NOW)


def test_few_are_not_expected() -> None:
    assert not sent(*slots(15), *slots(15, "other")).expects(ROOMS, NOW)


def test_answers_to_many_are_expected_for_a_while() -> None:
    linger = told(*slots(16))
    assert linger.expects(ROOMS, NOW + 0.049)
    assert not linger.expects(ROOMS, NOW + 0.05)


def test_what_has_kept_others_waiting_is_not_expected_any_more_and_the_next_is() -> None:
    linger = told(*slots(16))
    linger.expects_no_more()
    assert not linger.expects(ROOMS, NOW)
    assert lingers(linger, slots(1)), "those who answer still wait for one another"
    linger.sent(slots(16))
    assert linger.expects(ROOMS, NOW)
