"""The table of lints: what weakens a plan, how much, and what mends it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from typing import Any

from safedeploy.components import is_usage
from safedeploy.forecasts import Forecast
from safedeploy.forecasts.shapes import percentage
from safedeploy.gates import Approval, Within, leaves
from safedeploy.reviews.lints import Found, Lint, Severity, Subject
from safedeploy.signals import UserReports
from safedeploy.spans import told
from safedeploy.verdicts import Verdict

FIRST = 10.0
"""A first ring that exposes more percent than that is no canary."""

STEP = 10.0
"""A ring that exposes more times as many as the one before is too large a step."""

MOST_UNWATCHED = 50.0
"""More percent than that shouldn't get a change that nobody watches any more."""

FLOOR = 100
"""After so few exposures, not even 3 % of failures need have shown: by the rule of three, 3 / n."""

_DAY = timedelta(days=1)
_SHIFT = timedelta(hours=8)
_MONTH = timedelta(days=30)
_OFTEN = timedelta(minutes=10)


def _signals(plan: Subject) -> Iterator[Any]:
    """Find the signals that have a say."""
    model = plan.health
    for signals in (model.signals, *(each.signals for each in model.components)):
        yield from (it for it in signals if not getattr(it, "shadow", False))


def _judging(plan: Subject) -> tuple[Any, ...]:
    """Return those of them that judge more than use."""
    return tuple(signal for signal in _signals(plan) if not is_usage(signal))


def _exposed(plan: Subject) -> list[tuple[str, float]]:
    return [(ring.name, plan.exposed(number)) for number, ring in enumerate(plan.rings)]


# P3: exposure that grows


def _single(plan: Subject) -> Iterator[Found]:
    if len(plan.rings) < 2:
        yield "", "has one ring, so nothing grows"


def _large_first(plan: Subject) -> Iterator[Found]:
    # Staging may get all of it at once: what counts is how it comes to where it stays.
    numbers = range(len(plan.rings))
    last = plan.place(numbers[-1])
    name, percent = _exposed(plan)[next(it for it in numbers if plan.place(it) == last)]
    if percent > FIRST:
        yield name, f"comes first{f' to {last}' if last else ''}, and exposes {percent:g} %"


def _jump(plan: Subject) -> Iterator[Found]:
    for number, ((_, before), (name, percent)) in enumerate(pairwise(_exposed(plan))):
        if percent > STEP * before and plan.place(number) == plan.place(number + 1):
            yield name, f"exposes {percent / before:.3g} times as many as the ring before"


# P4: health before each phase


def _nothing_judges(plan: Subject) -> Iterator[Found]:
    if not _judging(plan):
        yield "", "judges only whether it is used, so any harm passes"


def _gross(plan: Subject) -> Iterator[Found]:
    if plan.must_see > 5:
        yield "", f"lets pass what fails {plan.must_see:g} times as often"


def _weak(plan: Subject) -> Iterator[Found]:
    if plan.power < 0.8:
        yield "", f"misses what it must see in {percentage(1 - plan.power)} of the cases"


def _before(plan: Subject) -> Iterator[Found]:
    if "concurrent baseline" in plan.health.waive:
        yield "", "compares with the time before, so whatever else changes looks like the change"


def _blind(forecast: Forecast) -> Iterator[Found]:
    for ring in forecast.rings:
        if not ring.sees_enough:
            needs = told(ring.needs) if ring.needs else "for ever"
            seen = f"bakes {told(ring.bake)}, and needs {needs} to see {forecast.must_see:g} x"
            mends = f"; {' or '.join(ring.mends)} would do" if ring.mends else ""
            yield ring.name, f"{seen}{mends}"


# P5: a model of health


def _one_sided(plan: Subject) -> Iterator[Found]:
    if len(_judging(plan)) == 1:
        yield "", f"judges only its {_judging(plan)[0].name}"


# P6: close watching


def _nobody_left(plan: Subject) -> Iterator[Found]:
    for number, (name, percent) in enumerate(_exposed(plan)):
        if percent >= 100 and not plan.place(number):
            yield name, "leaves nobody to compare with"


def _unwatched(plan: Subject) -> Iterator[Found]:
    name, percent = _exposed(plan)[-1]
    if 100 - percent > MOST_UNWATCHED:
        yield name, f"comes last, so {100 - percent:g} % get the change when nobody watches it"


def _rarely(plan: Subject) -> Iterator[Found]:
    if plan.assess_every > _OFTEN:
        yield "", f"looks every {told(plan.assess_every)}, so harm lasts as long at least"


# P7 and P8: alerts


def _late_alert(plan: Subject) -> Iterator[Found]:
    if plan.alert_deadline > _SHIFT:
        yield "", f"lets an alert about health wait {told(plan.alert_deadline)} before it halts"


def _no_deadline(plan: Subject) -> Iterator[Found]:
    for ring in plan.rings:
        if ring.deadline > max(_MONTH, 10 * ring.bake):
            yield ring.name, f"may hang for {told(ring.deadline)} before a person is called"


def _always_late(plan: Subject) -> Iterator[Found]:
    for ring in plan.rings:
        if ring.deadline < ring.bake:
            yield ring.name, f"calls a person after {told(ring.deadline)}, before it could be over"


def _no_reports(plan: Subject) -> Iterator[Found]:
    if not any(isinstance(signal, UserReports) for signal in _signals(plan)):
        yield "", "hears users by Engine.alert alone"


# P9 to P11: what health says


def _false_halts(plan: Subject) -> Iterator[Found]:
    if plan.health.alpha > 0.05:
        often = math.floor(1 / plan.health.alpha)
        yield "", f"may halt one good change in {often}, so people learn not to believe it"


def _no_usage(plan: Subject) -> Iterator[Found]:
    if not any(is_usage(signal) for signal in _signals(plan)):
        yield "", "takes silence for health"


def _little_usage(plan: Subject) -> Iterator[Found]:
    floors = [getattr(it, "at_least", FLOOR) for it in _signals(plan) if is_usage(it)]
    if floors and max(floors) < FLOOR:
        yield "", f"takes {max(floors)} exposures for use"


def _never_halts(plan: Subject) -> Iterator[Found]:
    severities = [getattr(it, "severity", Verdict.HALT) for it in _judging(plan)]
    if severities and Verdict.HALT not in severities:
        yield "", "never halts by itself: all that it judges asks a person"


# P21 and P28: gates


def _no_gate(plan: Subject) -> Iterator[Found]:
    if all(isinstance(gate, Within) for gate in plan.gates(0)):
        yield plan.rings[0].name, "begins with nothing checked"


def _no_approval(plan: Subject) -> Iterator[Found]:
    if not any(isinstance(gate, Approval) for gate in plan.all_gates):
        yield "", "asks nobody"


def _anybody(plan: Subject) -> Iterator[Found]:
    if not plan.promoters:
        yield "", "lets anybody but the author promote a ring by hand"


# P33: bakes, and windows


def _no_bake(plan: Subject) -> Iterator[Found]:
    for ring in plan.rings:
        if not ring.bake:
            yield ring.name, "doesn't bake"


def _shorter(plan: Subject) -> Iterator[Found]:
    for before, ring in pairwise(plan.rings):
        if ring.bake < before.bake:
            yield ring.name, f"bakes {told(ring.bake)}, and the ring before {told(before.bake)}"


def _brief(plan: Subject) -> Iterator[Found]:
    last = plan.rings[-1]
    if last.bake < _DAY:
        yield last.name, f"comes last and bakes {told(last.bake)}: it doesn't see day and night"


def _any_time(plan: Subject) -> Iterator[Found]:
    gates = leaves(gate for number in range(len(plan.rings)) for gate in plan.gates(number))
    if not any(isinstance(gate, Within) for gate in gates):
        yield "", "may begin a ring at night, on a Friday, or in a freeze"


_NOTE, _WARNING, _ERROR = Severity
_REPORTS = 'add UserReports(), and engine.event(flag, context, "report")'

LINTS: tuple[Lint, ...] = (
    Lint("one-ring", "P3", _ERROR, "put a smaller ring before it", _single),
    Lint("large-first-ring", "P3", _WARNING, f"begin with {FIRST:g} % at most", _large_first),
    Lint("large-step", "P3", _WARNING, "put a ring between them", _jump),
    Lint("nothing-judged", "P4", _ERROR, "add a signal, such as ErrorRate()", _nothing_judges),
    Lint("gross", "P4", _WARNING, "give must_see=5 at most", _gross),
    Lint("by-chance", "P4", _WARNING, "give power=0.8 at least", _weak),
    Lint("time-before", "P4", _WARNING, "let both versions run side by side", _before),
    Lint("blind-ring", "P4", _WARNING, "mend it, or ask plan.mended(traffic)", under=_blind),
    Lint("one-sided", "P5", _NOTE, "add another signal, such as Latency()", _one_sided),
    Lint("nobody-left", "P6", _WARNING, "hold some back: holdback=5", _nobody_left),
    Lint("unwatched-rest", "P6", _WARNING, "let the last ring have percent=100", _unwatched),
    Lint("rarely-watched", "P6", _WARNING, "give assess_every=timedelta(minutes=1)", _rarely),
    Lint("late-alert", "P7", _WARNING, "give alert_deadline=timedelta(hours=1)", _late_alert),
    Lint("no-deadline", "P7", _WARNING, "give its deadline some days", _no_deadline),
    Lint("always-late", "P7", _WARNING, "give its deadline several times its bake", _always_late),
    Lint("no-user-reports", "P8", _NOTE, _REPORTS, _no_reports),
    Lint("false-halts", "P9", _WARNING, "give alpha=0.05 at most", _false_halts),
    Lint("no-usage", "P10", _ERROR, "add Usage(at_least=100)", _no_usage),
    Lint("little-usage", "P10", _WARNING, f"give Usage at_least={FLOOR}", _little_usage),
    Lint("never-halts", "P11", _WARNING, "let one have severity=Verdict.HALT", _never_halts),
    Lint("no-check", "P21", _WARNING, 'put before=(Check("reviewed", run=...),)', _no_gate),
    Lint("no-approval", "P28", _NOTE, 'add an Approval("release managers")', _no_approval),
    Lint("anybody-promotes", "P28", _NOTE, 'give promoters={"release managers"}', _anybody),
    Lint("no-bake", "P33", _ERROR, "give it an hour at least: bake=timedelta(hours=1)", _no_bake),
    Lint("shorter-bake", "P33", _WARNING, "let it bake as long at least", _shorter),
    Lint("brief-bake", "P33", _NOTE, "let it bake a day: bake=timedelta(days=1)", _brief),
    Lint("any-time", "P33", _NOTE, "give windows=business_hours(...)", _any_time),
)
"""What a plan is asked, in the order of the practices."""
