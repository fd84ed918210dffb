"""Rounds: what a process says of its troubles, and what it leaves to the others."""

from __future__ import annotations

from datetime import timedelta
from unittest.mock import call, patch

from safedeploy import assessments, telemetry
from safedeploy.errors import JournalUnavailableError
from safedeploy.journals import MemoryJournal
from safedeploy.leases import TERM
from tests.laws.histories import EVERY
from tests.laws.shops import Shop, customer, quick
from tests.laws.test_sharing import FLAG, Crowd


def test_what_cannot_be_posted_is_said_once_until_it_can_be() -> None:
    """However often posting fails, a person hears of it when it begins to fail, and not again."""
    shop = Shop(journal=MemoryJournal())
    full = JournalUnavailableError("journal", "rollouts.db", "free some space")
    shop.serve_an_interval()

    def serve_for(seconds: int) -> None:
        for number in range(seconds):
            shop.engine.tick()
            with shop.engine.guard(shop.flag, customer(number)):
                pass
            shop.clock.advance(timedelta(seconds=1))

    with patch.object(telemetry, "warn") as warn:
        for _ in range(2):
            with patch.object(shop.journal, "post", side_effect=full):
                serve_for(3 * EVERY // timedelta(seconds=1))
            serve_for(EVERY // timedelta(seconds=1))
    assert [call("posting failed", error="JournalUnavailableError")] * 2 == warn.mock_calls


def test_who_leaves_posts_what_it_has_judged_in_vain() -> None:
    """What was judged while the journal was away, and given up since, is left to the others."""
    crowd = Crowd(2, plan=quick(bake=timedelta(days=1)))
    crowd.tick()
    crowd.journal.gone = True
    crowd.serve(0)
    crowd.advance(EVERY)
    crowd.engines[0].tick()
    crowd.engines[0].alert(crowd.released, by_user=False, reason="it looks odd")
    crowd.journal.gone = False
    crowd.advance(TERM + EVERY)
    with patch.object(assessments, "BLOCKS", 1):
        for _ in range(3):
            crowd.engines[1].tick()
            crowd.serve(1)
            crowd.advance(EVERY)
        crowd.engines[0].stop()
        crowd.engines[1].tick()
    health = crowd.now(1).health
    assert crowd.served == health.canary.exposures + health.baseline.exposures


def test_who_leaves_posts_what_it_has_judged_and_nobody_knows() -> None:
    """What was judged while posting failed, and wasn't recorded before the process stopped, isn't
    lost: its successor sees it.
    """
    crowd = Crowd(2, plan=quick(bake=timedelta(days=1)))
    for _ in range(10):
        crowd.tick()
        crowd.serve(0)
        crowd.advance(EVERY)
    crowd.tick()
    recorded = len(crowd.journal.read(crowd.released.id))
    with patch.object(crowd.journal, "post", side_effect=OSError):
        crowd.serve(0)
        crowd.advance(EVERY)
        crowd.engines[0].tick()
    seen = crowd.now(0).health
    assert crowd.served == seen.canary.exposures + seen.baseline.exposures
    assert recorded == len(crowd.journal.read(crowd.released.id))
    crowd.serve(0)
    crowd.engines[0].stop()
    crowd.die(0)
    crowd.advance(TERM + EVERY)
    crowd.tick(3)
    health = crowd.now().health
    assert crowd.served == health.canary.exposures + health.baseline.exposures


def test_who_stops_and_goes_on_loses_no_bake() -> None:
    """As long as all was posted, an engine that is stopped goes on where it stood."""
    crowd = Crowd(1, plan=quick(bake=timedelta(days=1)))
    for _ in range(5):
        crowd.tick()
        crowd.serve(0)
        crowd.advance(EVERY)
    crowd.tick()
    before = crowd.now()
    crowd.engines[0].stop()
    assert before == crowd.now()


def test_only_a_process_that_leaves_posts_its_last_block() -> None:
    """Calls that go on are told of at every post, and taken back by the last one."""
    crowd = Crowd(1, plan=quick(bake=timedelta(days=1)))
    crowd.tick()
    crowd.engines[0].guard(FLAG, customer(1)).__enter__()
    for _ in range(3):
        crowd.advance(EVERY)
        crowd.tick()
    told = [len(block.canary.open | block.baseline.open) for block in crowd.journal.blocks.values()]
    crowd.engines[0].stop()
    *_, last = crowd.journal.blocks.values()
    assert ([1, 1], 0) == (told[-2:], len(last.canary.open | last.baseline.open))
