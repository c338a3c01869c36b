"""What every log promises of reading, as tests: see `causerie.ports.Log`."""

# ruff: noqa: D102 a test's name is its docstring

from typing import Final

from causerie.chat.entry import Entry
from causerie.ports import Located
from causerie.testing.contracts import Contract, Rig, draft, private

BEYOND: Final = 2**70
"""A number that no field of a database holds."""


class ReadingContract(Contract):
    """The suite."""

    # Reading.

    def test_reading_forward_takes_the_oldest_between_two_bounds(self) -> None:
        with self.rig() as rig:
            entries = rig.store(*(draft(str(number)) for number in range(10)))
            seqs = [entry.seq for entry in entries]
            assert list(rig.read(after=seqs[2], upto=seqs[7], limit=3)) == entries[3:6]
            assert list(rig.read(after=seqs[2], upto=seqs[4], limit=9)) == entries[3:5]
            assert list(rig.read(after=seqs[4], upto=seqs[4])) == []
            assert list(rig.read(after=seqs[5], upto=seqs[4])) == []
            assert list(rig.read(limit=0)) == []
            assert list(rig.read(after=seqs[-1])) == []
            assert list(rig.read(upto=BEYOND, limit=BEYOND)) == entries
            assert list(rig.read(after=BEYOND, upto=BEYOND)) == []
            assert list(rig.read("nowhere")) == []

    def test_reading_backward_takes_the_newest_before_a_bound(self) -> None:
        with self.rig() as rig:
            entries = rig.store(*(draft(str(number)) for number in range(10)))
            seqs = [entry.seq for entry in entries]
            assert list(rig.read_back(before=seqs[7], limit=3)) == entries[4:7]
            assert list(rig.read_back(before=seqs[1], limit=3)) == entries[:1]
            assert list(rig.read_back(before=seqs[0])) == []
            assert list(rig.read_back(limit=0)) == []
            assert list(rig.read_back(before=BEYOND, limit=BEYOND)) == entries
            assert list(rig.read_back("nowhere")) == []

    def test_reads_are_answered_in_the_order_in_which_they_were_asked(self) -> None:
        with self.rig() as rig:
            entries = rig.store(*(draft(str(number)) for number in range(10)))
            order: list[object] = []
            for entry in entries:
                bounds = {"after": entry.prev, "upto": entry.seq}
                rig.log.read("room", **bounds, limit=1, done=order.append)
            rig.until(lambda: len(order) == 10, "an answer")
            assert order == [[entry] for entry in entries]

    def test_what_was_said_is_found_by_its_author_and_id(self) -> None:
        with self.rig() as rig:
            said, whispered = rig.store(draft("one"), private("two", room="~pair"))
            (other,) = rig.store(draft("one", identity="k:somebody-else"))
            assert rig.find_entry(said.identity, "one", room="room") == said
            assert rig.find_entry(whispered.identity, "two") == whispered
            assert rig.find_entry("k:somebody-else", "one", room="room") == other
            assert rig.find_entry("k:somebody-else", "two", room="room") is None
            assert rig.find_entry("k:nobody", "one", room="room") is None
            rig.reopen()
            assert rig.find_entry(said.identity, "one", room="room") == said

    # Finding the place of a cursor.

    def ten(self, rig: Rig) -> list[Entry]:
        """Stores ten entries."""
        return rig.store(*(draft(str(number)) for number in range(10)))

    def follow(self, rig: Rig, located: Located, *, upto: int) -> list[str]:
        """Lists the ids that a reader is sent from the place that was found."""
        return [entry.id for entry in rig.read(after=located.after, upto=upto)]

    def test_a_cursor_that_holds_goes_on_where_it_stands(self) -> None:
        with self.rig() as rig:
            entries = self.ten(rig)
            head = entries[8].seq
            for index in range(9):
                found = rig.locate(seq=entries[index].seq, id=str(index), upto=head, limit=10)
                assert found == Located(after=entries[index].seq, recovered="complete")
                ids = [str(number) for number in range(index + 1, 9)]
                assert self.follow(rig, found, upto=head) == ids

    def test_the_beginning_is_a_cursor(self) -> None:
        with self.rig() as rig:
            assert rig.locate(seq=0, id="", limit=0) == Located(after=0, recovered="complete")
            entries = self.ten(rig)
            head = entries[-1].seq
            assert rig.locate(seq=0, id="", limit=10) == Located(after=0, recovered="complete")
            found = rig.locate(seq=0, id="", limit=4)
            assert (found.recovered, found.missing) == ("partial", 6)
            assert self.follow(rig, found, upto=head) == ["6", "7", "8", "9"]

    def test_a_cursor_far_behind_gets_the_newest_and_the_count_of_the_rest(self) -> None:
        with self.rig() as rig:
            entries = self.ten(rig)
            head = entries[8].seq
            for limit in range(6):
                found = rig.locate(seq=entries[2].seq, id="2", upto=head, limit=limit)
                assert (found.recovered, found.missing) == ("partial", 6 - limit)
                ids = [str(number) for number in range(9 - limit, 9)]
                assert self.follow(rig, found, upto=head) == ids
            found = rig.locate(seq=entries[2].seq, id="2", upto=head, limit=6)
            assert found == Located(after=entries[2].seq, recovered="complete")

    def test_a_cursor_ahead_of_what_is_shown_misses_nothing(self) -> None:
        with self.rig() as rig:
            entries = self.ten(rig)
            upto = entries[4].seq
            found = rig.locate(seq=entries[7].seq, id="7", upto=upto, limit=3)
            assert found == Located(after=entries[7].seq, recovered="complete")

    def test_a_cursor_beyond_the_log_is_not_followed(self) -> None:
        with self.rig() as rig:
            entries = self.ten(rig)
            for seq in (entries[-1].seq + 1, entries[-1].seq + 1000, BEYOND):
                found = rig.locate(seq=seq, id="unknown", limit=3)
                assert (found.recovered, found.missing) == ("none", 0)
                assert self.follow(rig, found, upto=entries[-1].seq) == ["7", "8", "9"]
            assert rig.locate("nowhere", seq=3, id="3") == Located(after=0, recovered="none")

    def test_a_cursor_with_an_unknown_id_is_not_followed(self) -> None:
        with self.rig() as rig:
            entries = self.ten(rig)
            rig.store(draft("elsewhere", room="other"))
            for id in ("unknown", "", "elsewhere"):
                found = rig.locate(seq=entries[4].seq, id=id, upto=entries[6].seq, limit=2)
                assert found.recovered == "none"
                assert self.follow(rig, found, upto=entries[6].seq) == ["5", "6"]
            found = rig.locate(seq=entries[4].seq, id="unknown", limit=100)
            assert found == Located(after=0, recovered="none")
            found = rig.locate(seq=entries[4].seq, id="unknown", limit=0)
            assert found == Located(after=entries[-1].seq, recovered="none")

    def test_a_cursor_whose_id_is_elsewhere_in_the_room_is_not_followed(self) -> None:
        with self.rig() as rig:
            entries = self.ten(rig)
            for seq in (0, entries[1].seq, entries[7].seq):
                found = rig.locate(seq=seq, id="4", limit=3)
                assert found.recovered == "none"
                assert self.follow(rig, found, upto=entries[-1].seq) == ["7", "8", "9"]

    def test_a_cursor_of_another_epoch_is_not_followed(self) -> None:
        with self.rig() as rig:
            entries = self.ten(rig)
            for seq, id in ((0, ""), (entries[4].seq, "4"), (entries[2].seq, "4")):
                assert rig.locate(seq=seq, id=id, epoch="another").recovered == "none"

    def test_an_id_that_is_in_the_room_twice_is_told_apart_by_its_seq(self) -> None:
        with self.rig() as rig:
            first, between, second = rig.store(
                draft("same"), draft("between"), draft("same", identity="mallory")
            )
            for entry in (first, second):
                found = rig.locate(seq=entry.seq, id="same")
                assert found == Located(after=entry.seq, recovered="complete")
            assert rig.locate(seq=between.seq, id="same").recovered == "none"
            assert rig.locate(seq=second.seq + 1, id="same").recovered == "none"

    def test_after_an_older_copy_is_restored_no_false_continuation_is_found(self) -> None:
        with self.rig() as rig:
            before = rig.store(draft("1"), draft("2"))
            with rig.closed() as storage:
                saved = storage.save()
            lost = rig.store(draft("3"), draft("4"))
            with rig.closed() as storage:
                storage.restore(saved)
            assert list(rig.read()) == before
            for entry in lost:
                assert rig.locate(seq=entry.seq, id=entry.id).recovered == "none"
            since = rig.store(*(draft(f"since {n}", identity="bob") for n in range(4)))
            for entry in lost:
                found = rig.locate(seq=entry.seq, id=entry.id, limit=2)
                assert found.recovered == "none"
                assert self.follow(rig, found, upto=since[-1].seq) == ["since 2", "since 3"]
            found = rig.locate(seq=before[1].seq, id="2")
            assert found == Located(after=before[1].seq, recovered="complete")
            # What was lost may be sent again, but after what its reader has never seen.
            rig.store(draft("4"))
            assert rig.locate(seq=lost[1].seq, id="4").recovered == "none"

    def test_a_cursor_of_a_lost_log_is_not_followed(self) -> None:
        with self.rig() as rig:
            epoch = rig.epoch()
            (entry,) = rig.store(draft("1"))
            with rig.closed() as storage:
                storage.lose()
            (other,) = rig.store(draft("other"))
            assert rig.locate(seq=entry.seq, id="1", epoch=epoch).recovered == "none"
            found = rig.locate(seq=entry.seq, id="1", epoch=epoch, limit=0)
            assert found == Located(after=other.seq, recovered="none")

    # Finding a time.

    def test_from_a_time_on_all_that_is_later_is_read(self) -> None:
        with self.rig() as rig:
            entries = []
            for number in range(10):
                rig.now += 1_000
                entries += rig.store(draft(str(number)))
            for index, entry in enumerate(entries):
                for timestamp, first in (
                    (entry.timestamp, index + 1),
                    (entry.timestamp - 1, index),
                ):
                    after = rig.locate_time(timestamp=timestamp)
                    assert list(rig.read(after=after)) == entries[first:]
            after = rig.locate_time(timestamp=0, limit=3)
            assert list(rig.read(after=after)) == entries[7:]
            after = rig.locate_time(timestamp=0, limit=3, upto=entries[5].seq)
            assert list(rig.read(after=after, upto=entries[5].seq)) == entries[3:6]
            after = rig.locate_time(timestamp=entries[4].timestamp, limit=3, upto=entries[5].seq)
            assert list(rig.read(after=after, upto=entries[5].seq)) == entries[5:6]
            assert rig.locate_time(timestamp=BEYOND) == entries[-1].seq
            assert rig.locate_time(timestamp=-1, limit=BEYOND, upto=BEYOND) == 0
            assert rig.locate_time(timestamp=0, limit=0) == entries[-1].seq
            assert rig.locate_time("nowhere", timestamp=0) == 0

    # Conversations.

    def test_both_sides_find_their_conversation_under_the_others_newest_name(self) -> None:
        with self.rig() as rig:
            rig.store(private("1", room="talk"))
            (answer,) = rig.store(
                private("2", room="talk", identity="bob", username="Bobby", peer="alice", to="Ali")
            )
            for _ in range(2):
                (hers,) = rig.conversations("alice")
                (his,) = rig.conversations("bob")
                assert (hers.room, hers.peer_name) == ("talk", "Bobby")
                assert (his.room, his.peer_name) == ("talk", "Ali")
                for head in (hers.head, his.head):
                    assert (head.seq, head.id) == (answer.seq, "2")
                    assert head.timestamp == answer.timestamp
                    assert sorted(head.members) == ["alice", "bob"]
                    assert head.epoch == rig.epoch()
                assert rig.conversations("mallory") == []
                rig.reopen()

    def test_who_writes_to_themselves_has_one_conversation(self) -> None:
        with self.rig() as rig:
            rig.store(private("1", room="note", peer="alice", to="Alice"))
            (note,) = rig.conversations("alice")
            assert (note.peer_name, note.head.members) == ("Alice", ("alice",))

    def test_conversations_come_in_pages_in_the_order_of_their_rooms(self) -> None:
        with self.rig() as rig:
            rooms = [f"talk-{letter}" for letter in "cabed"]
            rig.store(*(private(room, room=room, peer=room) for room in rooms))
            rig.store(draft("public"))
            page = rig.conversations("alice", limit=2)
            assert [talk.room for talk in page] == ["talk-a", "talk-b"]
            page = rig.conversations("alice", after="talk-b", limit=2)
            assert [talk.room for talk in page] == ["talk-c", "talk-d"]
            page = rig.conversations("alice", after="talk-d", limit=2)
            assert [talk.room for talk in page] == ["talk-e"]
            assert rig.conversations("alice", after="talk-e", limit=2) == []
            assert rig.conversations("alice", limit=0) == []
