"""What a client tells besides what its machine does."""

import msgspec

from causerie.client.machine.events import Event
from causerie.client.machine.outbox import Saying


class Sending(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag=True):
    """Something that one said is on its way: it may be shown as sending. One `Acked` or
    `SendFailed` with the same id follows, unless it is taken back before it was sent.
    """

    id: str
    command: Saying
    at: int
    """When it was said: milliseconds since 1970, by one's own clock."""


ClientEvent = Event | Sending
"""What a client tells."""
