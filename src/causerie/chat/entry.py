"""What a room's log is made of."""

from typing import Literal

import msgspec

EntryKind = Literal["message", "private"]


class Draft(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An entry that has no place in the log yet."""

    room: str
    """The room's folded name, or a conversation's opaque one."""
    identity: str
    """Who says it; the scope of `id`."""
    id: str
    """Chosen by the author's client, or by the server where the client chose none."""
    kind: EntryKind
    username: str
    """The author's name, as displayed when it was said."""
    content: str
    to: str = ""
    """A private entry: the recipient's name, as displayed when it was said."""
    peer: str = ""
    """A private entry: the recipient's identity."""
    reply_to: str = ""
    """The id of the entry that this one answers, or empty."""
    first_tried: int | None = None
    """Microseconds since 1970 at which the client first sent it, told on a retry only."""


class Entry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One place in a room's log. Never changes once it is there."""

    room: str
    seq: int
    """Strictly increasing in the room; gaps are legal."""
    prev: int
    """The seq of the entry before it in the room; 0 if it is the first."""
    identity: str
    id: str
    kind: EntryKind
    username: str
    content: str
    timestamp: int
    """Microseconds since 1970; in a room it never goes back."""
    to: str = ""
    peer: str = ""
    reply_to: str = ""


def placed(draft: Draft, *, seq: int, prev: int, timestamp: int) -> Entry:
    """The entry that a draft becomes at its place in the log."""
    return Entry(
        room=draft.room,
        seq=seq,
        prev=prev,
        identity=draft.identity,
        id=draft.id,
        kind=draft.kind,
        username=draft.username,
        content=draft.content,
        timestamp=timestamp,
        to=draft.to,
        peer=draft.peer,
        reply_to=draft.reply_to,
    )


def repeats(draft: Draft, entry: Entry) -> bool:
    """Whether a draft under an entry's (identity, id) is that entry sent again.

    Another room, kind or content under the same id is another message (the error `id_reused`);
    the author's or the recipient's name may have changed in between.
    """
    return (
        draft.room == entry.room
        and draft.kind == entry.kind
        and draft.content == entry.content
        and draft.reply_to == entry.reply_to
    )
