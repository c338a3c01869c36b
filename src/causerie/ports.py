"""What the server needs of the world outside: a log, a directory of names, and in a cluster a bus.

The promises of Causerie live at this seam. Every adapter passes the contract suites in
`causerie.testing`; whatever a docstring here says must be atomic, ordered or durable is a test
there.

**How answers come.** Nothing here blocks, and nothing awaits: a call returns at once, and the
answer comes later as a call of `done`, or of an observer, always from the thread that drives the
server (the event loop's), never from within the call itself. Each `done` is called exactly once,
unless the adapter is closed or has failed first.

**Time** is microseconds since 1970 (UTC), as an integer. **Rooms** are named by their folded name,
conversations by their opaque one; both are plain strings here.
"""

from collections.abc import Callable, Sequence
from typing import Literal, Protocol

import msgspec

from causerie.chat.entry import Draft, Entry
from causerie.chat.names import Name


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """Where a room's log ends, and what sort of room it is."""

    epoch: str
    """Changes when the log was lost, moved or begun again: seqs of two epochs do not compare."""
    seq: int
    """0 in a room without entries."""
    id: str
    """The id of the entry at `seq`, or empty."""
    timestamp: int
    """The time of that entry, or 0."""
    members: tuple[str, ...] = ()
    """A private conversation: the two identities in it. Empty for a public room."""
    recent: Sequence[Entry] = ()
    """The newest entries up to `seq`, oldest first, as many as the adapter finds cheap to tell."""


class Stored(msgspec.Struct, frozen=True, gc=False):
    """The draft is durable, as this entry."""

    draft: Draft
    entry: Entry


class Repeated(msgspec.Struct, frozen=True, gc=False):
    """The draft had been stored before, as this entry; nothing was written."""

    draft: Draft
    entry: Entry


class Rejected(msgspec.Struct, frozen=True, gc=False):
    """Nothing was written, and the draft will never be: `id_reused`; `failed` where this one entry
    cannot be stored though others can; or `name_lost` where the author's name was given to somebody
    else before it could be.
    """

    draft: Draft
    reason: Literal["id_reused", "failed", "name_lost"]


Outcome = Stored | Repeated | Rejected


class Commit(msgspec.Struct, frozen=True, gc=False):
    """What became durable in one stroke."""

    outcomes: Sequence[Outcome]
    """Of this node's drafts, each author's in the order in which they were appended; each has the
    very object that was handed over."""
    entries: Sequence[Entry]
    """The new entries of watched rooms, in the order of the log in each room: those of this
    node's drafts among them, and, in a cluster, those of other nodes. There an entry may come in an
    earlier commit than its outcome, never in a later one if its room was watched from before the
    draft was appended."""


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """A private conversation, as one of the two sees it."""

    room: str
    peer_name: str
    """The other's name in its newest entry."""
    head: Head


class Located(msgspec.Struct, frozen=True, kw_only=True):
    """Where a reader goes on from."""

    after: int
    """The entries to send are those with a greater seq, up to the shown head. It is the `prev` of
    the first of them; that entry may have been removed."""
    recovered: Literal["complete", "partial", "none"]
    missing: int = 0
    """`partial`: how many entries between the cursor and the first to send are left out."""


class Failed(msgspec.Struct, frozen=True):
    """A read could not be done now; trying again may help."""

    reason: str


class LogObserver(Protocol):
    """Who is told of what the log has done."""

    def committed(self, commit: Commit) -> None:
        """A batch is durable. Called once a batch, in the order of the batches."""

    def addressed(self, entry: Entry) -> None:
        """Another node has stored a private entry from or to somebody who is followed, in a room
        that was not watched then. Of a room's entries the first that was not told comes first; who
        then watches the room is told what followed it in its head and in commits, and may be told
        of some in here as well. Where there is such an entry in the head of a room that is being
        watched, the first comes in here before that head does: whatever is told later is behind it.
        """

    def log_failed(self, reason: str) -> None:
        """The outcome of a commit is unknown, or the log is gone: nothing further will be
        acknowledged. Called once at most; the process must not go on answering.
        """


class Log(Protocol):
    """The rooms' logs: entries are added at the end, and only `trim` takes some from the beginning.

    *Durable*: an entry in a `Commit` survives the loss of the process and of power. *Atomic*: a
    draft is stored whole, with its seq, prev and place among duplicates, or not at all; of many
    drafts under one (identity, id), wherever and whenever they are appended, one at most is stored,
    and the others are answered as `Repeated` with the same entry, or `id_reused` if they differ
    (`causerie.chat.entry.repeats`), as long as the entry lives. (A log in several parts may store
    one in each, where somebody uses an id again in a room of another part.) *Ordered*: seq strictly
    increases in a room, prev names the entry before, timestamps never go back (one machine: they
    strictly increase); drafts appended one after the other to one room keep that order. One bad
    draft of a batch is `Rejected` alone.
    """

    def observe(self, observer: LogObserver) -> None:
        """Names the one observer. Called once, before all else."""

    def append(self, draft: Draft) -> None:
        """Hands over a draft. Its outcome, with this very object in it, comes in a `Commit`, once
        and only once, or not at all after `log_failed`.
        """

    def watch(self, room: str, done: Callable[[Head | Failed], None]) -> None:
        """Begins to tell of a room: `done` gets its head, and from that very point on every later
        entry of the room comes in a `Commit`, with none missing and none twice between the two.

        Watching is not counted: whoever watches a room twice gets its head twice, each later entry
        once, and one `unwatch` ends it.
        """

    def unwatch(self, room: str) -> None:
        """Ends telling of a room. From this call on no `Commit` has an entry of it, until another
        `watch`, called after this, has been answered.
        """

    def follow(self, identity: str) -> None:
        """Begins to tell of the private entries from and to an identity: `LogObserver.addressed`.

        Following is not counted. A log that has one node has nothing to tell: whatever it stores is
        in a room that its only server watches.
        """

    def unfollow(self, identity: str) -> None:
        """Ends telling of an identity's private entries."""

    def read(
        self,
        room: str,
        *,
        after: int,
        upto: int,
        limit: int,
        done: Callable[[Sequence[Entry] | Failed], None],
    ) -> None:
        """Reads the oldest `limit` entries with `after` < seq <= `upto`, oldest first."""

    def read_back(
        self,
        room: str,
        *,
        before: int,
        limit: int,
        done: Callable[[Sequence[Entry] | Failed], None],
    ) -> None:
        """Reads the newest `limit` entries with seq < `before`, oldest first."""

    def find_entry(
        self,
        identity: str,
        id: str,
        *,
        room: str,
        since: int,
        done: Callable[[Entry | Failed | None], None],
    ) -> None:
        """Tells what an identity has said under an id, if it is durable.

        It may have said it in any room, before or after: `room` is where it is most likely to be
        found, or empty for one of the identity's conversations, and `since` when it was tried
        first, or 0 where that is not known. A log that keeps ids for some time only has to find
        what is older by these, and nothing that is older without a time.
        """

    def locate(
        self,
        room: str,
        *,
        seq: int,
        id: str,
        epoch: str,
        upto: int,
        limit: int,
        done: Callable[[Located | Failed], None],
    ) -> None:
        """Finds where a reader with the cursor (`epoch`, `seq`, `id`) goes on.

        The cursor holds if the epoch is the log's and the entry at `seq` has that id (seq 0 with an
        empty id is before all entries, where none was removed). Otherwise `none`, with `after` so
        that the newest `limit` entries up to `upto` follow; never a guess. That the id stands
        elsewhere proves nothing: in a log restored from an older copy it may have been sent again,
        after entries that the reader has never seen, and to go on from there would hide them.

        With at most `limit` entries between the cursor and `upto` (inclusive) the answer is
        `complete`; with more it is `partial`, the newest `limit` follow, and `missing` counts the
        rest. A cursor that holds may stand beyond `upto`: that is `complete`, and `after` is the
        cursor. No `seq`, `upto` or `limit` is too great to be asked about.
        """

    def locate_time(
        self,
        room: str,
        *,
        timestamp: int,
        upto: int,
        limit: int,
        done: Callable[[int | Failed], None],
    ) -> None:
        """Finds the seq after which to read so that all entries later than `timestamp`, the newest
        `limit` of them at most, up to `upto`, follow.
        """

    def conversations(
        self,
        identity: str,
        *,
        after: str,
        limit: int,
        done: Callable[[Sequence[Conversation] | Failed], None],
    ) -> None:
        """Lists an identity's private conversations in the order of their room names, from the
        first that is greater than `after`.
        """

    def trim(self, *, before: int, keep: int, done: Callable[[int | Failed], None]) -> None:
        """Removes the oldest entries of every room for good: those said earlier than `before` (0:
        none for its age), and all but the newest `keep` (0: none for its rank). Tells how many
        this call has removed.

        The newest entry of a room is never removed, so that the head stays what it is, `seq` goes
        on increasing and the next entry names what was before it. What is left of a room is its
        end, without a hole; the oldest entry left names in `prev` one that is gone. What is removed
        is read, located, listed and found no more: its id may be stored again, a cursor at it is
        answered by `none`, and so is the one before all entries of a room that was trimmed. Nothing
        is told of that in commits; what is removed before it could be told never is, and the first
        entry told after it names another before it than the last that was.

        It is done in slices, so that nothing else waits long. A crash leaves a room trimmed less
        far; its oldest entry may then name one before it that never was. Another call, of this node
        or another, removes what this one has not. In a cluster, whose clocks differ, an entry may
        outlive `before` by as much until then.
        """

    def close(self, within: float = 4.0) -> None:
        """Commits what was appended, tells its outcome, and lets go. Blocks until done, and for so
        many seconds at most, whatever the disk does: what is not durable by then is not
        acknowledged any more, and `log_failed` says so. The observer is called from within.
        """


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds a name."""

    identity: str
    display: str
    kept: bool
    """The name stays the identity's while it is away."""
    node: str = ""
    """Of a name that is borrowed on another node, that node, which can tell whether the identity is
    alive there; empty if it is borrowed here."""


class Claimed(msgspec.Struct, frozen=True):
    """The name is the claimant's."""

    holder: Holder
    instead: Name | None = None
    """The name that it is, where one who comes back holds another than the one claimed."""


class Taken(msgspec.Struct, frozen=True):
    """The name, or one that looks like it, is another's."""

    holder: Holder
    folded: str
    """The holder's name, folded: it differs from the claimed one where it only looks like it."""


class TooManyNames(msgspec.Struct, frozen=True):
    """This address has taken as many new names as it may."""

    retry_after: int
    """Milliseconds after which one may be free again: when the first of them no longer counts; a
    minute at most while some are borrowed, since those may be given up at any time."""


ClaimAnswer = Claimed | Taken | TooManyNames | Failed


class Directory(Protocol):
    """Who holds which name.

    A name is *borrowed* by a session from `claim` to `release`, and gone with the process; or
    *kept* by an identity from `keep` on, durably, until it has been unused for 90 days or an
    operator releases it; while somebody uses it, it is not unused, and a server that is lost
    meanwhile leaves it as one that was used at the last `sweep`, or not more than a day before. One
    name (by its folded form), and all that look alike (by skeleton), have one holder at any time:
    `claim` is atomic, in a cluster too. An identity may hold several names. Claims are not counted:
    one `release` ends them all.

    In a cluster a name is borrowed on each node that claims it for its holder, until that node
    releases it or is gone; it is free when it is borrowed nowhere. Each node speaks for itself: who
    replaces an identity replaces its session on this node. Of one that is borrowed elsewhere too,
    `Taken` names the other node, which alone can tell that the identity is gone there, by its
    `release`.

    **The last name.** Of the names that an identity holds, one is its last: that claimed last of
    those it uses, or else, durably, of those it keeps. So that this is what people called it last,
    an identity that keeps a name keeps each other one from the `claim` on.

    **The limit.** From one address so many new names may be kept in a day, and no more. Those that
    are borrowed from there count as well, since they may be kept at any moment; one that is given
    up before it was kept counts no longer. The addresses of kept names are held until the first
    `sweep` after that day, and not at all where there is no limit.
    """

    def claim(
        self,
        name: Name,
        identity: str,
        *,
        address: str,
        now: int,
        replacing: str | None,
        returning: bool,
        done: Callable[[ClaimAnswer], None],
    ) -> None:
        """Takes a name for an identity: if it is free, or the identity's already, or borrowed by
        the identity `replacing` (a session of this node known to be dead or in its grace). Of a
        kept name, notes that it is used, and how its holder writes it now. A new name counts
        against the `address` from which it was first claimed; that is empty if there is no limit,
        as for who cannot keep a name. For one that is `returning`, the name is its last one, if it
        holds any.
        """

    def keep(self, name: Name, identity: str, *, now: int) -> None:
        """Makes a borrowed name kept: durable no later than any entry appended after this call.
        Does nothing if the identity does not hold the name, or keeps it already.
        """

    def release(self, folded: str, identity: str, *, now: int) -> None:
        """Gives up a borrowed name; of a kept one, only notes when it was last used."""

    def sweep(self, *, now: int) -> None:
        """Notes of the kept names in use that they are used, and forgets the addresses that no
        longer count. The server calls it when it begins, and every hour.
        """

    def find(
        self, folded: str, *, now: int, done: Callable[[Holder | Failed | None], None]
    ) -> None:
        """Tells who holds a name, borrowed or kept."""


class Bus(Protocol):
    """Signals between the nodes of a cluster: what is told and not stored.

    A node is one process, from its start to its end. What one publishes is told, by topic, to the
    others that subscribe to it: *at most once*; *in order*, of one node and whatever the topics;
    and *never back* to the node itself. It may come late, and it may be lost, without notice: who
    cannot live with that asks again. A topic is any string that is not empty; a message is opaque,
    256 KiB at most.
    """

    @property
    def node(self) -> str:
        """This node's id, which no other node has or ever had: 16 hexadecimal characters."""

    def observe(self, reconnected: Callable[[], None]) -> None:
        """Names whom to tell that this node was cut off and is no longer: whatever was published
        meanwhile, by it or by others, may be lost. Called once, before all else.
        """

    def publish(self, topic: str, message: bytes) -> None:
        """Tells the others. While this node is cut off, that comes to nothing."""

    def subscribe(self, topic: str, receive: Callable[[bytes], None]) -> None:
        """Has `receive` told what others publish; a topic has one receiver on a node, the last.

        What others publish because of something that this node publishes after this call is told
        (unless it is lost): so who subscribes first and then asks hears the answer.
        """

    def unsubscribe(self, topic: str) -> None:
        """Ends that: from this call on nothing of the topic is told."""
