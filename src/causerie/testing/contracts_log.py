"""What every log promises of appending and watching, as tests: see `causerie.ports.Log`."""

# ruff: noqa: D102 a test's name is its docstring

from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from causerie.chat.entry import Draft, Entry
from causerie.ports import Head, Rejected, Repeated, Stored
from causerie.testing.contracts import START, Answer, Contract, Rig, draft, private


class LogContract(Contract):
    """The suite. An adapter that cannot store something else says so in `unstorable`."""

    def unstorable(self) -> Draft:
        """Makes a draft that cannot be stored though others can."""
        return draft("bad", content="\ud800")

    # Storing.

    def test_an_entry_is_its_draft_with_a_place_in_the_room(self) -> None:
        with self.rig() as rig:
            first = draft("1", content="héllo \0 \U0001f600 123", reply_to="0")
            second = private("2", room="room")
            one, two = rig.store(first, second)
            for entry, its_draft in ((one, first), (two, second)):
                for field in msgspec.structs.fields(Draft):
                    if field.name != "first_tried":
                        assert getattr(entry, field.name) == getattr(its_draft, field.name)
            assert 0 == one.prev < one.seq == two.prev < two.seq
            assert START <= one.timestamp <= two.timestamp
            assert list(rig.read()) == [one, two]

    def test_an_outcome_has_the_very_draft_that_was_appended(self) -> None:
        with self.rig() as rig:
            mine = draft("1")
            assert rig.append(mine)[0].draft is mine

    def test_drafts_keep_their_order_in_each_room(self) -> None:
        with self.rig() as rig:
            drafts = [draft(str(number), room=f"room-{number % 3}") for number in range(200)]
            entries = rig.store(*drafts)
            for room in range(3):
                mine = [entry for entry in entries if entry.room == f"room-{room}"]
                assert [entry.id for entry in mine] == [str(n) for n in range(room, 200, 3)]
                assert [entry.prev for entry in mine] == [0] + [entry.seq for entry in mine[:-1]]
                assert all(entry.prev < entry.seq for entry in mine)
                assert list(rig.read(f"room-{room}")) == mine

    def test_time_never_goes_back_in_a_room_though_the_clock_may(self) -> None:
        with self.rig() as rig:
            entries = rig.store(draft("1"), draft("2"))
            rig.now -= 1_000_000
            entries += rig.store(draft("3"))
            rig.reopen()
            entries += rig.store(draft("4"))
            rig.now += 5_000_000
            entries += rig.store(draft("5"))
            times = [entry.timestamp for entry in entries]
            assert times == sorted(times)
            assert times[-1] >= rig.now

    def test_one_bad_draft_of_a_batch_is_rejected_alone(self) -> None:
        with self.rig() as rig:
            rig.watch("room")
            good = [draft(str(number)) for number in range(9)]
            bad = self.unstorable()
            outcomes = rig.append(*good[:4], bad, *good[4:])
            assert outcomes[4] == Rejected(bad, "failed")
            stored = [outcome.entry for outcome in outcomes if isinstance(outcome, Stored)]
            assert [entry.id for entry in stored] == [each.id for each in good]
            assert list(rig.read()) == stored == rig.recorder.entries["room"]
            rig.reopen()
            assert list(rig.read()) == stored

    def test_bad_drafts_alone_leave_nothing_behind(self) -> None:
        with self.rig() as rig:
            bad = self.unstorable()
            assert rig.append(bad) == [Rejected(bad, "failed")]
            assert rig.head().seq == 0
            (entry,) = rig.store(draft("good"))
            assert entry.prev == 0

    # Durability.

    def test_what_was_stored_is_there_after_a_restart(self) -> None:
        with self.rig() as rig:
            entries = rig.store(draft("1"), draft("2"), private("3", room="talk"))
            epoch = rig.epoch()
            rig.reopen()
            assert list(rig.read()) == entries[:2]
            assert list(rig.read("talk")) == entries[2:]
            assert rig.epoch() == epoch
            (after,) = rig.store(draft("4"))
            assert after.prev == entries[1].seq

    def test_what_was_acknowledged_is_there_after_the_process_is_lost(self) -> None:
        with self.rig() as rig:
            entries = rig.store(*(draft(str(number)) for number in range(50)))
            in_flight = [draft(f"in flight {number}") for number in range(50)]
            rig.hand_over(*in_flight)
            rig.crash()
            found = list(rig.read())
            assert found[:50] == entries
            # Of what was on its way anything may have been stored, but in its order and chained.
            ids = [entry.id for entry in found[50:]]
            assert ids == [each.id for each in in_flight if each.id in ids]
            assert [entry.prev for entry in found] == [0] + [entry.seq for entry in found[:-1]]
            # And nobody can tell how often it was tried.
            again = [msgspec.structs.replace(each) for each in in_flight]
            outcomes = rig.append(*again)
            for outcome in outcomes:
                known = outcome.draft.id in ids
                assert isinstance(outcome, Repeated if known else Stored)
            assert sorted(entry.id for entry in rig.read()[50:]) == sorted(
                each.id for each in in_flight
            )

    def test_close_stores_what_was_appended_and_tells_its_outcome(self) -> None:
        with self.rig() as rig:
            rig.hand_over(*(draft(str(number)) for number in range(500)))
            rig.log.close()
            assert len(rig.recorder.outcomes) == 500
            rig.reopen()
            assert len(rig.read()) == 500

    def test_a_lost_log_begins_again_with_another_epoch(self) -> None:
        with self.rig() as rig:
            before = rig.epoch()
            rig.store(draft("1"))
            with rig.closed() as storage:
                storage.lose()
            assert rig.epoch() != before
            assert rig.head().seq == 0
            assert rig.conversations("alice") == []

    # Duplicates.

    def check_repeats(self, between: Callable[[Rig], None]) -> None:
        """Sends a message, and again after `between`."""
        with self.rig() as rig:
            (entry,) = rig.store(draft("1", reply_to="0"))
            between(rig)
            # The author's name may have changed by then.
            (outcome,) = rig.append(draft("1", reply_to="0", username="Alicia"))
            assert isinstance(outcome, Repeated)
            assert outcome.entry == entry
            elsewhere = draft("1", reply_to="0", room="other")
            others = [
                draft("1", reply_to="0", content="other"),
                draft("1", reply_to="other"),
                private("1", room="room", content="hello"),
            ]
            for other in others:
                assert rig.append(other) == [Rejected(other, "id_reused")]
            if rig.storage.shares_ids("room", "other"):
                assert rig.append(elsewhere) == [Rejected(elsewhere, "id_reused")]
                assert rig.read("other") == []
            else:
                (stored,) = rig.store(elsewhere)
                assert rig.find_entry(stored.identity, "1", room="other") == stored
            assert [stored for stored in rig.read() if stored.id == "1"] == [entry]

    def test_a_repeat_is_answered_with_the_first_entry(self) -> None:
        self.check_repeats(lambda _rig: None)

    def test_a_repeat_after_many_others_is_answered_with_the_first_entry(self) -> None:
        def others(rig: Rig) -> None:
            rig.store(*(draft(f"other {number}") for number in range(300)))

        self.check_repeats(others)

    def test_a_repeat_after_a_restart_is_answered_with_the_first_entry(self) -> None:
        self.check_repeats(Rig.reopen)

    def test_a_repeat_after_a_crash_is_answered_with_the_first_entry(self) -> None:
        self.check_repeats(Rig.crash)

    def test_a_repeat_in_the_same_batch_is_answered_with_the_first_entry(self) -> None:
        with self.rig() as rig:
            reused = draft("1", content="other")
            outcomes = rig.append(draft("1"), draft("2"), draft("1"), reused, draft("1"))
            first, second, third, fourth, fifth = outcomes
            assert isinstance(first, Stored)
            assert isinstance(second, Stored)
            assert fourth == Rejected(reused, "id_reused")
            for repeat in (third, fifth):
                assert isinstance(repeat, Repeated)
                assert repeat.entry == first.entry
            assert list(rig.read()) == [first.entry, second.entry]

    def test_repeats_of_what_is_in_flight_are_stored_once(self) -> None:
        with self.rig() as rig:
            # Two devices of one identity try again and again, and do not wait.
            ids = [str(number) for number in range(40)]
            drafts = [draft(id) for _ in range(5) for id in ids]
            rig.hand_over(*drafts[:100])
            rig.storage.step(0.0)
            rig.hand_over(*drafts[100:])
            rig.settle()
            assert [entry.id for entry in rig.read()] == ids
            stored = [outcome for outcome in rig.recorder.outcomes if isinstance(outcome, Stored)]
            assert [outcome.entry.id for outcome in stored] == ids
            of = {outcome.entry.id: outcome.entry for outcome in stored}
            for outcome in rig.recorder.outcomes:
                assert not isinstance(outcome, Rejected)
                assert outcome.entry == of[outcome.draft.id]

    def test_an_id_belongs_to_the_identity_that_chose_it(self) -> None:
        with self.rig() as rig:
            # The name may be the same: it has changed hands.
            rig.store(draft("1"), draft("1", identity="mallory", content="other"))
            rig.reopen()
            outcomes = rig.append(draft("1"), draft("1", identity="mallory", content="other"))
            assert all(isinstance(outcome, Repeated) for outcome in outcomes)
            assert [entry.identity for entry in rig.read()] == ["alice", "mallory"]

    def test_a_repeat_tells_nothing_to_those_who_watch(self) -> None:
        with self.rig() as rig:
            rig.watch("room")
            entries = rig.store(draft("1"))
            rig.append(draft("1"), draft("1", content="other"))
            assert rig.recorder.entries["room"] == entries

    # Watching.

    def test_a_head_tells_where_a_room_ends(self) -> None:
        with self.rig() as rig:
            empty = rig.head()
            assert (empty.seq, empty.id, empty.timestamp) == (0, "", 0)
            assert (empty.members, list(empty.recent)) == ((), [])
            entries = rig.store(*(draft(str(number)) for number in range(20)))
            for _ in range(2):
                head = rig.head()
                last = entries[-1]
                assert (head.seq, head.id, head.timestamp) == (last.seq, last.id, last.timestamp)
                assert head.members == ()
                assert list(head.recent) == entries[len(entries) - len(head.recent) :]
                rig.reopen()

    def test_a_head_names_the_two_of_a_conversation(self) -> None:
        with self.rig() as rig:
            rig.store(private("1", room="talk"), private("2", room="note", peer="alice"))
            for _ in range(2):
                assert sorted(rig.head("talk").members) == ["alice", "bob"]
                assert rig.head("note").members == ("alice",)
                rig.reopen()

    def test_entries_of_watched_rooms_alone_are_told(self) -> None:
        with self.rig() as rig:
            rig.store(draft("before"))
            rig.watch("room")
            rig.store(draft("1"), draft("2", room="other"), draft("3"))
            assert [entry.id for entry in rig.recorder.entries["room"]] == ["1", "3"]
            rig.unwatch("room")
            rig.store(draft("4"))
            rig.watch("room")
            rig.store(draft("5"))
            assert [entry.id for entry in rig.recorder.entries["room"]] == ["1", "3", "5"]

    def test_a_room_may_be_let_go_of_before_its_head_comes(self) -> None:
        with self.rig() as rig:
            answer = Answer[object]()
            rig.log.watch("room", answer)
            rig.unwatch("room")
            rig.store(draft("1"))
            rig.until(lambda: bool(answer.values), "the head")
            rig.store(draft("2"))
            assert rig.recorder.entries == {}

    def test_a_room_watched_twice_is_told_once_and_let_go_of_once(self) -> None:
        with self.rig() as rig:
            rig.watch("room")
            rig.watch("room")
            rig.store(draft("1"))
            assert [entry.id for entry in rig.recorder.entries["room"]] == ["1"]
            rig.unwatch("room")
            rig.store(draft("2"))

    def test_between_a_head_and_what_follows_nothing_is_missing_and_nothing_twice(self) -> None:
        @given(st.lists(st.sampled_from(_ACTIONS), max_size=40))
        def check(actions: list[str]) -> None:
            with self.rig() as rig:
                _interleave(rig, actions)

        check()


_ACTIONS: Final = ("append", "watch", "unwatch", "read", "step")


def _interleave(rig: Rig, actions: list[str]) -> None:
    heads: list[Answer[Head]] = []
    reads: list[Answer[Sequence[Entry]]] = []

    def waits() -> bool:
        return not (all(head.values for head in heads) and all(read.values for read in reads))

    for number, action in enumerate(actions):
        match action:
            case "append":
                rig.hand_over(draft(str(number)), draft(str(number), room="other", identity="bob"))
            case "watch" if "room" not in rig.recorder.at and not waits():
                heads.append(Answer())
                rig.begin_watch("room", heads[-1])
            case "unwatch" if not waits():
                rig.unwatch("room")
            case "read":
                reads.append(Answer())
                rig.log.read("room", after=0, upto=10, limit=3, done=reads[-1])
            case _:
                rig.storage.step(0.0)
    rig.settle()
    rig.until(lambda: not waits(), "an answer")
    # The recorder has checked each entry as it came; the last must have come, too.
    if "room" in rig.recorder.at:
        rig.store(draft("last"))
        assert rig.recorder.at["room"] == rig.head().seq
