"""The laws of sharing, R4, R5, E4, E5, J1, T1 and S1: engines that share a journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy import assessments, events, ledgers, rollouts, sketches
from safedeploy.audiences import Everyone, Exposure, Percentage
from safedeploy.blocks import Block
from safedeploy.censuses import Census
from safedeploy.engine import Engine
from safedeploy.errors import JournalUnavailableError, ReleaseRefusedError, SafeDeployError
from safedeploy.events import Event
from safedeploy.flights import Flight
from safedeploy.health import HealthModel
from safedeploy.journals import Entry, Lease, MemoryJournal
from safedeploy.leases import TERM
from safedeploy.overrides import Override
from safedeploy.plans import Plan, Ring
from safedeploy.pools import Pool
from safedeploy.rosters import Roster
from safedeploy.signals import Usage
from safedeploy.states import Baking, Rollout
from safedeploy.testing import FakeClock
from safedeploy.verdicts import Counts
from tests.laws.histories import EVERY, START
from tests.laws.shops import Shop, customer, quick

FLAG, SUBJECT = Shop.flag, "flag:checkout"
FIRST = next(n for n in range(10_000) if Exposure(SUBJECT, 1).reaches(customer(n)))
LAST = next(n for n in range(10_000) if not Exposure(SUBJECT, 79).reaches(customer(n)))


class MovedJournal(MemoryJournal):
    """A journal that can be out of reach, and that remembers every block it was ever given."""

    gone = False

    def __init__(self) -> None:
        super().__init__()
        self.blocks: dict[tuple[str, int], Block] = {}

    def append(self, stream: str, events: Sequence[Any], **how: Any) -> int:
        self._refuse()
        return super().append(stream, events, **how)

    def read(self, stream: str, *, after: int = 0) -> Sequence[Any]:
        self._refuse()
        return super().read(stream, after=after)

    def entries(self, *, after: int = 0) -> Sequence[Entry]:
        self._refuse()
        return super().entries(after=after)

    def watch(self) -> Any:
        self._refuse()
        return super().watch()

    def lease(self) -> Lease:
        self._refuse()
        return super().lease()

    def claim(self, holder: str, *, after: Lease) -> Lease:
        self._refuse()
        return super().claim(holder, after=after)

    def post(self, block: Block) -> None:
        self._refuse()
        self.blocks[block.process, block.sequence] = block
        super().post(block)

    def posted(self, exposure: str, *, after: int = 0) -> Sequence[tuple[int, Block]]:
        self._refuse()
        return super().posted(exposure, after=after)

    def _refuse(self) -> None:
        if self.gone:
            raise JournalUnavailableError("journal", "rollouts.db", "wait")


class Crowd:
    """Several engines on one journal, each with a clock of its own, and customers for them."""

    def __init__(self, engines: int = 2, *, plan: Plan | None = None) -> None:
        self.journal = MovedJournal()
        self.plan = plan or quick()
        self.engines: list[Engine] = []
        self.clocks: list[FakeClock] = []
        self.time = START
        self.served = 0
        self.defect = 0
        for _ in range(engines):
            self.start()
        for engine in self.engines:
            self.released = engine.release(FLAG.serve("new"), self.plan)

    def start(self) -> Engine:
        """Start a process."""
        self.clocks.append(FakeClock(self.time))
        self.engines.append(Engine(clock=self.clocks[-1], journal=self.journal))
        return self.engines[-1]

    def die(self, number: int) -> None:
        """Let a process end without a word; one is left."""
        if len(self.engines) > 1:
            del self.engines[number], self.clocks[number]

    def advance(self, by: timedelta) -> None:
        """Let time pass for all."""
        self.time += by
        for clock in self.clocks:
            clock.advance(by)

    def tick(self, rounds: int = 1) -> None:
        """Let every process tick."""
        for _ in range(rounds):
            for engine in self.engines:
                engine.tick()

    def serve(self, number: int, customers: int = 40) -> None:
        """Let a process serve new customers; of the canaries, `defect` of ten fail."""
        for _ in range(customers):
            self.served += 1
            with self.engines[number].guard(FLAG, customer(self.served)) as exposure:
                if exposure.value == "new" and self.served % 10 < self.defect:
                    exposure.fail()

    def meet(self, number: int, units: Sequence[int]) -> None:
        """Let a process serve customers who come again; every third one fails each time."""
        for unit in units:
            with self.engines[number].guard(FLAG, customer(unit)) as exposure:
                if unit % 3 == 0:
                    exposure.fail()
        self.served += len(units)

    def rest(self, rounds: int = 3) -> None:
        """Let all catch up, in a journal that works."""
        self.journal.gone = False
        for _ in range(rounds):
            self.tick()
            self.advance(timedelta(seconds=1))

    def now(self, number: int = 0) -> Rollout:
        """Return the first rollout as an engine sees it."""
        return self.engines[number].rollout(self.released)

    def driver(self) -> Rollout:
        """Return the first rollout as the process sees it that drives."""
        holder = MemoryJournal.lease(self.journal).holder
        [engine] = [each for each in self.engines if named(each) == holder]
        return engine.rollout(self.released)

    def exposes(self, number: int) -> bool:
        """Tell whether an engine exposes whom every ring reaches to what it releases."""
        return self.engines[number].evaluate(FLAG, customer(FIRST)).ring is not None


def named(engine: Engine) -> str:
    """Return the name by which an engine's process goes."""
    assert engine._launched is not None
    return engine._launched._tallies.process


UNTIL = START + timedelta(days=30)
WAITS = {"a moment": timedelta(seconds=1), "an interval": EVERY, "a term": TERM + EVERY / 2}
HALTS = ("user alert", "abort", "kill")
PEOPLE = (*HALTS, "health alert", "resume", "recover", "release", "release another", "try again")
OPERATORS = ("override", "lift")
OTHERS = ("die", "start", "refuse", "allow", "skew", "burn")
USUAL = ("tick",) * 8 + ("serve",) * 4 + tuple(WAITS) * 2 + PEOPLE + OTHERS
HISTORIES = st.lists(st.tuples(st.sampled_from(USUAL), st.integers(0, 3)), max_size=40)
DECIDED = ("tick", *OPERATORS) * 5 + ("a moment", "user alert", "kill", "try again", *OTHERS)
OVERRIDDEN = st.lists(
    st.tuples(st.sampled_from(DECIDED), st.integers(0, 3)), min_size=5, max_size=40
)


def decide(crowd: Crowd, engine: Engine, what: str) -> None:
    """Do what people can do, at one engine, to the latest rollout that it knows."""
    rollout = engine.rollouts()[-1]
    match what:
        case "user alert" | "health alert":
            engine.alert(rollout, by_user=what == "user alert", reason="it hurts")
        case "abort":
            engine.abort(rollout, by="7", reason="better not")
        case "kill":
            engine.kill(FLAG, by="7", reason="it burns")
        case "resume":
            engine.resume(rollout, by="7", reason="it was the weather")
        case "recover":
            engine.recover(rollout, by="7", reason="seen")
        case "override":
            engine.override(
                FLAG, "new", audience=Everyone(), until=UNTIL, by="7", reason="to debug"
            )
        case "lift":
            engine.lift(engine.overrides()[0] if engine.overrides() else "", by="7", reason="seen")
        case "release":
            engine.release(FLAG.serve("new"), crowd.plan)
        case "try again":
            engine.release(FLAG.serve("new"), crowd.plan, attempt=rollout.attempt + 1)
        case _:
            engine.release(FLAG.serve("new", when=Percentage(60)), crowd.plan)


def act(crowd: Crowd, what: str, which: int) -> None:
    """Do one thing, at one engine; a halt has withdrawn there when it returns."""
    number = which % len(crowd.engines)
    if what in PEOPLE or what in OPERATORS:
        with suppress(SafeDeployError):
            decide(crowd, crowd.engines[number], what)
            assert not (what in HALTS and crowd.exposes(number))
            assert not (what in HALTS and crowd.engines[number].overrides())
    elif what in WAITS:
        crowd.advance(WAITS[what])
    elif what == "tick":
        crowd.engines[number].tick()
    elif what == "serve":
        crowd.serve(number)
    elif what == "die":
        crowd.die(number)
    elif what == "start" and len(crowd.engines) < 4 and not crowd.journal.gone:
        crowd.start()
    elif what == "skew":
        crowd.clocks[number].set_wall(crowd.time + timedelta(seconds=70 * (which - 1)))
    elif what == "burn":
        crowd.defect = 3 * which
    else:
        crowd.journal.gone = what == "refuse"


def streams(journal: MovedJournal) -> dict[str, tuple[Any, ...]]:
    """Return the streams of rollouts, whether the journal is in reach or not."""
    found: dict[str, tuple[Any, ...]] = {}
    for entry in MemoryJournal.entries(journal):
        found[entry.stream] = (*found.get(entry.stream, ()), entry.event)
    return {name: found[name] for name in found if isinstance(found[name][0], events.Started)}


def essence(rollout: Rollout) -> tuple[object, ...]:
    """Return where a rollout stands, without what was seen since and isn't recorded."""
    return (rollout.state.label, rollout.state.ring, rollout.epoch, rollout.reached)


def check_the_journal(journal: MovedJournal) -> None:
    """One writer: no exposure begins twice, and one rollout of a flag is in flight at most."""
    folded = [rollouts.fold(stream) for stream in streams(journal).values()]
    assert sum(rollout.in_flight for rollout in folded) <= 1
    for stream in streams(journal).values():
        applied = Counter(each.epoch for each in stream if isinstance(each, events.Applied))
        assert {1} >= set(applied.values())


@pytest.mark.law("R4")
@given(st.integers(2, 4), HISTORIES)
def test_all_engines_on_a_journal_agree(engines: int, history: list[tuple[str, int]]) -> None:
    """Whatever happens, each exposure begins once, rollouts of a flag follow one another, and
    whoever has caught up stands, and serves, as the journal says.
    """
    crowd = Crowd(engines)
    for what, which in history:
        act(crowd, what, which)
        check_the_journal(crowd.journal)
    crowd.rest()
    *_, last = streams(crowd.journal)
    for each, stream in streams(crowd.journal).items():
        folded = rollouts.fold(stream)
        for number, engine in enumerate(crowd.engines):
            assert essence(folded) == essence(engine.rollout(each))
            assert not (folded.is_withdrawn and each == last and crowd.exposes(number))
    assert 1 == len({engine.evaluate(FLAG, customer(FIRST)) for engine in crowd.engines})


@pytest.mark.law("J1")
@given(OVERRIDDEN)
def test_all_engines_agree_on_overrides(history: list[tuple[str, int]]) -> None:
    """Whoever has caught up lets those stand that were given since the last halt and the last kill,
    and weren't lifted.
    """
    crowd = Crowd(2)
    for what, which in history:
        act(crowd, what, which)
    crowd.rest()
    late = Engine(clock=FakeClock(crowd.time), journal=crowd.journal)
    for engine in crowd.engines:
        assert late.overrides() == engine.overrides()
        assert late.evaluate(FLAG, customer(FIRST)) == engine.evaluate(FLAG, customer(FIRST))
    assert replayed(crowd.journal) == late.overrides()


def replayed(journal: MovedJournal) -> tuple[Override, ...]:
    """Return the overrides that stand after all entries, taken one by one."""
    standing: dict[str, Override] = {}
    found: dict[str, list[Event]] = {}
    halted: set[str] = set()
    for entry in journal.entries():
        event = entry.event
        found.setdefault(entry.stream, []).append(event)
        if isinstance(event, events.Overridden):
            standing[event.override.id] = event.override
        elif isinstance(event, events.Lifted):
            standing.pop(event.override, None)
        elif isinstance(event, events.Killed):
            standing.clear()
        elif entry.stream not in halted and rollouts.fold(found[entry.stream]).is_withdrawn:
            halted.add(entry.stream)
            standing.clear()
    return tuple(standing.values())


@pytest.mark.law("R4")
@given(st.sampled_from(["release another", "kill"]))
def test_a_release_knows_all_that_came_before_it(what: str) -> None:
    """What another process did in the very moment of a release is known to it, or it is refused."""
    crowd = Crowd(2)
    crowd.engines[0].abort(crowd.released, by="7", reason="better not")
    crowd.tick(2)
    append, faster = crowd.journal.append, [what]

    def race(stream: str, new: Sequence[Event], **how: Any) -> int:
        if faster and isinstance(new[0], events.Started):
            decide(crowd, crowd.engines[1], faster.pop())
        return append(stream, new, **how)

    with patch.object(crowd.journal, "append", side_effect=race), suppress(ReleaseRefusedError):
        crowd.engines[0].release(FLAG.serve("new"), crowd.plan, attempt=2)
    check_the_journal(crowd.journal)
    *_, last = crowd.journal.entries()
    assert isinstance(last.event, events.Started)
    assert not faster


@pytest.mark.law("R5")
@given(st.booleans(), HISTORIES, st.integers(0, 3), HISTORIES)
def test_a_kill_holds_everywhere(
    done: bool, before: list[tuple[str, int]], which: int, after: list[tuple[str, int]]
) -> None:
    """A kill serves the off variant here at once, elsewhere after one tick, and for ever: clocks
    that disagree, or a journal that is away for a while, don't undo it.
    """
    crowd = Crowd(3)
    for _ in range(12 * done):
        crowd.tick()
        crowd.serve(0, 150)
        crowd.advance(EVERY)
    for what, number in before:
        act(crowd, what, number)
    killer = crowd.engines[which % len(crowd.engines)]
    killer.kill(FLAG, by="7", reason="it burns")
    assert "old" == killer.value(FLAG, customer(FIRST)) == killer.value(FLAG, customer(LAST))
    crowd.journal.gone = False
    killer.tick()
    for what, number in [("nothing", 0), *after]:
        if what in {"tick", "serve", "skew", "die", "start", *WAITS}:
            act(crowd, what, number)
        for engine in crowd.engines:
            engine.tick()
            assert {"old"} == {engine.value(FLAG, customer(n)) for n in (FIRST, LAST)}


@pytest.mark.law("E4")
@given(HISTORIES, st.sampled_from(HALTS), st.integers(0, 3))
def test_a_halt_reaches_everybody(before: list[tuple[str, int]], how: str, which: int) -> None:
    """A halt that is told to any engine withdraws elsewhere within one tick."""
    crowd = Crowd(3)
    for what, number in before:
        act(crowd, what, number)
    crowd.rest(1)
    with suppress(SafeDeployError):
        decide(crowd, crowd.engines[which % len(crowd.engines)], how)
        crowd.tick()
        assert {False} == {crowd.exposes(number) for number in range(len(crowd.engines))}


@pytest.mark.law("T1")
@given(HISTORIES)
def test_stored_times_never_go_back(history: list[tuple[str, int]]) -> None:
    """Within a stream, no event is older than the one before it, whatever the clocks say."""
    crowd = Crowd(3)
    for what, which in history:
        act(crowd, what, which)
    crowd.rest()
    for name in crowd.journal.streams():
        times = [event.at for event in crowd.journal.read(name)]
        assert sorted(times) == times


HEALTHY = Plan(
    rings=[Ring("canary", percent=50, bake=timedelta(days=1)), Ring("all", percent=100)],
    health=HealthModel(Usage(at_least=1)),
    assess_every=EVERY,
)
SHIFTS = st.tuples(
    st.sampled_from(("tick",) * 4 + ("meet",) * 4 + ("an interval", "an interval", "a term")),
    st.integers(0, 2),
    st.lists(st.integers(0, 20), min_size=1, max_size=8),
)


def work(crowd: Crowd, what: str, which: int, units: Sequence[int]) -> None:
    """Let a process meet some customers who come again, or do one of the other things."""
    if what == "meet":
        crowd.meet(which % len(crowd.engines), units)
    else:
        act(crowd, what, which)


def counted(crowd: Crowd) -> tuple[Counts, Counts]:
    """Return what a holder has counted once all have posted and it has measured."""
    crowd.journal.gone = False
    for _ in range(4):
        crowd.advance(EVERY + TERM)
        for engine in reversed(crowd.engines):
            engine.tick()
    health = crowd.driver().health
    return tuple(
        Counts(c.exposures, 0, c.failures, c.fresh) for c in (health.canary, health.baseline)
    )  # type: ignore[return-value]


def posted(crowd: Crowd) -> tuple[Counts, Counts]:
    """Return what should be counted, of all blocks that were ever posted: each unit once."""
    blocks = crowd.journal.blocks.values()
    return tuple(
        Counts(
            sum(part.exposures for part in parts),
            0,
            len(frozenset().union(*(part.failing for part in parts))),
            len(frozenset().union(*(part.fresh for part in parts))),
        )
        for parts in ([each.canary for each in blocks], [each.baseline for each in blocks])
    )  # type: ignore[return-value]


@pytest.mark.law("J1")
@given(
    st.lists(
        SHIFTS | st.tuples(st.sampled_from(["die", "start"]), st.integers(0, 2), st.just([])),
        min_size=5,
        max_size=40,
    )
)
def test_what_was_posted_counts_once(history: list[tuple[str, int, list[int]]]) -> None:
    """However processes die, take over and begin, all that any of them posted is counted, once:
    an outcome once, and a unit that fails, or is seen, in several processes once.
    """
    crowd = Crowd(3, plan=HEALTHY)
    crowd.tick()
    with patch.object(assessments, "BLOCKS", 3):
        for what, which, units in history:
            work(crowd, what, which, units)
        found = counted(crowd)
    assert posted(crowd) == found


@pytest.mark.law("J1")
@given(
    st.lists(
        SHIFTS | st.tuples(st.sampled_from(["refuse", "allow"]), st.integers(0, 2), st.just([])),
        min_size=5,
        max_size=40,
    )
)
def test_what_was_served_counts_once(history: list[tuple[str, int, list[int]]]) -> None:
    """As long as no process dies, everything that was served is counted once, though the journal
    is away for a while, and another process drives afterwards.
    """
    crowd = Crowd(3, plan=HEALTHY)
    crowd.tick()
    with patch.object(assessments, "BLOCKS", 3):
        for what, which, units in history:
            work(crowd, what, which, units)
        canary, baseline = counted(crowd)
    assert crowd.served == canary.exposures + baseline.exposures


@pytest.mark.law("J1")
@given(st.lists(st.lists(st.integers(0, 300), max_size=150), max_size=12))
def test_several_processes_judge_as_one_would(intervals: list[list[int]]) -> None:
    """Where each customer keeps to a process, the verdict and all findings are those of one engine
    that served everybody.
    """
    many, one = Crowd(3, plan=quick()), Crowd(1, plan=quick())
    many.tick()
    one.tick()
    for units in intervals:
        one.meet(0, units)
        for number in range(3):
            many.meet(number, [unit for unit in units if unit % 3 == number])
        for crowd in (one, many):
            for _ in range(4):
                crowd.advance(EVERY / 4)
                for engine in reversed(crowd.engines):  # the first one drives, when all have posted
                    engine.tick()
            crowd.tick()  # all expose the same before the next customer comes
        assert one.now().evidence == many.now().evidence
        assert essence(one.now()) == essence(many.now())


@pytest.mark.law("T1")
@given(HISTORIES)
def test_only_watched_time_bakes(history: list[tuple[str, int]]) -> None:
    """Across handovers and whatever the clocks say, no more bakes than has really passed between
    ticks, and nothing while no process ticks for long.
    """
    crowd = Crowd(3, plan=HEALTHY)
    crowd.tick()
    last, watched = crowd.time, timedelta(0)
    for what, which in history:
        if what in {"tick", "die", "start", "skew", *WAITS}:
            act(crowd, what, which)
        crowd.serve(which % len(crowd.engines), 3)
        if what == "tick":
            gap, last = crowd.time - last, crowd.time
            watched += gap if gap <= 3 * EVERY else timedelta(0)
        for number in range(len(crowd.engines)):
            state = crowd.now(number).state
            assert isinstance(state, Baking)
            assert state.baked <= watched


def told(engine: Engine) -> list[object]:
    """Return what an engine says of its rollouts, and to its customers."""
    contexts = [customer(n) for n in (FIRST, LAST, *range(10))]
    served = [engine.evaluate(FLAG, context) for context in contexts]
    return [*served, *(essence(rollout) for rollout in engine.rollouts())]


@pytest.mark.law("J1")
@given(OVERRIDDEN)
def test_who_opens_a_journal_late_knows_what_it_says(history: list[tuple[str, int]]) -> None:
    """An engine that opens a journal is the one that has followed it from the beginning."""
    crowd = Crowd(2)
    for what, which in history:
        act(crowd, what, which)
    crowd.rest()
    for engine in crowd.engines:
        assert told(engine) == told(Engine(clock=FakeClock(crowd.time), journal=crowd.journal))


@pytest.mark.law("S1")
@given(st.integers(1, 4), st.integers(1, 40))
def test_blocks_are_bounded(engines: int, intervals: int) -> None:
    """A journal keeps as many blocks as were posted since the last record, and none of an exposure
    that is over.
    """
    crowd = Crowd(engines, plan=HEALTHY)
    crowd.tick()
    with patch.object(assessments, "BLOCKS", 5):
        for _ in range(intervals):
            for number in range(engines):
                crowd.meet(number, range(5))
            crowd.advance(EVERY)
            crowd.tick()
            assert len(crowd.journal._blocks) <= 5 + 2 * engines
    crowd.engines[0].abort(crowd.released, by="7", reason="better not")
    crowd.rest()
    assert {} == crowd.journal._blocks


@pytest.mark.law("S1")
@given(st.integers(1, 60))
def test_an_outbox_is_bounded(intervals: int) -> None:
    """However long a journal is away, a process keeps few blocks of an exposure, with samples."""
    with patch.multiple(sketches, EXACT=20, SLOTS=79), patch.object(ledgers, "FEW", 40):
        crowd = Crowd(1, plan=HEALTHY)
        crowd.tick()
        crowd.journal.gone = True
        for _ in range(intervals):
            crowd.serve(0, 20)
            crowd.advance(EVERY)
            crowd.tick()
    assert crowd.engines[0]._launched is not None
    pool = crowd.engines[0]._launched._round._pool
    kept = [*pool._waiting.values(), *(lent for _, lent in pool._lent.values())]
    blocks = [block for some in kept for block in some]
    assert len(blocks) <= 4  # two that wait, and two that were judged meanwhile
    units = [s for b in blocks for p in (b.canary, b.baseline) for s in (p.failing, p.fresh)]
    assert max(map(len, units), default=0) <= 40 * 6


@pytest.mark.law("S1")
@given(st.integers(2, 8))
def test_an_engine_forgets_what_is_over(attempts: int) -> None:
    """Only the latest rollout of a flag is kept in memory; the others can still be asked for."""
    crowd = Crowd(2)
    for attempt in range(1, attempts + 1):
        rollout = crowd.engines[0].release(FLAG.serve("new"), crowd.plan, attempt=attempt)
        crowd.engines[0].abort(rollout, by="7", reason="better not")
        crowd.tick()
    for engine in crowd.engines:
        engine.tick()
        assert engine._launched is not None
        assert [attempts] == [flight.rollout.attempt for flight in engine._launched._roster]
        assert list(range(1, attempts + 1)) == [each.attempt for each in engine.rollouts()]
        assert "rolled back" == engine.rollout(crowd.released.id).state.label


@pytest.mark.law("E5")
@given(HISTORIES, st.sampled_from(HALTS))
def test_a_journal_that_is_away_changes_no_answer(before: list[tuple[str, int]], how: str) -> None:
    """While everything about the journal fails, evaluation answers as before, a person's halt
    withdraws here, and is written afterwards.
    """
    crowd = Crowd(2)
    for what, which in before:
        act(crowd, what, which)
    crowd.rest()
    [served] = [told(crowd.engines[0])[:12]]
    crowd.journal.gone = True
    contexts = [customer(n) for n in (FIRST, LAST, *range(10))]
    assert served == [crowd.engines[0].evaluate(FLAG, context) for context in contexts]
    rollout = crowd.engines[0]._launched._roster.present("checkout").rollout  # type: ignore[union-attr]
    if rollout.in_flight:
        if how == "kill":
            crowd.engines[0].kill(FLAG, by="7", reason="it burns")
        elif how == "abort":
            crowd.engines[0].abort(rollout, by="7", reason="better not")
        else:
            crowd.engines[0].alert(rollout, by_user=True, reason="it hurts")
        assert not crowd.exposes(0)
        crowd.rest()
        recorded = rollouts.fold(crowd.journal.read(rollout.id))
        assert recorded.is_withdrawn
        assert not any(crowd.exposes(number) for number in range(len(crowd.engines)))


# Bugs for tests/laws/test_mutants.py: law, what is wrong, where to plant it, what, and which check
# has to notice.


def follow_nobody(self: Flight, version: int, event: Event) -> None:
    """Take note of what others appended, and don't do it."""
    self._saved = version


def save_first(self: Flight, event: Event, *, lease: Lease | None = None) -> None:
    """Apply nothing that can't be saved."""
    with suppress(JournalUnavailableError):
        self.save(event, lease=lease)
        self._adopt(rollouts.following(self.rollout, event), ())


def read_own(self: Pool, exposure: str, after: int) -> tuple[Census, list[tuple[int, Block]]]:
    """Measure what this process did, and nobody else."""
    census, found = READ(self, exposure, after)
    return census, [each for each in found if each[1].process == self._tallies.process]


def read_all(self: Pool, exposure: str, after: int) -> tuple[Census, list[tuple[int, Block]]]:
    """Measure everything again and again."""
    return Census(), list(self._journal.posted(exposure))


def keep_all(self: Roster, flight: Flight) -> None:
    """Know every rollout for ever."""
    self._flights[flight.rollout.id] = self._present[flight.rollout.change.name] = flight
    self._adopted(flight, ())


READ = Pool._read

SHARING_MUTANTS: tuple[tuple[Any, ...], ...] = (
    (
        "R4",
        "a journal takes what was decided on another version",
        "safedeploy.journals.rules.refuse_version",
        lambda *_: None,
        test_all_engines_on_a_journal_agree,
    ),
    (
        "R4",
        "a journal takes a release that was decided on less than it holds",
        "safedeploy.journals.rules.refuse_position",
        lambda *_: None,
        test_a_release_knows_all_that_came_before_it,
    ),
    (
        "R5",
        "a kill isn't written",
        "safedeploy.rosters.Roster.save_kills",
        lambda *_: None,
        test_a_kill_holds_everywhere,
    ),
    (
        "J1",
        "a process knows nothing of what operators did elsewhere",
        "safedeploy.rosters.Roster._decided",
        lambda self, entry: None,
        test_all_engines_agree_on_overrides,
    ),
    (
        "J1",
        "who starts again lets an override stand that was taken back",
        "safedeploy.standings.Lifted",
        events.Woken,
        test_all_engines_agree_on_overrides,
    ),
    (
        "E4",
        "a process doesn't follow another one's halt",
        "safedeploy.flights.Flight.follow",
        follow_nobody,
        test_a_halt_reaches_everybody,
    ),
    (
        "T1",
        "an event is stored with whatever time the clock says",
        "safedeploy.flights.Flight.now",
        lambda self, clock: clock.now(),
        test_stored_times_never_go_back,
    ),
    (
        "T1",
        "a long gap earns bake",
        "safedeploy.assessments.TOLERANCE",
        1000,
        test_only_watched_time_bakes,
    ),
    (
        "J1",
        "a unit is new in every process",
        "safedeploy.sketches.Sketch.add",
        lambda *_: True,
        test_what_was_posted_counts_once,
    ),
    (
        "J1",
        "blocks are folded in again and again",
        "safedeploy.pools.Pool._read",
        read_all,
        test_what_was_posted_counts_once,
    ),
    (
        "J1",
        "what was judged, and given up, is never posted",
        "safedeploy.pools.Pool.reclaim",
        lambda self, exposure, **_: None,
        test_what_was_served_counts_once,
    ),
    (
        "J1",
        "a process judges by what it saw itself",
        "safedeploy.pools.Pool._read",
        read_own,
        test_several_processes_judge_as_one_would,
    ),
    (
        "J1",
        "who opens a journal reads nothing of it",
        "safedeploy.rosters.by_flag",
        lambda streams: {},
        test_who_opens_a_journal_late_knows_what_it_says,
    ),
    (
        "S1",
        "blocks are never put into one",
        "safedeploy.pools.Pool.compact",
        lambda self, exposure, upto: None,
        test_blocks_are_bounded,
    ),
    (
        "S1",
        "the blocks of an exposure that is over stay",
        "safedeploy.pools.Pool.retain",
        lambda self, exposures: None,
        test_blocks_are_bounded,
    ),
    (
        "S1",
        "every block waits by itself",
        "safedeploy.pools._few",
        lambda blocks: blocks,
        test_an_outbox_is_bounded,
    ),
    (
        "S1",
        "a roster forgets no rollout",
        "safedeploy.rosters.Roster._board",
        keep_all,
        test_an_engine_forgets_what_is_over,
    ),
    (
        "E5",
        "a halt waits for the journal",
        "safedeploy.flights.Flight.record",
        save_first,
        test_a_journal_that_is_away_changes_no_answer,
    ),
)
