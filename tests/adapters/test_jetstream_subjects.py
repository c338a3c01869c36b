from hypothesis import given
from hypothesis import strategies as st

from causerie.adapters.jetstream_subjects import Subjects, message_id, room_of

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=64)
SUBJECTS = Subjects("causerie")


@given(TEXTS)
def test_a_room_is_found_again_in_each_of_its_subjects(room: str) -> None:
    subjects = (
        SUBJECTS.entry(room),
        SUBJECTS.live_entry(room),
        SUBJECTS.pointer("k:alice", room),
    )
    for subject in subjects:
        assert room_of(subject) == room
        assert subject.isascii()
        assert not set(subject) & set(" *>\r\n")


@given(TEXTS, TEXTS)
def test_two_rooms_share_no_subject(one: str, other: str) -> None:
    assert (SUBJECTS.entry(one) == SUBJECTS.entry(other)) == (one == other)


def test_what_is_stored_is_published_again_where_its_watchers_listen() -> None:
    for stored, heard in (
        (SUBJECTS.entry("lobby"), SUBJECTS.live_entry("lobby")),
        (SUBJECTS.pointer("k:alice", "~talk"), SUBJECTS.live_pointers("k:alice")[:-1]),
    ):
        source, destination = SUBJECTS.all[:-1], SUBJECTS.live[:-1]
        assert stored.startswith(source)
        assert stored.replace(source, destination).startswith(heard)


def test_the_name_of_an_identity_stands_in_no_subject() -> None:
    for subject in (SUBJECTS.pointer("alice", "~talk"), SUBJECTS.pointers("alice")):
        assert "alice" not in subject
    assert SUBJECTS.pointer("alice", "~talk").startswith(SUBJECTS.pointers("alice")[:-1])


def test_an_id_is_one_of_its_identity() -> None:
    ids = {message_id(identity, id) for identity in ("k:a", "k:b") for id in ("1", "2", "")}
    assert len(ids) == 6
    assert message_id("k:a", "1") == message_id("k:a", "1")
