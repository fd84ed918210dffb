"""Workers: processes that share a journal run one rollout together, whoever of them is killed."""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import pytest

from safedeploy import states
from safedeploy.engine import Engine
from safedeploy.errors import JournalUnavailableError
from safedeploy.events import Applied, Assessed, Event, RecoveryStarted, Started, Withdrawn
from safedeploy.flags import Reason
from safedeploy.journals import Lease, SqliteJournal
from safedeploy.rollouts import fold, following
from safedeploy.states import Rollout
from tests.laws.shops import customer
from tests.workers import FLAG, HOLDBACK, PERCENTS, Answer, Crowd, Site, now, running

SLACK = 2.0
"""Seconds that a busy machine may be late by."""

PATIENCE = 60.0
ONCE = (Started, RecoveryStarted, Withdrawn)
BREAKS = ("half", "everyone")


class Watch:
    """Watch a site's journal from outside: its rollout, and who has held the lease since when."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.leases: list[tuple[float, Lease]] = []
        self._begun = now()
        self._journal: SqliteJournal | None = None

    def wait(self, is_over: Callable[[Rollout], bool]) -> None:
        """Wait until the rollout is over, or whatever else is asked."""
        while now() < self._begun + PATIENCE:
            stream = self.stream()
            if stream and is_over(fold(stream)):
                return
            pause(0.05)
        pytest.fail(f"it isn't over after {PATIENCE} seconds")

    def stream(self) -> tuple[Event, ...]:
        try:
            self._journal = self._journal or SqliteJournal(self.site.journal, read_only=True)
            lease = self._journal.lease()
        except JournalUnavailableError:  # not yet, or just being written
            return ()
        if not self.leases or lease.token != self.leases[-1][1].token:
            self.leases.append((now(), lease))
        return tuple(
            entry.event for entry in self._journal.entries() if entry.stream.startswith("flag:")
        )

    def takeovers(self) -> Iterator[float]:
        """Go through the times between the death of a holder and the next one's first beat."""
        for line in self.site.log.said("killed"):
            held = [lease for at, lease in self.leases if at <= line["at"]]
            after = [at for at, _ in self.leases if at > line["at"]]
            if held and after and held[-1].holder.startswith(f"{line['worker']}-"):
                yield after[0] - line["at"]


def pause(seconds: float) -> None:
    threading.Event().wait(seconds)


def linger(site: Site, crowd: Crowd) -> None:
    """Serve on past the bound, until more than one worker has answered: a busy machine takes long.

    What comes of it is in the answers, and checked there.
    """
    pause(site.bound + SLACK + 0.7)
    served = len(crowd.answers)
    for _ in range(300):
        if len({each.worker for each in crowd.answers[served:]}) > 1:
            break
        pause(0.1)


def is_over(rollout: Rollout) -> bool:
    return not rollout.in_flight


def steps(stream: tuple[Event, ...]) -> Iterator[tuple[Event, Rollout]]:
    """Go through the events of a rollout, each with the rollout after it."""
    rollout = fold(stream[:1])
    yield stream[0], rollout
    for event in stream[1:]:
        rollout = following(rollout, event)
        yield event, rollout


def halted_at(stream: tuple[Event, ...]) -> float:
    """Return when a rollout halted, which it did once."""
    labels = [(event, rollout.state) for event, rollout in steps(stream)]
    [at] = {state.since for _, state in labels if isinstance(state, states.Halted)}
    return at.timestamp()


def check_stream(stream: tuple[Event, ...], *, ends: type) -> None:
    """One rollout, begun once and ended once; each ring was begun once."""
    back = int(ends is states.RolledBack)
    happened = Counter(type(event) for event in stream)
    assert ends is type(fold(stream).state)
    assert (1, back, back) == tuple(happened[kind] for kind in ONCE)
    rings = [(event.ring, event.epoch) for event in stream if isinstance(event, Applied)]
    assert list(zip(PERCENTS, range(1, 4), strict=True))[: len(rings)] == rings


def check_counts(stream: tuple[Event, ...], site: Site, crowd: Crowd) -> None:
    """What was judged was served, once; and what living workers served was judged."""
    lost = crowd.tries - len(crowd.answers)
    killed = {line["worker"] for line in site.log.said("killed")}
    for event, rollout in steps(stream):
        if isinstance(event, Assessed) and rollout.evidence is event.evidence:
            since, until = event.evidence.since.timestamp(), event.at.timestamp()
            health, margin = event.health, site.bound + SLACK
            judged = health.canary.exposures + health.baseline.exposures
            assert judged <= lost + served(crowd, since - 0.1, until)
            assert judged >= served(crowd, since + margin, until - margin, killed)


def served(crowd: Crowd, since: float, until: float, killed: Collection[int] = ()) -> int:
    """Count what was served in some time, by workers that weren't killed."""
    answers = (each for each in crowd.answers if since <= each.began <= until)
    return sum(each.worker not in killed for each in answers)


def check_shares(stream: tuple[Event, ...], site: Site, answers: list[Answer]) -> None:
    """While a ring was exposed, it was served to its share of the customers."""
    ended = stream[-1].at.timestamp()
    begun = [event.at.timestamp() for event in stream if isinstance(event, Applied)]
    for percent, since, until in zip(PERCENTS.values(), begun, [*begun[1:], ended], strict=False):
        seen = [each.version for each in answers if since + site.bound < each.began < until]
        share = min(percent, 100 - HOLDBACK) / 100
        if len(seen) > 100:
            spread = math.sqrt(share * (1 - share) / len(seen))
            assert abs(seen.count("new") / len(seen) - share) < 0.1 + 5 * spread


def check_withdrawn(site: Site, answers: list[Answer], at: float) -> None:
    """Nobody was served the new version later than the bound after a halt, by any worker."""
    late = [each for each in answers if each.began > at + site.bound + SLACK]
    assert len({each.worker for each in late}) > 1
    assert {"old"} == {each.version for each in late}


def check_harm(site: Site, answers: list[Answer]) -> int:
    """Harm ended as soon as it could be seen, and a dead holder be replaced."""
    harmed = [each.began for each in answers if each.status == 500]
    longest = site.term + 2 * (site.poll + site.every) + site.bound + 2 * SLACK
    assert max(harmed) - min(harmed) < longest
    return len(harmed)


hows = pytest.mark.parametrize(
    "how",
    [
        "plain",
        pytest.param("preload", marks=pytest.mark.long),
        pytest.param("spawn", marks=pytest.mark.long),
        pytest.param("real", marks=pytest.mark.long),
    ],
)


@pytest.mark.law("R4")
@hows
def test_workers_halt_together(how: str, tmp_path: Path) -> None:
    """A defect halts all workers within the bound, once, although one is killed every second."""
    site = Site(tmp_path, how=how, breaks=BREAKS)
    if how == "real":
        site = Site(tmp_path, breaks=BREAKS, every=0.5, bake=2, term=5, poll=1)
    watch = Watch(site)
    with running(site) as crowd:
        watch.wait(is_over)
        linger(site, crowd)
    stream = watch.stream()
    check_stream(stream, ends=states.RolledBack)
    check_counts(stream, site, crowd)
    check_shares(stream, site, crowd.answers)
    at = halted_at(stream)
    check_withdrawn(site, crowd.answers, at)
    takeovers = list(watch.takeovers())
    assert all(took < site.term + 2 * site.poll + site.every + SLACK for took in takeovers)
    late = max(each.began for each in crowd.answers if each.version == "new") - at
    harmed = check_harm(site, crowd.answers)
    site.log.say("figures", served=len(crowd.answers), harmed=harmed, late=late, took=takeovers)


@pytest.mark.long
def test_workers_complete_what_is_healthy(tmp_path: Path) -> None:
    """A healthy rollout completes, and never halts, although a worker is killed every second."""
    site = Site(tmp_path)
    watch = Watch(site)
    with running(site) as crowd:
        watch.wait(is_over)
        linger(site, crowd)
    stream = watch.stream()
    check_stream(stream, ends=states.Completed)
    check_counts(stream, site, crowd)
    check_shares(stream, site, crowd.answers)
    completed = stream[-1].at.timestamp()
    late = [each for each in crowd.answers if each.began > completed + site.bound + SLACK]
    assert {"new"} == {each.version for each in late}
    site.log.say("figures", served=len(crowd.answers), took=list(watch.takeovers()))


@pytest.mark.law("R5")
@pytest.mark.long
def test_a_kill_reaches_all_workers(tmp_path: Path) -> None:
    """A kill in one worker reaches all within the bound, and outlives them."""
    site = Site(tmp_path, bake=60)
    watch = Watch(site)
    with running(site) as crowd:
        watch.wait(lambda rollout: rollout.reached >= 0)
        pause(1)
        crowd.ask("POST", "/")
        at = now()
        watch.wait(is_over)
        linger(site, crowd)
    check_stream(watch.stream(), ends=states.RolledBack)
    check_withdrawn(site, crowd.answers, at)
    late = max(each.began for each in crowd.answers if each.version == "new") - at
    site.log.say("figures", served=len(crowd.answers), late=late)
    engine = Engine(journal=site.journal)
    assert Reason.DISABLED is engine.evaluate(FLAG, customer(1)).reason
