from array import array
from typing import Any

import pytest
from tests.bench.alone import AlonePost

from causerie.bench.dialects import DIALECTS
from causerie.bench.generator import Generator, Member
from causerie.bench.phases import Phase
from causerie.bench.target import Target
from causerie.bench.warming import OPENING, WARM_UP, WARMING, warmed_up


def test_a_load_is_done_twice_and_what_was_heard_while_it_was_warmed_up_does_not_count() -> None:
    target = Target("here", ("127.0.0.1", 1), None)
    told: list[Any] = []
    target.at_phase = told.append
    post = AlonePost(target, {})
    generator = Generator(target.address, DIALECTS["v1"], 100)
    member = Member(0, "m0", "room", is_scanned=False)
    lasted = []
    for part in warmed_up(generator, [member], post, 10.0):
        assert (member.entries, list(generator.latencies)) == (0, [])
        lasted.append(part.seconds)
        member.entries, generator.latencies = 5, array("q", [1])
        part.progress(0.5)
        part.progress(1.5)
    assert lasted == [10.0 * WARM_UP, 10.0]
    assert told == [Phase.WARMING_UP, Phase.MEASURING]
    assert list(post.moments) == ["warm", "warmed", "begin", "settled"]
    warm = OPENING + WARMING
    assert post.shares == pytest.approx([OPENING + WARMING / 2, warm, (1 + warm) / 2, 1.0])
    assert member.entries == 5, "what was measured is there to be looked at"
    generator.close()
