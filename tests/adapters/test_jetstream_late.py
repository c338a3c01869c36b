import asyncio

from tests.adapters.jetstream_nodes import until

from causerie.adapters.jetstream_late import Late
from causerie.adapters.jetstream_tasks import Tasks
from causerie.chat.entry import Draft, Entry, placed
from causerie.testing.contracts import draft

STORED = "stored"
"""The id of what was stored before."""


class Desk:
    """Old drafts are those whose id begins so; they are looked for until the test lets them be."""

    def __init__(self) -> None:
        self.looks: list[Draft] = []
        self.answer = asyncio.Event()
        self.told: list[tuple[str, Draft]] = []
        self.late = Late(
            Tasks(self.failed),
            is_old=lambda one: one.id.startswith(("old", STORED)),
            look=self.look,
            found=lambda one, _entry: self.told.append(("found", one)),
            put=lambda one: self.told.append(("put", one)),
            reject=lambda one: self.told.append(("reject", one)),
        )

    def failed(self, error: BaseException) -> None:
        raise AssertionError(error)

    async def look(self, one: Draft) -> Entry | None:
        self.looks.append(one)
        await self.answer.wait()
        return placed(one, seq=1, prev=0, timestamp=1) if one.id == STORED else None


async def test_what_is_not_old_does_not_wait() -> None:
    desk = Desk()
    assert not desk.late.take(draft("new"))
    assert len(desk.late) == 0


async def test_what_an_author_says_after_something_old_waits_for_it_and_nobody_else_does() -> None:
    desk = Desk()
    known, old, new = draft(STORED), draft("old"), draft("new")
    assert [desk.late.take(one) for one in (known, old, new)] == [True] * 3
    assert not desk.late.take(draft("new", identity="bob"))
    assert len(desk.late) == 3
    await until(lambda: desk.looks == [known], "the first look")
    assert desk.told == []
    desk.answer.set()
    await until(lambda: not len(desk.late), "the end")
    assert desk.looks == [known, old]
    assert desk.told == [("found", known), ("put", old), ("put", new)]
    assert not desk.late.take(draft("new"))


async def test_what_waits_behind_something_old_can_be_withdrawn() -> None:
    desk = Desk()
    known, old, new, later = draft(STORED), draft("old"), draft("new"), draft("later")
    others = [draft("old", identity="bob"), draft("new", identity="bob")]
    for one in (known, old, new, *others):
        desk.late.take(one)
    desk.late.withdraw("alice")
    desk.late.withdraw("somebody who waits for nothing")
    desk.late.take(later)
    assert desk.told == []
    desk.answer.set()
    await until(lambda: not len(desk.late), "the end")
    assert [each for each in desk.told if each[1].identity == "alice"] == [
        ("found", known),
        ("put", old),
        ("reject", new),
        ("put", later),
    ]
    assert [each for each in desk.told if each[1].identity == "bob"] == [
        ("put", one) for one in others
    ]
