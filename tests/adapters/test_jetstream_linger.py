from causerie.adapters.jetstream_linger import Linger

NOW = 1000.0


def lingers(linger: Linger, waiting: int, now: float = NOW) -> bool:
    until = linger.until(waiting, now)
    assert until in {now, now + 0.004}
    return until > now


def told(count: int) -> Linger:
    linger = Linger()
    linger.told(count, NOW)
    return linger


def test_at_first_nobody_waits() -> None:
    assert not lingers(Linger(), 1)


def test_few_wait_after_many() -> None:
    linger = told(16)
    assert lingers(linger, 1)
    assert lingers(linger, 7)
    assert not lingers(linger, 8)


def test_nobody_waits_after_few_or_after_a_part_of_what_there_was() -> None:
    assert not lingers(told(15), 1)
    assert not lingers(told(0), 1)


def test_nobody_waits_long_after_many() -> None:
    assert lingers(told(16), 1, NOW + 0.049)
    assert not lingers(told(16), 1, NOW + 0.05)


def test_nearly_as_many_as_the_last_time_are_enough() -> None:
    linger = told(20)
    assert not linger.is_enough(17)
    assert linger.is_enough(18)
