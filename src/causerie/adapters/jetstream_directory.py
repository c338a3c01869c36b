"""A directory of names in NATS JetStream, on which the nodes of a cluster decide at once."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from functools import partial
from typing import Any, Final, TypeVar

import msgspec
import structlog

from causerie.adapters.jetstream_lease import AGAIN_AFTER, LEASE, Lease
from causerie.adapters.jetstream_names import (
    ADDRESSES,
    AwayError,
    Record,
    Transaction,
    UnreadError,
    Value,
    ValueStore,
    address_hash,
    address_key,
    identity_key,
    is_node_key,
    name_key,
    skeleton_key,
)
from causerie.adapters.naming_rules import DAY, Rules
from causerie.chat.names import Name
from causerie.ports import ClaimAnswer, Claimed, Failed, Holder

_Answer = TypeVar("_Answer")

ANSWER_WITHIN: Final = 5.0
"""Seconds after which a claim or a look that could not be answered has failed."""

LEAST: Final = 0.5
"""Seconds in which a lease is given up, however little time is left: names wait for that."""

HELD_AT_ONCE: Final = 256
"""Names that are looked after at a time. With all of ten thousand at once the node comes to nothing
else for seconds, and its lease ends again meanwhile."""

WARN_EVERY: Final = 10.0
"""Seconds after which it is said again that names cannot be decided on."""

_AWAY: Final = Failed("NATS does not answer")
_FAULT: Final = Failed("a fault of the server's")
"""Of ours: whoever asked would wait for ever."""

_Turn = Callable[[], Coroutine[Any, Any, None]]

_logger = structlog.get_logger("causerie.names")

Lost = Callable[[str, str], None]
"""Is told the folded form of a name, and the identity that uses it here no longer."""


async def release_name(values: ValueStore, folded: str) -> bool:
    """Frees a kept name, whether nodes run or not; tells whether it was kept. A session that uses
    the name just now goes on using it, as a borrowed one.

    Raises:
        AwayError: NATS does not answer.
    """
    keys = {name_key(folded)}
    while True:
        transaction = Transaction(await values.read(keys), "")
        try:
            if transaction.kept(folded) is None:
                return False
            transaction.remove(folded)
            changes = transaction.changes()
        except UnreadError as unread:
            keys.update(unread.keys)
        else:
            if await values.write(changes):
                return True


class _Here:
    """A name in use here."""

    __slots__ = ("address", "identity", "noted", "skeleton")

    def __init__(self, identity: str, skeleton: str, address: str, noted: int) -> None:
        self.identity = identity
        self.skeleton = skeleton
        self.address = address
        """The hash of the address against which it counts, or empty."""
        self.noted = noted
        """When its use was noted last, if it is kept."""


class JetStreamDirectory:
    """A `causerie.ports.Directory`, of one node of a cluster.

    What is asked about one name, or looks, or an identity, or an address, is done in the order in
    which it is asked; all else at once. Each decision is made on what is read, and made again if
    another node was faster.

    A name is borrowed on each node where its holder uses it; a node that has no `Lease` any longer
    holds none. From the moment at which its own may have run out it answers nothing and changes
    nothing, and nobody's words go into the log (`kept`), until it has one again. One that finds its
    own lapsed, because it was stopped or NATS out of reach for longer, looks for each name in use
    here whether it still is: of one that somebody else has taken it tells `lost`.
    """

    def __init__(
        self,
        values: ValueStore,
        node: str,
        *,
        names_per_address: int = 0,
        lease: float = LEASE,
        answer_within: float = ANSWER_WITHIN,
        lost: Lost,
        missed: Callable[[bool], None] = lambda _is_missed: None,
        claimed: Callable[[str], Awaitable[object]] | None = None,
    ) -> None:
        """Starts with no name in use here. `node` is nobody else's, nor was before; `lease` is
        after how many seconds the values of nodes go; `missed` is told when this node has none and
        can get none, and when it has one again; what `claimed` gives for an identity is awaited
        before it is told that it has a name. To be made in the event loop's thread.
        """
        self._claimed = claimed
        self._values = values
        self._node = node
        self._names_per_address = names_per_address
        self._answer_within = answer_within
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._here: dict[str, _Here] = {}
        """The names in use here, by folded form."""
        self._turns: dict[str, asyncio.Task[None]] = {}
        """By key, the last of those whose turn it is one after the other."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._keeping: set[asyncio.Task[None]] = set()
        """Those by which a name is kept, or held on to: the log waits for them."""
        self._holding = asyncio.Lock()
        """Names are looked after a few at a time."""
        self._is_closed = False
        self._warns_from = float("-inf")
        self._lease = Lease(
            values, node, length=lease, lapsed=self._look_after_names, missed=missed
        )
        self._lease.begin()

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
        """Takes a name."""
        hashed = address_hash(address) if self._names_per_address else ""
        try:
            keys = [
                name_key(name.folded),
                skeleton_key(name.skeleton),
                identity_key(identity),
                *([address_key(hashed)] if hashed else []),
            ]
        except UnicodeEncodeError as error:
            self._loop.call_soon(done, Failed(str(error)))
            return
        written: set[str] = set()
        """The names that may have been taken, whatever the answer."""

        def decide(rules: Rules, _: Transaction) -> ClaimAnswer:
            answer = rules.claim(
                name,
                identity,
                address=hashed,
                now=now,
                replacing=replacing,
                returning=returning,
            )
            if isinstance(answer, Claimed):
                written.add((answer.instead or name).folded)
            return answer

        async def undo() -> None:
            for folded in written:
                await self._undo(folded, identity)

        async def work(turn: _Turn) -> None:
            try:
                async with asyncio.timeout_at(until):
                    await turn()
                    answer, transaction = await self._decide(keys, decide)
                    if isinstance(answer, Claimed) and self._claimed is not None:
                        await self._claimed(identity)
            except TimeoutError:
                done(_AWAY)
                await undo()
                return
            except Exception:
                _logger.exception("a name could not be claimed")
                done(_FAULT)
                await undo()
                return
            if isinstance(answer, Claimed):
                taken = answer.instead or name
                record = transaction.record(taken.folded)
                assert record is not None, "it has just been written"
                self._here[taken.folded] = _Here(identity, taken.skeleton, record.address, now)
            done(answer)

        until = self._loop.time() + self._answer_within
        self._in_turn(keys, work)

    def keep(self, name: Name, identity: str, *, now: int) -> None:
        """Makes a borrowed name kept."""

        def decide(rules: Rules, _: Transaction) -> None:
            rules.keep(name, identity, now=now)

        async def work(turn: _Turn) -> None:
            await turn()
            await self._decide([name_key(name.folded)], decide)
            here = self._here_of(name.folded, identity)
            if here is not None:
                here.address, here.noted = "", now

        self._in_turn(self._keys(name.folded, identity), work, self._keeping)

    async def kept(self) -> None:
        """Waits until all is kept that has been asked to be by now, and all that is in use here
        surely is, or told to be lost: what is appended to the log afterwards may be.
        """
        is_sure = False
        while not is_sure:
            await self._lease.held()
            if self._keeping:
                await asyncio.wait(set(self._keeping))
            is_sure = self._lease.is_held()

    def release(self, folded: str, identity: str, *, now: int) -> None:
        """Gives up a borrowed name."""

        def decide(rules: Rules, _: Transaction) -> None:
            rules.release(folded, identity, now=now)

        async def work(turn: _Turn) -> None:
            await turn()
            if self._here_of(folded, identity) is not None:
                del self._here[folded]
            await self._decide([name_key(folded), identity_key(identity)], decide)

        self._in_turn(self._keys(folded, identity), work)

    def sweep(self, *, now: int) -> None:
        """Notes use, and forgets addresses."""
        for folded, here in self._here.items():
            if here.noted <= now - DAY:
                here.noted = now
                note = partial(self._note, folded, here.identity, now)
                self._in_turn(self._keys(folded, here.identity), note)
        if self._names_per_address:
            self._in_turn([ADDRESSES], partial(self._forget_addresses, now - DAY))

    def find(
        self, folded: str, *, now: int, done: Callable[[Holder | Failed | None], None]
    ) -> None:
        """Tells who holds a name."""
        try:
            keys = [name_key(folded)]
        except UnicodeEncodeError as error:
            self._loop.call_soon(done, Failed(str(error)))
            return

        def look(rules: Rules, _: Transaction) -> Holder | None:
            return rules.find(folded, now=now)

        async def work(turn: _Turn) -> None:
            try:
                async with asyncio.timeout_at(until):
                    await turn()
                    holder, _ = await self._decide(keys, look)
            except TimeoutError:
                done(_AWAY)
                return
            except Exception:
                _logger.exception("a name could not be looked for")
                done(_FAULT)
                return
            done(holder)

        until = self._loop.time() + self._answer_within
        self._in_turn(keys, work)

    async def close(self, within: float = 4.0) -> None:
        """Does what was asked for, as far as that can be done in so many seconds, and gives up the
        lease: what is borrowed here alone is free. Who waits for an answer gets none any more.
        """
        until = self._loop.time() + within
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=within)
        await self._drop()
        await self._lease.end(max(LEAST, until - self._loop.time()))

    async def _drop(self) -> None:
        """Does no more of what was asked for."""
        self._is_closed = True
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks))

    async def _note(self, folded: str, identity: str, now: int, turn: _Turn) -> None:
        def decide(rules: Rules, _: Transaction) -> None:
            rules.note(folded, identity, now=now)

        await turn()
        if self._here_of(folded, identity) is None:
            return
        await self._decide([name_key(folded)], decide)

    async def _forget_addresses(self, created: int, turn: _Turn) -> None:
        def decide(_: Rules, transaction: Transaction) -> None:
            transaction.forget_addresses(created)

        await turn()
        try:
            keys = await self._values.keys(ADDRESSES)
        except AwayError:
            return  # the next sweep is soon enough
        for key in keys:
            await self._decide([key], decide)

    async def _undo(self, folded: str, identity: str) -> None:
        """Sees to it that a claim whose writing was not answered has no effect, now or later: the
        name is given up, unless it was in use here before.
        """

        def decide(_: Rules, transaction: Transaction) -> None:
            record = transaction.renew(folded)
            if record is not None and record.identity == identity and not is_used:
                transaction.leave(folded)

        is_used = self._here_of(folded, identity) is not None
        await self._decide([name_key(folded), identity_key(identity)], decide)

    def _look_after_names(self) -> None:
        """Our lease had ended: others may have taken names that are in use here."""
        _logger.warning("this node was taken for gone", names=len(self._here))
        users = [(folded, here.identity) for folded, here in self._here.items()]
        # Their turn is now, whenever they are come to: a claim must not pass them.
        for begin in range(0, len(users), HELD_AT_ONCE):
            some = dict(users[begin : begin + HELD_AT_ONCE])
            keys = {
                key for folded, identity in some.items() for key in self._keys(folded, identity)
            }
            self._in_turn(keys, partial(self._hold, some), self._keeping)

    async def _hold(self, users: Mapping[str, str], turn: _Turn) -> None:
        """Makes sure that names (and the identities that use them) are in use here for whoever
        decides from now on, or tells of each that it is no longer.
        """

        def decide(_: Rules, transaction: Transaction) -> list[str]:
            return [folded for folded in here if not is_held(transaction.renew(folded))]

        def is_held(record: Record | None) -> bool:
            return (
                record is not None
                and record.identity == here[record.folded]
                and self._node in record.nodes
            )

        await turn()
        async with self._holding:
            here = {
                folded: identity
                for folded, identity in users.items()
                if self._here_of(folded, identity) is not None
            }
            if not here:
                return
            lost, _ = await self._decide([name_key(folded) for folded in here], decide)
            for folded in lost:
                del self._here[folded]
                try:
                    self._lost(folded, here[folded])
                except Exception:
                    # The others have lost theirs all the same.
                    _logger.exception("that a name is lost could not be taken in")

    def _here_of(self, folded: str, identity: str) -> _Here | None:
        here = self._here.get(folded)
        return here if here is not None and here.identity == identity else None

    def _keys(self, folded: str, identity: str) -> list[str]:
        """What somebody's use of a name concerns."""
        here = self._here_of(folded, identity)
        return [
            name_key(folded),
            identity_key(identity),
            *([skeleton_key(here.skeleton)] if here is not None else []),
            *([address_key(here.address)] if here is not None and here.address else []),
        ]

    def _in_turn(
        self,
        keys: Collection[str],
        work: Callable[[_Turn], Coroutine[Any, Any, None]],
        tasks: set[asyncio.Task[None]] | None = None,
    ) -> None:
        """Has something done that is to wait for its turn: until all is done that was asked for
        before about any of some keys. It is among some `tasks` until then.
        """
        before = {self._turns[key] for key in keys if key in self._turns}

        async def turn() -> None:
            if before:
                await asyncio.wait(before)

        async def wait_and_work() -> None:
            await work(turn)
            # What has failed for having to wait does not let others pass.
            await turn()

        def end(task: asyncio.Task[None]) -> None:
            for some in among:
                some.discard(task)
            for key in keys:
                if self._turns.get(key) is task:
                    del self._turns[key]
            if not task.cancelled() and (fault := task.exception()) is not None:
                _logger.error("what was to be done about a name has failed", exc_info=fault)

        task = self._loop.create_task(wait_and_work())
        among = [self._tasks] if tasks is None else [self._tasks, tasks]
        for some in among:
            some.add(task)
        for key in keys:
            self._turns[key] = task
        task.add_done_callback(end)

    async def _decide(
        self,
        keys: Collection[str],
        decide: Callable[[Rules, Transaction], _Answer],
    ) -> tuple[_Answer, Transaction]:
        """Decides, again and again until what was decided on still stood there when it was written,
        and this node was alive for the others all the while. Gives up only when it is cancelled.
        `keys` are likely to be needed.
        """
        while not self._is_closed:
            await self._lease.held()
            generation = self._lease.generation
            try:
                answer, transaction = await self._read_and(keys, decide)
                changes = transaction.changes()
                stands = not changes or bool(await self._values.write(changes))
            except AwayError as error:
                self._warn(error)
                await asyncio.sleep(AGAIN_AFTER)
                continue
            # A claim that is decided again writes again: it is later than itself.
            if stands and self._lease.is_held() and self._lease.generation == generation:
                return answer, transaction
        raise asyncio.CancelledError

    def _warn(self, error: AwayError) -> None:
        """What is not in NATS, or is refused there, is tried for ever: somebody may have to see to
        it. Others may be decided on meanwhile.
        """
        now = self._loop.time()
        if now >= self._warns_from:
            self._warns_from = now + WARN_EVERY
            _logger.warning("a name cannot be decided on; trying again", error=str(error))

    async def _read_and(
        self, keys: Collection[str], decide: Callable[[Rules, Transaction], _Answer]
    ) -> tuple[_Answer, Transaction]:
        """Decides on what stands there. Which nodes live is read after all names.

        What is written shows that it was decided on what still stood. Where nothing is to be
        written, all names that count are read until they are twice the same: each was read at a
        moment of its own, and only then all stood at one, between the two.
        """
        values = await self._values.read(keys)
        while True:
            transaction = Transaction(values, self._node)
            rules = Rules(transaction, transaction, names_per_address=self._names_per_address)
            try:
                answer = decide(rules, transaction)
                names = _names_in(values)
                if len(names) == 1 or transaction.changes():
                    return answer, transaction
            except UnreadError as unread:
                if not all(is_node_key(key) for key in unread.keys):
                    values = _names_in(values)
                values |= await self._values.read(unread.keys)
                if not self._lease.may_judge():
                    values |= {key: _ALIVE for key in unread.keys if is_node_key(key)}
                continue
            except msgspec.DecodeError as error:
                raise AwayError(str(error)) from error
            again = await self._values.read(names)
            if again == names:
                return answer, transaction
            values = again


def _names_in(values: Mapping[str, Value]) -> dict[str, Value]:
    """Those of some values that are not of nodes."""
    return {key: value for key, value in values.items() if not is_node_key(key)}


_ALIVE: Final = Value(b"1", 0)
"""What stands for a node that may be alive."""
