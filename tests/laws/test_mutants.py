"""Every law's check has to fail on a planted bug; the bugs stay here, so that it still does."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import attrs
import pytest
from hypothesis import Phase, settings

from safedeploy import contexts, openings, projections, rollouts, states
from safedeploy.audiences import Exposure, Now, Percentage, Predicate, multiplier, threshold
from safedeploy.circuits import Cause
from safedeploy.commands import Command
from safedeploy.contexts import Context
from safedeploy.errors import DefinitionError
from safedeploy.events import Alerted, Answered, Assessed, Event, Withdrawn, Woken
from safedeploy.exposures import Exposures
from safedeploy.flags import ALONE, FeatureFlag, Reason, Resolution, noted
from safedeploy.guards import Served
from safedeploy.projections import Projection
from safedeploy.sampling import Sampler
from safedeploy.sources import Source
from safedeploy.states import Rollout
from safedeploy.verdicts import Finding, Verdict
from tests import test_logbooks, test_queueing, test_rollouts
from tests.laws import (
    test_advance,
    test_breaking,
    test_breaking_points,
    test_breaking_storms,
    test_delivering,
    test_exposure,
    test_freezes,
    test_gating,
    test_record,
    test_recovery,
    test_reloading,
    test_sharing,
    test_tripping,
    test_watching,
)
from tests.laws.planted import replaced, without


@attrs.frozen
class Mutant:
    """A bug, where to plant it, and the check that has to notice."""

    law: str
    bug: str
    where: str
    planted: object
    check: Callable[..., Any]
    arguments: tuple[object, ...] = ()
    fails_with: type[BaseException] = AssertionError


def salted_with_itself(self: Percentage, salt: str, now: Now) -> Predicate:
    """Draw every percentage anew."""
    return lambda context: (
        context.unit is not None and hash((context.unit, self.percent)) % 100 < self.percent
    )


def exposed_though_halted(rollout: Rollout) -> Exposure:
    """Forget that a halt withdraws."""
    percent = rollout.plan.exposed(rollout.reached) if rollout.reached >= 0 else 0
    return Exposure(rollout.change.subject, percent)


def serve_without_a_net(self: Exposures, flag: FeatureFlag[Any], context: Context) -> Served[Any]:
    """Let whatever goes wrong reach the application."""
    return self._projection(flag).served(self._around(flag.key))(context)


def resolution_without_rule(
    flag: FeatureFlag[Any], variant: str, reason: Reason, **_: Any
) -> Resolution[Any]:
    """Forget which rule matched."""
    return Resolution(flag.key, flag.variants[variant], variant, reason, flag.version)


def overridden_though_killed(self: Exposures, flag: FeatureFlag[Any]) -> Projection:
    """Let an operator's override win, whatever happened."""
    overrides = self._overrides.get(flag.key, ())
    return projections.Overridden(overrides, PROJECTION(self, flag))


def served_elsewhere(
    self: projections.Released, take: projections.Take[Any], around: Any
) -> Callable[[Context], Any]:
    """Serve everybody another variant, once a release has begun."""
    last = [*self.definition.variants][-1]
    return projections.Settled(self.definition.serve(last)).of(take, around)


def leave_on(enough: Verdict) -> Callable[[Rollout, states.Baking, Assessed, Verdict], Rollout]:
    """Leave a ring on less than a PASS."""

    def baked(rollout: Rollout, state: states.Baking, event: Assessed, verdict: Verdict) -> Rollout:
        if verdict <= enough:
            return rollouts._leave(rollout, event.at)
        return attrs.evolve(rollout, state=attrs.evolve(state, seen=event.at))

    return baked


def never_leave(
    rollout: Rollout, state: states.Baking, event: Assessed, verdict: Verdict
) -> Rollout:
    """Bake for ever."""
    return attrs.evolve(rollout, state=attrs.evolve(state, seen=event.at, healthy=True))


def first_match(verdicts: Iterable[Verdict]) -> Verdict:
    """Take the first verdict instead of the worst."""
    return next(iter(verdicts), Verdict.NO_DATA)


def halt_on_a_broken_monitor(rollout: Rollout, state: states.Moving, event: Assessed) -> Rollout:
    """Blame the change for its monitor."""
    return rollouts._halt(rollout, state, event)


def judge_again(rollout: Rollout, state: states.Moving, event: Assessed) -> Rollout:
    """Decide while replaying."""
    rollout.plan.health.judge(rollout.health, rollout.plan.criteria(0, event.at))
    return rollouts._assessed(rollout, state, event)


def heard_of_whatever(rollout: Rollout, state: states.Advancing, event: Answered) -> object:
    """Forget what an answer is about."""
    return ANSWERED(rollout, state, attrs.evolve(event, scope=None))


class Anything:
    """Equal whatever it is compared with."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return True


def command_nothing(rollout: Rollout, event: Event) -> tuple[Rollout, tuple[Command, ...]]:
    """Lose the commands of a transition."""
    return TRANSITION(rollout, event)[0], ()


def show_what_is_absent(
    self: Sampler, projection: Callable[[Context], Served[Any]]
) -> Callable[[Context], Served[Any]]:
    """Show what the caller gets told of their own context."""

    def ask(context: Context) -> Served[Any]:
        served = projection(context)
        self.show(noted(served.resolution, context))
        return served

    return ask


MIXED = contexts.mixed
TRANSITION, ANSWERED = rollouts.transition, openings.answered
PROJECTION = Exposures._projection

MUTANTS = [
    Mutant(
        "E1",
        "buckets come from the hash of this process",
        "safedeploy.contexts._FIRST_8_BYTES",
        lambda digest: (hash(digest) % 2**64,),
        test_exposure.test_every_process_gives_the_same_answers,
    ),
    Mutant(
        "E2",
        "every percentage draws anew",
        "safedeploy.audiences.Percentage.predicate",
        salted_with_itself,
        test_exposure.test_raising_a_percentage_takes_nobody_out,
    ),
    Mutant(
        "E3",
        "all flags draw the same people first",
        "safedeploy.flags.choosers.multiplier",
        lambda salt: MIXED("") | 1,
        test_exposure.test_flags_draw_fairly_and_by_themselves,
        ("UUID",),
    ),
    Mutant(
        "E3",
        "keys aren't mixed",
        "safedeploy.contexts.blake2b",
        lambda key: SimpleNamespace(digest=lambda: key[-8:].rjust(8, b"\0")),
        test_exposure.test_flags_draw_fairly_and_by_themselves,
        ("sequential",),
    ),
    Mutant(
        "E4",
        "a halt leaves exposure as it is",
        "safedeploy.rollouts.exposure",
        exposed_though_halted,
        test_recovery.test_a_halt_withdraws_in_the_same_transition,
    ),
    Mutant(
        "E4",
        "the engine goes on serving what was halted",
        "safedeploy.exposures.Exposures.release",
        lambda self, key, project: self._projects.setdefault(key, project),
        test_recovery.test_withdrawal_beats_rules_groups_and_percentages,
        ("alert",),
    ),
    Mutant(
        "E4",
        "a halt leaves overrides as they are",
        "safedeploy.standings.Standings.halt",
        lambda self, flag, rollout: None,
        test_recovery.test_a_halt_ends_earlier_overrides,
        ("abort",),
    ),
    Mutant(
        "E4",
        "who starts again forgets that a halt ended an override",
        "safedeploy.standings.Standings.halted",
        lambda self, flag: "",
        test_recovery.test_a_halt_ends_earlier_overrides,
        ("abort",),
    ),
    Mutant(
        "E4",
        "a breaker that trips withdraws no sooner than the next tick",
        "safedeploy.exposures.Exposures.withhold",
        lambda self, key: None,
        test_tripping.test_a_breaker_withdraws_at_once_for_good_and_everywhere,
    ),
    Mutant(
        "E4",
        "a plan's breaker doesn't look at the baseline",
        "safedeploy.breakers.counts.Metrics.breached",
        property(lambda self: False, lambda self, value: None),
        test_tripping.test_a_breaker_withdraws_at_once_for_good_and_everywhere,
    ),
    Mutant(
        "J1",
        "a trip isn't written",
        "safedeploy.rounds.Round._trip",
        lambda self, name, trip: self._watches.settle(name),
        test_tripping.test_a_breaker_withdraws_at_once_for_good_and_everywhere,
    ),
    Mutant(
        "J1",
        "who moves a breaker isn't written",
        "safedeploy.logbooks.Logbook.observe",
        lambda self, breaker, notice: None,
        test_logbooks.test_who_moves_a_breaker_is_recorded_at_once,
        (Cause.ISOLATED,),
    ),
    Mutant(
        "S1",
        "every trip of a breaker is recorded",
        "safedeploy.logbooks.QUIET",
        timedelta(0),
        test_logbooks.test_a_breaker_that_trips_for_ever_writes_ever_less,
    ),
    Mutant(
        "E5",
        "an evaluation lets errors out",
        "safedeploy.exposures.Exposures.serve",
        serve_without_a_net,
        test_exposure.test_evaluating_never_raises,
        fails_with=AttributeError,
    ),
    Mutant(
        "E6",
        "a resolution doesn't name its rule",
        "safedeploy.flags.outcomes.resolution",
        resolution_without_rule,
        test_exposure.test_a_resolution_explains_itself,
    ),
    Mutant(
        "E1",
        "an engine doesn't tell schedules the time",
        "safedeploy.exposures.Exposures._around",
        lambda self, *path: ALONE,
        test_exposure.test_the_same_question_has_the_same_answer,
    ),
    Mutant(
        "E6",
        "what is explained stops before the step that decided",
        "safedeploy.flags.explaining._rules",
        lambda flag, context, around: iter(()),
        test_exposure.test_the_whole_path_can_be_told,
    ),
    Mutant(
        "E7",
        "flags of one layer draw apart",
        "safedeploy.audiences.layers.Allocation._draw",
        property(
            lambda self: (multiplier(f"{self.start}"), threshold(self.start), threshold(self.end))
        ),
        test_exposure.test_flags_of_one_layer_exclude_each_other,
    ),
    Mutant(
        "E7",
        "a release exposes whom a layer holds back",
        "safedeploy.flags.choosers._outside",
        lambda matches: lambda context: False,
        test_exposure.test_no_release_exposes_who_is_held_back,
    ),
    Mutant(
        "E8",
        "a prerequisite is taken for met",
        "safedeploy.flags.choosers._unmet",
        lambda prerequisite, around: lambda context: False,
        test_exposure.test_an_unmet_prerequisite_turns_a_flag_off,
    ),
    Mutant(
        "E8",
        "a prerequisite is asked as the code has it",
        "safedeploy.exposures.Exposures._around",
        lambda self, *path: ALONE,
        test_exposure.test_a_prerequisite_is_asked_as_it_is_served,
    ),
    Mutant(
        "E8",
        "a flag is released whatever its prerequisites do",
        "safedeploy.conflicts._refuse_prerequisites",
        lambda *_: None,
        test_exposure.test_a_flag_is_not_released_while_its_prerequisite_is,
        fails_with=pytest.fail.Exception,
    ),
    Mutant(
        "E8",
        "prerequisites may lead back",
        "safedeploy.flags.fields.check_prerequisites",
        lambda flag: None,
        test_exposure.test_prerequisites_form_no_cycle,
        fails_with=pytest.fail.Exception,
    ),
    Mutant(
        "J3",
        "a resolution shows what an attribute was",
        "safedeploy.flags.resolutions.lacking",
        lambda context, asked: [f"missing: {context.attributes}"],
        test_exposure.test_a_resolution_tells_nothing_of_whom_it_is_for,
    ),
    Mutant(
        "A1",
        "a ring is left on INCONCLUSIVE",
        "safedeploy.rollouts._baked",
        leave_on(Verdict.INCONCLUSIVE),
        test_advance.test_a_ring_is_left_only_with_a_pass_that_carries_evidence,
    ),
    Mutant(
        "A1",
        "a promotion counts whoever says so, of whatever",
        "safedeploy.rollouts.counts",
        lambda rollout, event: True,
        test_advance.test_a_promotion_exposes_nobody_by_itself,
    ),
    Mutant(
        "A2",
        "evidence isn't held against the exposure",
        "safedeploy.rollouts.is_of_exposure",
        lambda rollout, event: True,
        test_advance.test_evidence_about_anything_else_is_dropped,
    ),
    Mutant(
        "A2",
        "what has expired opens a gate still",
        "safedeploy.gates.showings.Shown.has_opened",
        lambda self, gate: any(opening.gate == gate for opening in self.opened),
        test_gating.test_an_opening_that_has_expired_closes_the_gate,
    ),
    Mutant(
        "A2",
        "an approval of another plan counts",
        "safedeploy.states.Rollout.digest",
        Anything(),
        test_gating.test_what_is_told_of_anything_else_opens_nothing,
    ),
    Mutant(
        "A2",
        "a gate hears what is said of others",
        "safedeploy.openings.answered",
        heard_of_whatever,
        test_gating.test_what_is_told_of_anything_else_opens_nothing,
    ),
    Mutant(
        "A2",
        "a ring begins whatever its gates say",
        "safedeploy.gates.checks.Check.opens",
        lambda self, shown: True,
        test_gating.test_no_gate_is_passed_that_was_not_shown_what_it_asks_for,
    ),
    Mutant(
        "A3",
        "silence passes",
        "safedeploy.rollouts._baked",
        leave_on(Verdict.NO_DATA),
        test_advance.test_silence_never_advances,
    ),
    Mutant(
        "A3",
        "the floor of usage is no floor",
        "safedeploy.signals.Usage.judge",
        lambda self, *_: Finding("usage", Verdict.PASS, "fine"),
        test_watching.test_silence_holds_after_health_as_well,
        ("a dead canary",),
    ),
    Mutant(
        "A3",
        "a policy lets silence pass",
        "safedeploy.signals.policies.Policy.means",
        lambda self, verdict: Verdict.PASS if verdict is Verdict.NO_DATA else verdict,
        test_watching.test_silence_holds_after_health_as_well,
        ("a dead canary",),
    ),
    Mutant(
        "A4",
        "a broken monitor halts",
        "safedeploy.rollouts.TRANSITIONS",
        replaced(Assessed, halt_on_a_broken_monitor),
        test_watching.test_a_broken_monitor_never_rolls_back,
    ),
    Mutant(
        "A5",
        "the first verdict wins",
        "safedeploy.verdicts.join",
        first_match,
        test_watching.test_evidence_keeps_every_finding,
    ),
    Mutant(
        "A6",
        "time alone bakes",
        "safedeploy.assessments._earned",
        lambda rollout, evidence, elapsed: elapsed,
        test_watching.test_bake_is_earned,
    ),
    Mutant(
        "A6",
        "an event earns whatever it says",
        "safedeploy.rollouts._baked",
        lambda rollout, state, event, verdict: attrs.evolve(
            rollout, state=attrs.evolve(state, baked=state.baked + timedelta(days=1))
        ),
        test_advance.test_no_event_earns_more_than_the_time_since_the_last,
    ),
    Mutant(
        "A6",
        "a margin that is excluded leaves a ring before its minimum bake",
        "safedeploy.plans.Ring.needed",
        lambda self, *, excluded: timedelta(0) if excluded else self.bake,
        test_rollouts.test_a_ring_is_left_early_on_strong_evidence_only,
        (3, (True,), False),
    ),
    Mutant(
        "A8",
        "a user's alert only pauses",
        "safedeploy.rollouts.TRANSITIONS",
        replaced(Alerted, rollouts._pause),
        test_advance.test_a_users_alert_halts_at_once,
    ),
    Mutant(
        "A8",
        "an alert about health is forgotten",
        "safedeploy.rollouts.TRANSITIONS",
        without((states.Paused, Woken)),
        test_advance.test_a_health_alert_stops_the_clock_until_a_person_decides,
    ),
    Mutant(
        "A8",
        "who goes on is asked again at once",
        "safedeploy.rollouts.looked_at",
        lambda rollout, cause: frozenset(),
        test_rollouts.test_nobody_is_asked_twice_to_look_at_the_same,
    ),
    Mutant(
        "A8",
        "what was accepted hides the rest",
        "safedeploy.verdicts.Finding.but_for",
        lambda self, accepted: Verdict.PASS if accepted else self.verdict,
        test_rollouts.test_what_a_person_has_not_accepted_asks_or_halts,
        (test_rollouts.found(Verdict.PASS, Verdict.HALT), "halted"),
    ),
    Mutant(
        "A11",
        "no ring is ever left",
        "safedeploy.rollouts._baked",
        never_leave,
        test_advance.test_a_fresh_pass_with_its_bake_earned_leaves_at_once,
    ),
    Mutant(
        "A11",
        "a promotion is only noted",
        "safedeploy.rollouts.counts",
        lambda rollout, event: False,
        test_advance.test_what_is_promoted_by_hand_is_left_at_the_next_assessment,
    ),
    Mutant(
        "A11",
        "nobody is called when a ring is late",
        "safedeploy.rollouts.TRANSITIONS",
        {pair: do for pair, do in rollouts.TRANSITIONS.items() if do is not rollouts._woken},
        test_advance.test_what_waits_too_long_names_a_duty,
    ),
    Mutant(
        "A11",
        "one failed alternative halts",
        "safedeploy.gates.algebra.AtLeast.fails",
        lambda self, shown: any(gate.fails(shown) for gate in self.gates),
        test_gating.test_a_failed_alternative_halts_nothing,
    ),
    Mutant(
        "A11",
        "nobody is asked to approve",
        "safedeploy.gates.algebra.Gate.awaited",
        lambda self, shown: iter(()),
        test_gating.test_a_ring_whose_gates_are_open_begins,
    ),
    Mutant(
        "M4",
        "an author approves",
        "safedeploy.gates.approvals.Approval.why_not",
        lambda self, person, change: "" if self.role in person.roles else "no role",
        test_gating.test_nobody_approves_their_own_change,
    ),
    Mutant(
        "M4",
        "a quorum counts approvals",
        "safedeploy.gates.showings.Shown.say",
        lambda self, word: attrs.evolve(
            self.later(word.at),
            words=self.words | {attrs.evolve(word, who=f"{word.who} at {word.at}")},
        ),
        test_gating.test_a_quorum_counts_distinct_people,
    ),
    Mutant(
        "A12",
        "a paused rollout isn't watched",
        "safedeploy.rollouts.TRANSITIONS",
        without((states.Paused, Assessed)),
        test_advance.test_halt_halts,
    ),
    Mutant(
        "A13",
        "a call that doesn't end is never counted",
        "safedeploy.tallies.Tally._lasting",
        lambda self, *, last: {},
        test_watching.test_a_canary_that_hangs_halts,
    ),
    Mutant(
        "A14",
        "a reload takes every change at once",
        "safedeploy.reloads.serve_alike",
        lambda one, other: True,
        test_reloading.test_nothing_goes_around_a_plan,
    ),
    Mutant(
        "A14",
        "a flag that is new is on at once",
        "safedeploy.sightings.Sightings.load",
        lambda self, definitions, settled: None,
        test_reloading.test_nothing_goes_around_a_plan,
    ),
    Mutant(
        "A14",
        "what was defined isn't served",
        "safedeploy.exposures.Exposures.define",
        lambda self, at, definitions: None,
        test_reloading.test_nothing_goes_around_a_plan,
    ),
    Mutant(
        "A14",
        "a release moves people elsewhere",
        "safedeploy.projections.Released.of",
        served_elsewhere,
        test_reloading.test_who_is_moved_gets_what_was_released,
    ),
    Mutant(
        "E5",
        "what isn't current is taken for current",
        "safedeploy.sources.Source.stale",
        property(lambda self: {}),
        test_reloading.test_a_file_that_breaks_changes_nothing,
    ),
    Mutant(
        "E5",
        "a tick raises what is wrong with a file",
        "safedeploy.sources.Source.poll",
        Source.look,
        test_reloading.test_a_file_that_breaks_changes_nothing,
        fails_with=DefinitionError,
    ),
    Mutant(
        "R1",
        "a recovery never ends",
        "safedeploy.rollouts.TRANSITIONS",
        without((states.Recovering, Withdrawn)),
        test_recovery.test_every_halt_has_a_way_out,
    ),
    Mutant(
        "R3",
        "a transition loses its commands",
        "safedeploy.rollouts.transition",
        command_nothing,
        test_recovery.test_what_is_owed_is_what_was_commanded,
    ),
    Mutant(
        "R3",
        "a command has another id each time it is derived",
        "safedeploy.obligations._id",
        lambda rollout, what: f"{rollout.id}{rollout.version}{what}",
        test_recovery.test_what_is_owed_is_what_was_commanded,
    ),
    Mutant(
        "R3",
        "a ring that bakes owes the same, whether its gates are asked or not",
        "safedeploy.obligations._standing",
        lambda state: state.ring,
        test_recovery.test_what_is_owed_is_what_was_commanded,
    ),
    Mutant(
        "R5",
        "a kill is only noted",
        "safedeploy.exposures.Exposures.settle",
        lambda self, key, at, definition: None,
        test_recovery.test_the_kill_switch_works_at_the_next_evaluation,
    ),
    Mutant(
        "R5",
        "an override beats a kill",
        "safedeploy.exposures.Exposures._projection",
        overridden_though_killed,
        test_recovery.test_the_kill_switch_works_at_the_next_evaluation,
    ),
    Mutant(
        "J1",
        "an event is applied and not appended",
        "safedeploy.flights.Flight.save",
        lambda self, *events: None,
        test_record.test_state_is_the_fold_of_the_journal,
    ),
    Mutant(
        "J2",
        "a replay judges anew",
        "safedeploy.rollouts.TRANSITIONS",
        replaced(Assessed, judge_again),
        test_record.test_a_replay_decides_nothing_again,
        (0.0,),
    ),
    Mutant(
        "J3",
        "a context shows whom it is for",
        "safedeploy.contexts.Context.__repr__",
        lambda self: f"Context({self.key!r})",
        test_record.test_nothing_personal_is_recorded,
        (0.0,),
    ),
    Mutant(
        "J3",
        "a block names units by bits of their keys",
        "safedeploy.ledgers.Ledger.name",
        lambda self, unit: unit >> 16,
        test_record.test_nothing_personal_is_in_the_file,
        (0.0,),
    ),
    Mutant(
        "J3",
        "who samples is shown what of a context couldn't be used",
        "safedeploy.sampling.Sampler.watched",
        show_what_is_absent,
        test_record.test_nothing_personal_is_shown_to_who_samples,
    ),
    Mutant(
        "S1",
        "a tally keeps every unit",
        "safedeploy.ledgers.Ledger._make_room",
        lambda self, **_: None,
        test_record.test_tallies_are_bounded,
    ),
    Mutant(
        "S1",
        "every assessment is recorded",
        "safedeploy.flights.is_worth_recording",
        lambda recorded, after: True,
        test_record.test_a_rollout_that_waits_for_ever_writes_ever_less,
    ),
    Mutant(
        "A13",
        "a call that never ends isn't counted",
        "safedeploy.tallies.Tally._lasting",
        lambda self, *, last: {},
        test_watching.test_unfinished_calls_count,
    ),
    Mutant(
        "A13",
        "what died with its process isn't counted",
        "safedeploy.pools.Pool._bury",
        lambda self, *_: None,
        test_watching.test_unfinished_calls_count,
    ),
    *(Mutant(*planted) for planted in test_sharing.SHARING_MUTANTS),
    *(Mutant(*planted) for planted in test_breaking.BREAKING_MUTANTS),
    *(Mutant(*planted) for planted in test_delivering.DELIVERING_MUTANTS),
    *(Mutant(*planted) for planted in test_queueing.QUEUEING_MUTANTS),
    *(Mutant(*planted) for planted in test_freezes.FREEZING_MUTANTS),
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.law}: {mutant.bug}")
def test_a_law_notices_a_planted_bug(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the bug in place, the law's check fails."""
    monkeypatch.setattr(mutant.where, mutant.planted)
    # Nobody reads the failure, so it needn't be made small; where the name is gone, it is slower.
    default = settings.get_profile("default")
    hasty = settings(default, phases=[Phase.explicit, Phase.generate])
    monkeypatch.setattr(mutant.check, "_hypothesis_internal_use_settings", hasty, raising=False)
    with pytest.raises(mutant.fails_with):
        mutant.check(*mutant.arguments)


def test_every_law_that_is_checked_has_a_mutant() -> None:
    """No law's check here goes without a bug that it was seen to notice."""
    modules = (
        test_advance,
        test_breaking,
        test_breaking_points,
        test_breaking_storms,
        test_delivering,
        test_exposure,
        test_freezes,
        test_gating,
        test_logbooks,
        test_queueing,
        test_record,
        test_recovery,
        test_reloading,
        test_rollouts,
        test_sharing,
        test_tripping,
        test_watching,
    )
    checks = [check for module in modules for check in vars(module).values()]
    marks = [mark for check in checks for mark in getattr(check, "pytestmark", ())]
    laws = {mark.args[0] for mark in marks if mark.name == "law"}
    assert laws == {mutant.law for mutant in MUTANTS}
    assert {mutant.check.__name__ for mutant in MUTANTS} <= {
        check.__name__ for check in checks if hasattr(check, "pytestmark")
    }
