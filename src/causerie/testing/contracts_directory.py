"""What every directory of names promises, as tests: see `causerie.ports.Directory`."""

# ruff: noqa: D102 a test's name is its docstring

from typing import Final

from causerie.chat.names import Name
from causerie.ports import Claimed, Holder, Taken, TooManyNames
from causerie.testing.contracts import Contract, Rig, draft

HOUR: Final = 60 * 60 * 1_000_000
DAY: Final = 24 * HOUR

ALICE: Final = Name(display="Alice", folded="alice", skeleton="alice")
SHOUTED: Final = Name(display="ALICE", folded="alice", skeleton="alice")
ALIKE: Final = Name(display="Aliсe", folded="aliсe", skeleton="alice")
"""With a Cyrillic letter."""
BOB: Final = Name(display="Bob", folded="bob", skeleton="bob")


def names(count: int) -> list[Name]:
    """Makes so many names."""
    texts = [f"name-{number}" for number in range(count)]
    return [Name(display=text, folded=text, skeleton=text) for text in texts]


class DirectoryContract(Contract):
    """The suite."""

    def borrow(self, rig: Rig, name: Name, identity: str, *, replacing: str | None = None) -> None:
        """Claims a name that must be free."""
        assert rig.claim(name, identity, replacing=replacing) == Claimed(
            Holder(identity=identity, display=name.display, kept=False)
        )

    def obtain(self, rig: Rig, name: Name, identity: str, *, address: str = "") -> None:
        """Claims a name that must be free, and keeps it."""
        answer = rig.claim(name, identity, address=address)
        assert isinstance(answer, Claimed), answer
        rig.keep(name, identity)
        self.check_kept(rig, name, identity)

    def check_kept(self, rig: Rig, name: Name, identity: str) -> None:
        """Checks that an identity has a name for good."""
        assert rig.find(name) == Holder(identity=identity, display=name.display, kept=True)

    def return_as(self, rig: Rig, name: Name, identity: str) -> Name:
        """Comes back under a name, and tells under which it is."""
        answer = rig.claim(name, identity, returning=True)
        assert isinstance(answer, Claimed), answer
        return answer.instead or name

    # Borrowing.

    def test_a_name_that_nobody_holds_is_borrowed(self) -> None:
        with self.rig() as rig:
            assert rig.find(ALICE) is None
            self.borrow(rig, ALICE, "a")
            assert rig.find(ALICE) == Holder(identity="a", display="Alice", kept=False)

    def test_a_name_has_one_holder(self) -> None:
        with self.rig() as rig:
            self.borrow(rig, ALICE, "a")
            holder = Holder(identity="a", display="Alice", kept=False)
            for name in (ALICE, SHOUTED, ALIKE):
                assert rig.claim(name, "b") == Taken(holder=holder, folded="alice")
                assert rig.claim(name, "b", replacing="c") == Taken(holder=holder, folded="alice")
            assert rig.find(ALIKE) is None
            self.borrow(rig, BOB, "b")

    def test_of_many_who_claim_at_once_one_gets_the_name(self) -> None:
        with self.rig() as rig:
            answers: list[object] = []
            for number in range(20):
                rig.directory.claim(
                    (ALICE, ALIKE)[number % 2],
                    f"identity {number}",
                    address="",
                    now=rig.now,
                    replacing=None,
                    returning=False,
                    done=answers.append,
                )
            rig.until(lambda: len(answers) == 20, "an answer")
            assert [type(answer) for answer in answers] == [Claimed] + [Taken] * 19

    def test_its_holder_may_claim_a_name_again_and_write_it_otherwise(self) -> None:
        with self.rig() as rig:
            self.borrow(rig, ALICE, "a")
            self.borrow(rig, SHOUTED, "a")
            assert rig.find(ALICE) == Holder(identity="a", display="ALICE", kept=False)

    def test_its_holder_may_take_what_looks_like_its_name_too(self) -> None:
        with self.rig() as rig:
            self.borrow(rig, ALICE, "a")
            self.borrow(rig, ALIKE, "a")
            rig.release(ALICE, "a")
            assert rig.claim(ALICE, "b") == Taken(
                holder=Holder(identity="a", display=ALIKE.display, kept=False), folded=ALIKE.folded
            )
            rig.release(ALIKE, "a")
            self.borrow(rig, ALICE, "b")

    def test_a_released_name_is_free(self) -> None:
        with self.rig() as rig:
            self.borrow(rig, ALICE, "a")
            rig.release(ALICE, "a")
            assert rig.find(ALICE) is None
            self.borrow(rig, ALIKE, "b")

    def test_only_its_holder_releases_a_name(self) -> None:
        with self.rig() as rig:
            self.borrow(rig, ALICE, "a")
            rig.release(ALICE, "b")
            rig.release(BOB, "b")
            assert rig.find(ALICE) == Holder(identity="a", display="Alice", kept=False)

    def test_a_borrowed_name_is_gone_with_the_process(self) -> None:
        with self.rig() as rig:
            self.borrow(rig, ALICE, "a")
            rig.reopen()
            assert rig.find(ALICE) is None
            self.borrow(rig, ALICE, "b")
            rig.crash()
            self.borrow(rig, ALICE, "c")

    # Replacing.

    def test_a_name_borrowed_by_a_dead_session_passes_to_who_replaces_it(self) -> None:
        with self.rig() as rig:
            self.borrow(rig, ALICE, "dead")
            self.borrow(rig, ALICE, "b", replacing="dead")
            assert rig.find(ALICE) == Holder(identity="b", display="Alice", kept=False)
            # What the dead one still does comes to nothing.
            rig.release(ALICE, "dead")
            rig.keep(ALICE, "dead")
            assert rig.find(ALICE) == Holder(identity="b", display="Alice", kept=False)

    def test_a_look_alike_borrowed_by_a_dead_session_is_freed_for_who_replaces_it(self) -> None:
        with self.rig() as rig:
            self.borrow(rig, ALIKE, "dead")
            self.borrow(rig, ALICE, "b", replacing="dead")
            assert rig.find(ALIKE) is None

    def test_who_cannot_have_the_name_replaces_nobody(self) -> None:
        with self.rig() as rig:
            self.borrow(rig, ALICE, "a")
            self.obtain(rig, ALIKE, "a")
            answer = rig.claim(ALICE, "b", replacing="a")
            assert isinstance(answer, Taken)
            assert (answer.folded, answer.holder.kept) == (ALIKE.folded, True)
            assert rig.find(ALICE) == Holder(identity="a", display="Alice", kept=False)

    def test_a_kept_name_is_not_replaced(self) -> None:
        with self.rig() as rig:
            self.obtain(rig, ALICE, "a")
            assert isinstance(rig.claim(ALICE, "b", replacing="a"), Taken)
            self.check_kept(rig, ALICE, "a")

    # Keeping.

    def test_a_kept_name_stays_its_holders_while_it_is_away(self) -> None:
        with self.rig() as rig:
            self.obtain(rig, ALICE, "a")
            for lapse in ("release", "reopen", "crash"):
                match lapse:
                    case "release":
                        rig.release(ALICE, "a")
                    case "reopen":
                        rig.reopen()
                    case _:
                        rig.crash()
                self.check_kept(rig, ALICE, "a")
                holder = Holder(identity="a", display="Alice", kept=True)
                for name in (ALICE, ALIKE):
                    assert rig.claim(name, "b") == Taken(holder=holder, folded="alice")
            assert rig.claim(SHOUTED, "a") == Claimed(
                Holder(identity="a", display="ALICE", kept=True)
            )
            assert rig.find(ALICE) == Holder(identity="a", display="ALICE", kept=True)
            rig.reopen()
            assert rig.find(ALICE) == Holder(identity="a", display="ALICE", kept=True)

    def test_a_name_is_kept_before_any_entry_that_is_appended_afterwards(self) -> None:
        with self.rig() as rig:
            rig.claim(ALICE, "a")
            rig.keep(ALICE, "a")
            rig.store(draft("1", identity="a"))
            rig.crash()
            self.check_kept(rig, ALICE, "a")

    def test_only_its_holder_keeps_a_name(self) -> None:
        with self.rig() as rig:
            rig.keep(ALICE, "b")
            assert rig.find(ALICE) is None
            self.borrow(rig, ALICE, "a")
            rig.keep(ALICE, "b")
            assert rig.find(ALICE) == Holder(identity="a", display="Alice", kept=False)
            rig.release(ALICE, "a")
            rig.keep(ALICE, "a")
            assert rig.find(ALICE) is None

    def test_keeping_a_kept_name_changes_nothing(self) -> None:
        with self.rig() as rig:
            self.obtain(rig, ALICE, "a")
            rig.keep(ALICE, "a")
            self.check_kept(rig, ALICE, "a")

    def test_a_kept_name_that_was_not_used_for_90_days_is_free(self) -> None:
        for name in (ALICE, ALIKE):
            with self.rig() as rig:
                self.obtain(rig, ALICE, "a")
                rig.reopen()
                rig.now += 90 * DAY - 1
                self.check_kept(rig, ALICE, "a")
                assert isinstance(rig.claim(name, "b"), Taken)
                rig.now += 1
                assert rig.find(ALICE) is None
                self.borrow(rig, name, "b")
                assert isinstance(rig.claim(ALICE, "a"), Taken)

    def test_its_holder_finds_an_unused_name_again_if_nobody_took_it(self) -> None:
        with self.rig() as rig:
            self.obtain(rig, ALICE, "a")
            rig.reopen()
            rig.now += 91 * DAY
            answer = rig.claim(ALICE, "a")
            assert answer == Claimed(Holder(identity="a", display="Alice", kept=True))
            rig.reopen()
            self.check_kept(rig, ALICE, "a")

    def test_claiming_and_releasing_are_use(self) -> None:
        with self.rig() as rig:
            self.obtain(rig, ALICE, "a")
            rig.reopen()
            rig.now += 89 * DAY
            assert isinstance(rig.claim(ALICE, "a"), Claimed)
            rig.reopen()
            rig.now += 89 * DAY
            self.check_kept(rig, ALICE, "a")
            rig.claim(ALICE, "a")
            rig.now += 89 * DAY
            rig.release(ALICE, "a")
            rig.now += 89 * DAY
            self.check_kept(rig, ALICE, "a")
            rig.now += DAY
            assert rig.find(ALICE) is None

    def test_a_name_in_use_stays_its_holders_however_long(self) -> None:
        with self.rig() as rig:
            self.obtain(rig, ALICE, "a")
            rig.now += 100 * DAY
            self.check_kept(rig, ALICE, "a")
            assert isinstance(rig.claim(ALIKE, "b"), Taken)

    def test_a_name_in_use_is_not_free_after_a_crash_however_long_it_was_used(self) -> None:
        with self.rig() as rig:
            self.obtain(rig, ALICE, "a")
            self.obtain(rig, BOB, "b")
            rig.release(BOB, "b")
            for _ in range(100):
                rig.now += DAY
                rig.sweep()
            self.check_kept(rig, ALICE, "a")
            rig.crash()
            self.check_kept(rig, ALICE, "a")
            # What nobody used is free all the same.
            assert rig.find(BOB) is None
            rig.now += 90 * DAY - 1
            assert isinstance(rig.claim(ALIKE, "b"), Taken)
            rig.now += 1
            assert isinstance(rig.claim(ALIKE, "b"), Claimed)

    def test_hourly_sweeps_note_use_within_a_day(self) -> None:
        with self.rig() as rig:
            self.obtain(rig, ALICE, "a")
            for _ in range(100 * 24):
                rig.now += HOUR
                rig.sweep()
            self.check_kept(rig, ALICE, "a")
            rig.crash()
            rig.now += 89 * DAY - HOUR
            self.check_kept(rig, ALICE, "a")

    def test_a_sweep_makes_nothing_kept_and_takes_nothing_away(self) -> None:
        with self.rig() as rig:
            self.borrow(rig, ALICE, "a")
            rig.now += DAY
            rig.sweep()
            assert rig.find(ALICE) == Holder(identity="a", display="Alice", kept=False)
            rig.release(ALICE, "a")
            self.obtain(rig, BOB, "b")
            rig.release(BOB, "b")
            rig.now += 91 * DAY
            rig.sweep()
            answer = rig.claim(BOB, "b")
            assert answer == Claimed(Holder(identity="b", display="Bob", kept=True))

    # The last name.

    def test_who_comes_back_and_holds_nothing_gets_the_name_asked_for(self) -> None:
        with self.rig() as rig:
            assert self.return_as(rig, ALICE, "a") == ALICE
            assert rig.claim(ALICE, "b", returning=True) == Taken(
                holder=Holder(identity="a", display="Alice", kept=False), folded="alice"
            )

    def test_who_comes_back_gets_the_name_in_use_in_its_last_spelling(self) -> None:
        with self.rig() as rig:
            self.borrow(rig, ALICE, "a")
            assert self.return_as(rig, ALICE, "a") == ALICE
            self.borrow(rig, SHOUTED, "a")
            assert self.return_as(rig, ALICE, "a") == SHOUTED
            self.borrow(rig, BOB, "a")
            rig.release(ALICE, "a")
            assert self.return_as(rig, ALICE, "a") == BOB
            assert rig.find(ALICE) is None, "what was not wished for is not taken"

    def test_who_comes_back_after_a_restart_gets_the_name_it_claimed_last(self) -> None:
        with self.rig() as rig:
            self.obtain(rig, ALICE, "a")
            rig.claim(BOB, "a")
            rig.release(ALICE, "a")
            rig.crash()
            assert self.return_as(rig, ALICE, "a") == BOB
            rig.claim(ALICE, "a")
            rig.release(BOB, "a")
            rig.crash()
            assert self.return_as(rig, BOB, "a") == ALICE

    def test_a_wish_is_not_the_name_of_before(self) -> None:
        with self.rig() as rig:
            self.obtain(rig, ALICE, "a")
            answer = rig.claim(BOB, "a")
            assert isinstance(answer, Claimed)
            assert answer.instead is None

    def test_who_keeps_a_name_keeps_each_that_it_claims_from_then_on(self) -> None:
        with self.rig(names_per_address=2) as rig:
            self.obtain(rig, ALICE, "a", address="here")
            assert rig.claim(BOB, "a", address="here") == Claimed(
                Holder(identity="a", display="Bob", kept=True)
            )
            rig.crash()
            self.check_kept(rig, BOB, "a")
            self.check_kept(rig, ALICE, "a")
            [carol] = names(1)
            assert isinstance(rig.claim(carol, "a", address="here"), TooManyNames)

    # The limit.

    def test_an_address_keeps_so_many_new_names_a_day(self) -> None:
        with self.rig(names_per_address=3) as rig:
            first, second, third, fourth, fifth = names(5)
            self.obtain(rig, first, "1", address="x")
            rig.now += HOUR
            self.obtain(rig, second, "2", address="x")
            self.obtain(rig, third, "3", address="x")
            answer = rig.claim(fourth, "4", address="x")
            assert answer == TooManyNames(retry_after=23 * HOUR // 1000)
            assert rig.find(fourth) is None
            rig.reopen()
            rig.now += 23 * HOUR - 1
            assert rig.claim(fourth, "4", address="x") == TooManyNames(retry_after=1)
            rig.now += 1
            self.obtain(rig, fourth, "4", address="x")
            answer = rig.claim(fifth, "5", address="x")
            assert answer == TooManyNames(retry_after=HOUR // 1000)

    def test_the_limit_is_on_new_names_of_that_address_alone(self) -> None:
        with self.rig(names_per_address=1) as rig:
            first, second, third, fourth = names(4)
            self.obtain(rig, first, "1", address="x")
            assert isinstance(rig.claim(second, "2", address="x"), TooManyNames)
            self.obtain(rig, second, "2", address="y")
            # No address, no limit.
            self.obtain(rig, third, "3")
            self.obtain(rig, fourth, "4")
            # What is one's own is not new.
            assert isinstance(rig.claim(first, "1", address="x"), Claimed)
            assert isinstance(rig.claim(second, "2", address="x"), Claimed)

    def test_who_claims_many_names_before_any_is_kept_keeps_no_more_than_the_limit(self) -> None:
        with self.rig(names_per_address=3) as rig:
            many = names(10)
            for name in many:
                rig.claim(name, name.folded, address="x")
            for name in many:
                rig.keep(name, name.folded)
            kept = [name for name in many if rig.find(name) is not None]
            assert kept == many[:3]
            for name in kept:
                self.check_kept(rig, name, name.folded)

    def test_a_borrowed_name_counts_until_it_is_given_up(self) -> None:
        with self.rig(names_per_address=1) as rig:
            first, second = names(2)
            for _ in range(5):
                assert isinstance(rig.claim(first, "1", address="x"), Claimed)
                # Who has borrowed a name may claim it again.
                assert isinstance(rig.claim(first, "1", address="x"), Claimed)
                answer = rig.claim(second, "2", address="x")
                assert answer == TooManyNames(retry_after=60_000)
                rig.release(first, "1")
            assert isinstance(rig.claim(second, "2", address="x"), Claimed)
            rig.crash()
            assert isinstance(rig.claim(first, "1", address="x"), Claimed)

    def test_a_borrowed_name_counts_no_longer_when_it_passes_to_another(self) -> None:
        with self.rig(names_per_address=1) as rig:
            first, second = names(2)
            assert isinstance(rig.claim(first, "dead", address="x"), Claimed)
            self.borrow(rig, first, "b", replacing="dead")
            assert isinstance(rig.claim(second, "2", address="x"), Claimed)

    def test_a_kept_name_counts_once(self) -> None:
        with self.rig(names_per_address=2) as rig:
            first, second, third = names(3)
            self.obtain(rig, first, "1", address="x")
            assert isinstance(rig.claim(first, "1", address="x"), Claimed)
            assert isinstance(rig.claim(second, "2", address="x"), Claimed)
            rig.now += DAY - 1_000
            # One of the two may be given up within the minute; but the other counts no longer.
            assert rig.claim(third, "3", address="x") == TooManyNames(retry_after=1)
            rig.now += 1_000
            assert isinstance(rig.claim(third, "3", address="x"), Claimed)

    def test_a_name_counts_against_the_address_that_claimed_it_first(self) -> None:
        with self.rig(names_per_address=1) as rig:
            first, second, third = names(3)
            assert isinstance(rig.claim(first, "1", address="x"), Claimed)
            assert isinstance(rig.claim(first, "1", address="y"), Claimed)
            rig.keep(first, "1")
            assert isinstance(rig.claim(second, "2", address="x"), TooManyNames)
            assert isinstance(rig.claim(third, "3", address="y"), Claimed)

    def test_what_is_swept_of_addresses_counted_no_longer(self) -> None:
        with self.rig(names_per_address=1) as rig:
            first, second = names(2)
            self.obtain(rig, first, "1", address="x")
            rig.now += DAY - 1
            rig.sweep()
            assert rig.claim(second, "2", address="x") == TooManyNames(retry_after=1)
            rig.now += 1
            rig.sweep()
            assert isinstance(rig.claim(second, "2", address="x"), Claimed)
            self.check_kept(rig, first, "1")

    def test_who_is_refused_by_the_limit_replaces_nobody(self) -> None:
        with self.rig(names_per_address=1) as rig:
            (first,) = names(1)
            self.obtain(rig, first, "1", address="x")
            self.borrow(rig, ALICE, "dead")
            assert isinstance(rig.claim(ALICE, "b", address="x", replacing="dead"), TooManyNames)
            assert rig.find(ALICE) == Holder(identity="dead", display="Alice", kept=False)

    def test_without_a_limit_an_address_keeps_any_number(self) -> None:
        with self.rig(names_per_address=0) as rig:
            for name in names(30):
                self.obtain(rig, name, name.folded, address="x")
