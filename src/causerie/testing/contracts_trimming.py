"""What every log promises of removing its oldest entries, as tests: see `causerie.ports.Log`."""

# ruff: noqa: D102 a test's name is its docstring

from causerie.chat.entry import Entry
from causerie.ports import Located, Rejected, Repeated, Stored
from causerie.testing.contracts import Answer, Contract, Rig, draft, private

ROOMS = ("red", "green", "blue")


class TrimmingContract(Contract):
    """The suite."""

    def ten(self, rig: Rig, room: str = "room") -> list[Entry]:
        """Stores ten entries, a second apart."""
        entries = []
        for number in range(10):
            rig.now += 1_000_000
            entries += rig.store(draft(f"{room} {number}", room=room))
        return entries

    # What stays.

    def test_the_newest_of_each_room_stay_as_they_were(self) -> None:
        with self.rig() as rig:
            rooms = {room: self.ten(rig, room) for room in ROOMS}
            rooms["talk"] = rig.store(*(private(f"{n}", room="talk") for n in range(10)))
            rooms["short"] = rig.store(draft("only", room="short"))
            assert rig.trim(keep=4) == 4 * 6
            for _ in range(2):
                for room, entries in rooms.items():
                    assert list(rig.read(room)) == entries[-4:]
                    assert list(rig.read_back(room)) == entries[-4:]
                rig.reopen()

    def test_what_is_not_older_than_a_time_stays(self) -> None:
        with self.rig() as rig:
            red, blue = self.ten(rig, "red"), self.ten(rig, "blue")
            assert rig.trim(before=red[7].timestamp) == 7
            assert list(rig.read("red")) == red[7:]
            assert list(rig.read("blue")) == blue
            assert rig.trim(before=blue[2].timestamp + 1) == 2 + 3
            assert list(rig.read("red")) == red[-1:]
            assert list(rig.read("blue")) == blue[3:]

    def test_rooms_in_which_much_is_said_at_once_hide_nothing_old_in_others(self) -> None:
        with self.rig() as rig:
            # Time strictly increases in a room: it is ahead of the clock here.
            lively = rig.store(*(draft(f"lively {number}", room="lively") for number in range(50)))
            quiet = rig.store(*(draft(f"quiet {number}", room="quiet") for number in range(5)))
            assert quiet[-1].timestamp < lively[20].timestamp
            assert rig.trim(before=lively[20].timestamp) == 20 + 4
            assert list(rig.read("lively")) == lively[20:]
            assert list(rig.read("quiet")) == quiet[-1:]

    def test_what_is_old_goes_and_so_does_what_is_too_much(self) -> None:
        with self.rig() as rig:
            red, blue = self.ten(rig, "red"), self.ten(rig, "blue")
            assert rig.trim(before=red[8].timestamp, keep=5) == 8 + 5
            assert list(rig.read("red")) == red[8:]
            assert list(rig.read("blue")) == blue[5:]

    def test_without_a_limit_everything_stays(self) -> None:
        with self.rig() as rig:
            entries = self.ten(rig)
            assert rig.trim() == 0
            assert rig.trim(before=entries[0].timestamp, keep=10) == 0
            assert list(rig.read()) == entries

    def test_the_newest_entry_stays_however_old_it_is(self) -> None:
        with self.rig() as rig:
            entries = self.ten(rig)
            (whisper,) = rig.store(private("whisper", room="talk"))
            before = rig.head()
            assert rig.trim(before=rig.now + 1_000_000_000_000) == 9
            for _ in range(2):
                head = rig.head()
                assert (head.epoch, head.seq, head.id) == (before.epoch, before.seq, before.id)
                assert (head.timestamp, list(head.recent)) == (before.timestamp, entries[-1:])
                assert sorted(rig.head("talk").members) == ["alice", "bob"]
                (talk,) = rig.conversations("bob")
                assert (talk.head.seq, talk.peer_name) == (whisper.seq, "Alice")
                rig.reopen()

    def test_what_is_said_next_follows_what_was_said_before(self) -> None:
        with self.rig() as rig:
            entries = self.ten(rig)
            rig.trim(keep=1)
            rig.reopen()
            (eleventh,) = rig.store(draft("eleventh"))
            assert eleventh.prev == entries[-1].seq < eleventh.seq
            assert eleventh.timestamp >= entries[-1].timestamp
            rig.trim(keep=1)
            (twelfth,) = rig.store(draft("twelfth"))
            assert twelfth.prev == eleventh.seq
            assert list(rig.read()) == [eleventh, twelfth]

    def test_those_who_watch_are_told_nothing_and_miss_nothing(self) -> None:
        with self.rig() as rig:
            entries = self.ten(rig)
            rig.watch("room")
            for number in range(8):
                entries += rig.store(draft(f"live {number}"))
                assert rig.trim(keep=3) == (8 if number == 0 else 1)
            assert rig.recorder.entries["room"] == entries[10:]
            assert list(rig.read()) == entries[-3:]

    # What is gone.

    def test_what_was_removed_is_not_read(self) -> None:
        with self.rig() as rig:
            entries = self.ten(rig)
            seqs = [entry.seq for entry in entries]
            rig.trim(keep=4)
            assert list(rig.read(after=seqs[1], limit=2)) == entries[6:8]
            assert list(rig.read(after=seqs[1], upto=seqs[4])) == []
            assert list(rig.read_back(before=seqs[5])) == []
            assert list(rig.read_back(before=seqs[7])) == entries[6:7]
            assert list(rig.read_back(limit=2)) == entries[8:]

    def test_the_oldest_that_is_left_names_one_that_is_gone(self) -> None:
        with self.rig() as rig:
            entries = self.ten(rig)
            rig.trim(keep=4)
            assert rig.read()[0].prev == entries[5].seq
            rig.reopen()
            assert rig.read_back()[0].prev == entries[5].seq

    def test_a_cursor_that_is_gone_is_not_followed(self) -> None:
        with self.rig() as rig:
            entries = self.ten(rig)
            rig.trim(keep=4)
            for _ in range(2):
                for entry in entries[:6]:
                    found = rig.locate(seq=entry.seq, id=entry.id, limit=2)
                    assert found == Located(after=entries[7].seq, recovered="none")
                    found = rig.locate(seq=entry.seq, id=entry.id)
                    assert found == Located(after=entries[5].seq, recovered="none")
                rig.reopen()

    def test_the_beginning_is_no_cursor_any_more(self) -> None:
        with self.rig() as rig:
            entries = self.ten(rig)
            rig.trim(keep=4)
            found = rig.locate(seq=0, id="", limit=100)
            assert found == Located(after=entries[5].seq, recovered="none")
            assert rig.locate("nowhere", seq=0, id="").recovered == "complete"

    def test_a_cursor_that_is_left_goes_on_as_before(self) -> None:
        with self.rig() as rig:
            entries = self.ten(rig)
            rig.trim(keep=4)
            for index in range(6, 10):
                entry = entries[index]
                found = rig.locate(seq=entry.seq, id=entry.id)
                assert found == Located(after=entry.seq, recovered="complete")
            found = rig.locate(seq=entries[6].seq, id=entries[6].id, limit=2)
            assert found == Located(after=entries[7].seq, recovered="partial", missing=1)

    def test_what_ends_before_all_that_is_left_is_empty(self) -> None:
        with self.rig() as rig:
            entries = self.ten(rig)
            rig.trim(keep=4)
            shown = entries[3].seq
            found = rig.locate(seq=shown, id=entries[3].id, upto=shown, limit=5)
            assert found.recovered == "none"
            assert list(rig.read(after=found.after, upto=shown)) == []
            after = rig.locate_time(timestamp=0, upto=shown, limit=5)
            assert list(rig.read(after=after, upto=shown)) == []

    def test_from_a_time_on_all_that_is_left_is_read(self) -> None:
        with self.rig() as rig:
            entries = self.ten(rig)
            rig.trim(keep=4)
            for index, first in ((0, 6), (5, 6), (6, 7), (8, 9), (9, 10)):
                after = rig.locate_time(timestamp=entries[index].timestamp)
                assert list(rig.read(after=after)) == entries[first:]
            assert list(rig.read(after=rig.locate_time(timestamp=0, limit=2))) == entries[8:]

    def test_an_id_is_known_as_long_as_its_entry_lives(self) -> None:
        with self.rig() as rig:
            entries = rig.store(*(draft(f"{number}") for number in range(10)))
            rig.trim(keep=4)
            assert rig.find_entry("alice", "3", room="room") is None
            assert rig.find_entry("alice", "7", room="room") == entries[7]
            first, second, third = rig.append(draft("3", content="other"), draft("7"), draft("3"))
            assert isinstance(first, Stored)
            assert isinstance(second, Repeated)
            assert second.entry == entries[7]
            assert isinstance(third, Rejected)
            rig.reopen()
            (again,) = rig.append(draft("3", content="other"))
            assert isinstance(again, Repeated)
            assert again.entry == first.entry
            assert list(rig.read()) == [*entries[6:], first.entry]

    def test_an_id_may_be_gone_again_and_again(self) -> None:
        with self.rig() as rig:
            for number in range(4):
                (outcome, _) = rig.append(draft("same"), draft(f"other {number}"))
                assert isinstance(outcome, Stored)
                assert rig.append(draft("same"))[0] == Repeated(
                    rig.recorder.outcomes[-1].draft, outcome.entry
                )
                rig.trim(keep=1)
                assert rig.find_entry("alice", "same", room="room") is None

    # How it goes.

    def test_another_call_removes_what_has_come_too_much_since(self) -> None:
        with self.rig() as rig:
            entries = self.ten(rig)
            assert rig.trim(keep=4) == 6
            assert rig.trim(keep=4) == 0
            entries += rig.store(draft("eleventh"), draft("twelfth"))
            assert rig.trim(keep=4) == 2
            assert list(rig.read()) == entries[-4:]
            assert rig.trim(keep=1) == 3
            assert list(rig.read()) == entries[-1:]

    def test_many_are_removed_while_others_are_stored(self) -> None:
        with self.rig() as rig:
            rooms = [f"room-{number}" for number in range(7)]
            old = rig.store(
                *(draft(f"{room} {n}", room=room) for n in range(150) for room in rooms)
            )
            answer = Answer[int]()
            rig.log.trim(before=0, keep=20, done=answer)
            new = rig.store(
                *(draft(f"{room} new {n}", room=room) for n in range(5) for room in rooms)
            )
            rig.until(lambda: bool(answer.values), "the end of the trimming")
            (removed,) = answer.values
            assert isinstance(removed, int)
            assert removed + rig.trim(keep=20) == 7 * 135
            for room in rooms:
                mine = [entry for entry in (*old, *new) if entry.room == room]
                assert list(rig.read(room)) == mine[-20:]

    def test_a_crash_on_the_way_leaves_the_end_of_each_room(self) -> None:
        for steps in (0, 3, 9):
            with self.rig() as rig:
                rooms = [f"room-{number}" for number in range(3)]
                entries = rig.store(
                    *(draft(f"{room} {n}", room=room) for n in range(80) for room in rooms)
                )
                rig.log.trim(before=0, keep=10, done=Answer[int]())
                for _ in range(steps):
                    rig.storage.step(0.001)
                rig.crash()
                for room in rooms:
                    mine = [entry for entry in entries if entry.room == room]
                    found = list(rig.read(room))
                    assert len(found) >= 10
                    assert found[1:] == mine[len(mine) - len(found) + 1 :]
                    assert found[0].id == mine[-len(found)].id
                    assert found[0].prev < found[0].seq
                rig.trim(keep=10)
                for room in rooms:
                    mine = [entry for entry in entries if entry.room == room]
                    assert list(rig.read(room)) == mine[-10:]
                    (next_one,) = rig.store(draft(f"{room} next", room=room))
                    assert next_one.prev == mine[-1].seq
