"""The stream's raw requests, with a real server."""

import json
from functools import partial

import pytest
from tests.adapters.jetstream_nodes import WITHIN, link, nats_server, new_prefix

from causerie.adapters import jetstream_stream
from causerie.adapters.jetstream_link import Link, LinkError, Lost, Message, Unanswered
from causerie.adapters.jetstream_stream import Found, Page, State, Stream, StreamError
from causerie.adapters.jetstream_subjects import Subjects

__all__ = ["link", "nats_server"]


@pytest.fixture
async def stream(link: Link) -> Stream:
    """A stream that has begun."""
    stream = Stream(link, Subjects(new_prefix()))
    await opened(stream, "epoch")
    return stream


async def opened(stream: Stream, epoch: str) -> State:
    return await stream.open(epoch=epoch, replicas=1, window=120.0, within=WITHIN)


async def put(link: Link, subject: str, payload: bytes = b"", message_id: str = "") -> int:
    """Stores a message; gives its seq."""
    headers = {"Nats-Msg-Id": message_id} if message_id else None
    answer = await link.request(subject, payload, within=WITHIN, headers=headers)
    return int(json.loads(answer.payload)["seq"])


async def newest(stream: Stream, filters: list[str], *, since: int, upto: int) -> dict[str, int]:
    """Finds the newest of some subjects; tells their seqs."""
    found = [each async for each in stream.newest(filters, since=since, upto=upto)]
    return {each.subject: each.seq for each in found}


async def test_whoever_comes_first_gives_the_stream_its_epoch(link: Link) -> None:
    stream = Stream(link, Subjects(new_prefix()))
    assert await opened(stream, "first") == State("first", 1)
    assert await opened(stream, "second") == State("first", 1)
    await put(link, stream.subjects.entry("room"))
    assert await stream.state() == State("first", 2)


async def test_what_is_no_stream_of_ours_is_not_used(link: Link) -> None:
    stream = Stream(link, Subjects(new_prefix()))
    with pytest.raises(StreamError):
        await stream.state()
    config = {"name": stream.subjects.stream, "subjects": stream.subjects.stored}
    await link.request(
        f"$JS.API.STREAM.CREATE.{stream.subjects.stream}",
        json.dumps(config).encode(),
        within=WITHIN,
    )
    with pytest.raises(StreamError, match="not one of Causerie's"):
        await opened(stream, "epoch")
    with pytest.raises(StreamError, match="does not make the log: replicas"):
        # A server on its own keeps one.
        await Stream(link, Subjects(new_prefix())).open(
            epoch="epoch", replicas=3, window=1.0, within=WITHIN
        )


async def test_a_cluster_that_has_not_found_its_servers_yet_is_asked_again(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = link.request
    answers = [{"error": {"code": 400, "err_code": 10005, "description": "no suitable peers"}}]

    async def just_begun(*args: object, **keywords: object) -> Message:
        if answers:
            return Message("", json.dumps(answers.pop()).encode())
        return await request(*args, **keywords)  # type: ignore[arg-type]

    monkeypatch.setattr(link, "request", just_begun)
    assert (await opened(Stream(link, Subjects(new_prefix())), "epoch")).epoch == "epoch"
    assert not answers


async def test_messages_are_found_by_their_places(link: Link, stream: Stream) -> None:
    red, blue = stream.subjects.entry("red"), stream.subjects.entry("blue")
    seqs = [await put(link, subject, b"x") for subject in (red, blue, red, red)]
    assert seqs == [2, 3, 4, 5]
    assert await stream.at(3) == Found(blue, 3, b"x")
    assert await stream.at(6) is None
    assert await stream.next(3) == Found(blue, 3, b"x")
    assert await stream.next(3, red) == Found(red, 4, b"x")
    assert await stream.next(6) is None
    nowhere = stream.subjects.entry("nowhere")
    last = await stream.last([red, blue, nowhere])
    assert last == {red: Found(red, 5, b"x"), blue: Found(blue, 3, b"x")}
    assert await stream.last([red, blue], upto=4) == {
        red: Found(red, 4, b"x"),
        blue: Found(blue, 3, b"x"),
    }
    assert await stream.last([blue], upto=2) == {}
    assert await stream.last([red, blue], since=4) == {red: Found(red, 5, b"x")}
    assert await stream.last([blue], since=4, upto=5) == {}
    assert await stream.last([]) == {}
    assert await stream.last_of(red) == Found(red, 5, b"x")
    assert await stream.last_of(nowhere) is None


async def test_a_page_tells_how_many_follow(link: Link, stream: Stream) -> None:
    red, blue = stream.subjects.entry("red"), stream.subjects.entry("blue")
    for subject in (red, blue, red, red, blue):
        await put(link, subject)
    page = await stream.page(red, after=0, limit=2)
    assert ([found.seq for found in page.messages], page.pending, page.total) == ([2, 4], 1, 3)
    page = await stream.page(red, after=4, limit=2)
    assert ([found.seq for found in page.messages], page.pending) == ([5], 0)
    page = await stream.page(red, after=5, limit=2)
    assert (page.messages, page.total) == ((), 0)


async def test_more_subjects_than_one_request_holds_are_asked_about(
    link: Link, stream: Stream
) -> None:
    subjects = [stream.subjects.entry(f"room-{number}") for number in range(1_100)]
    for number in (0, 600, 1_099):
        await put(link, subjects[number])
    assert set(await stream.last(subjects)) == {subjects[0], subjects[600], subjects[1_099]}


async def test_a_replica_that_has_not_got_so_far_is_asked_again(
    link: Link, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = stream.subjects.entry("room")
    asked = 0
    gather = link.gather

    async def late(*args: object, **keywords: object) -> list[Message]:
        nonlocal asked
        asked += 1
        if asked == 3:
            await put(link, subject)
        return await gather(*args, **keywords)  # type: ignore[arg-type]

    monkeypatch.setattr(link, "gather", late)
    assert (await stream.last([subject], upto=2)).keys() == {subject}
    assert asked >= 3
    asked = 0
    subject = stream.subjects.pointer("alice", "~talk")
    pointers = stream.subjects.pointers("alice")
    assert await newest(stream, [pointers], since=3, upto=3) == {subject: 3}
    assert asked >= 3


async def test_ids_are_known_that_were_stored_and_asking_stores_nothing(
    link: Link, stream: Stream
) -> None:
    assert await stream.stored_as("a") is None
    await put(link, stream.subjects.entry("room"), message_id="a")
    assert await stream.stored_as("a") == 2
    assert await stream.stored_as("b") is None
    assert (await stream.state()).last == 2
    await put(link, stream.subjects.entry("room"), message_id="b")
    assert await stream.stored_as("b") == 3


async def test_the_conversations_of_an_identity_are_listed(link: Link, stream: Stream) -> None:
    subjects = stream.subjects
    mine = {subjects.pointer("alice", f"~{number}") for number in range(20)}
    for subject in mine:
        await put(link, subject)
        await put(link, subject)
    await put(link, subjects.pointer("bob", "~1"))
    last = await put(link, subjects.pointer("bob", "~2"))
    rooms, newest = await stream.rooms_of("alice")
    assert (set(rooms), newest) == (mine, last)
    assert await stream.rooms_of("carol") == ([], last)


async def test_the_newest_of_each_conversation_of_many_is_found(link: Link, stream: Stream) -> None:
    subjects = stream.subjects
    names = [f"user-{number}" for number in range(8)]
    filters = [subjects.pointers(name) for name in names]
    assert await newest(stream, [], since=1, upto=1) == {}
    old = [await put(link, subjects.pointer(name, "~old")) for name in names]
    b, _, a = [await put(link, subjects.pointer(names[2], room)) for room in ("~b", "~a", "~a")]
    last = await put(link, subjects.pointer(names[3], "~new"))
    assert await newest(stream, filters, since=old[-1] + 1, upto=last) == {
        subjects.pointer(names[2], "~b"): b,
        subjects.pointer(names[2], "~a"): a,
        subjects.pointer(names[3], "~new"): last,
    }
    assert await newest(stream, filters, since=last + 1, upto=last) == {}


async def test_more_identities_than_one_question_holds_are_asked_about(
    link: Link, stream: Stream
) -> None:
    filters = [stream.subjects.pointers(f"user-{number}") for number in range(25_000)]
    assert sum(map(len, filters)) > link.max_payload
    pointers = [stream.subjects.pointer(f"user-{number}", "~talk") for number in (0, 24_999)]
    first, last = [await put(link, pointer) for pointer in pointers]
    assert await newest(stream, filters, since=2, upto=last) == {
        pointers[0]: first,
        pointers[1]: last,
    }


@pytest.mark.slow
async def test_more_conversations_than_one_answer_holds_are_told_of(
    link: Link, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    subjects = stream.subjects
    names = ["one", "many", "few"]
    filters = [subjects.pointers(name) for name in names]
    await put(link, subjects.pointer("one", "~talk"))

    def send(batch: int, reply: str) -> None:
        for number in range(1, 1_001):
            headers = {"Nats-Batch-Id": str(batch), "Nats-Batch-Sequence": str(number)}
            if number == 1_000:
                headers["Nats-Batch-Commit"] = "1"
            to = reply if number == 1_000 else ""
            subject = subjects.pointer("many", f"~{batch}-{number}")
            link.publish(subject, reply=to, headers=headers)

    for batch in range(2):
        await link.exchange(partial(send, batch), within=WITHIN, until=lambda _message: True)
    many = (await stream.state()).last
    few = subjects.pointer("few", "~talk")
    last = await put(link, few)
    found = await newest(stream, filters, since=2, upto=last)
    assert len(found) == 2_002
    assert found[few] == last
    found = await newest(stream, filters, since=many - 1, upto=last)
    assert sorted(found.values()) == [many - 1, many, last]
    assert await newest(stream, filters, since=last, upto=last) == {few: last}
    # They are read, and a replica that has less than the leader is asked again.
    page = stream.page
    left = 3

    async def page_of_a_replica(subject: str, *, after: int, limit: int) -> Page:
        nonlocal left
        left -= 1
        return Page((), 0) if left > 0 else await page(subject, after=after, limit=limit)

    monkeypatch.setattr(stream, "page", page_of_a_replica)
    assert len(await newest(stream, filters, since=many - 1, upto=last)) == 3
    left = 1_000_000
    monkeypatch.setattr(jetstream_stream, "READ_WITHIN", 0.05)
    with pytest.raises(Unanswered, match="a replica lags behind"):
        await newest(stream, filters, since=many - 1, upto=last)


async def test_what_nobody_answers_fails_in_time(
    link: Link, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unanswered(*_args: object, **_keywords: object) -> list[Message]:
        raise Unanswered("for a test")

    monkeypatch.setattr(link, "gather", unanswered)
    with pytest.raises(LinkError, match="for a test"):
        await stream._until(lambda: stream._direct({"seq": 1}), within=0.05)

    async def lost(*_args: object, **_keywords: object) -> list[Message]:
        link._is_up.clear()
        raise Lost("for a test")

    monkeypatch.setattr(link, "gather", lost)
    with pytest.raises(Lost, match="no NATS server answers"):
        await stream._until(lambda: stream._direct({"seq": 1}), within=0.05)
