import asyncio

from tests.server.wire_peer import until

from causerie.server.sweep import Sweep


class Guest:
    """Notes when it was cut."""

    cut_at = 0.0

    def abort(self) -> None:
        self.cut_at = asyncio.get_running_loop().time()


async def test_whoever_overstays_is_cut_not_before_the_time_and_soon_after() -> None:
    sweep, guest = Sweep(0.08), Guest()
    begun = asyncio.get_running_loop().time()
    sweep.watch(guest)
    assert len(sweep) == 1
    await until(lambda: guest.cut_at)
    assert guest.cut_at - begun >= 0.08
    assert len(sweep) == 0


async def test_whoever_is_forgotten_is_left_alone() -> None:
    sweep, left, cut = Sweep(0.02), Guest(), Guest()
    sweep.watch(left)
    sweep.watch(cut)
    sweep.forget(left)
    sweep.forget(left)
    await until(lambda: cut.cut_at)
    assert not left.cut_at


async def test_watching_again_gives_no_more_time() -> None:
    sweep, guest = Sweep(0.02), Guest()
    loop = asyncio.get_running_loop()
    begun = loop.time()
    sweep.watch(guest)
    deadline = sweep._watched[guest]
    await until(lambda: loop.time() > begun)
    sweep.watch(guest)
    assert sweep._watched == {guest: deadline}
    await until(lambda: guest.cut_at)


async def test_one_timer_serves_all_and_none_is_left_when_nobody_is_watched() -> None:
    loop = asyncio.get_running_loop()
    timers: list[object] = loop._scheduled  # type: ignore[attr-defined]
    assert not timers
    sweep = Sweep(0.02)
    guests = [Guest() for _ in range(100)]
    for guest in guests:
        sweep.watch(guest)
        sweep.forget(guest)
        sweep.watch(guest)
    assert len(timers) == 1
    await until(lambda: all(guest.cut_at for guest in guests))
    for guest in guests:
        sweep.watch(guest)
        sweep.forget(guest)
    await until(lambda: not [timer for timer in timers if "sweep" in repr(timer)])
