"""Health models: what is measured becomes findings, and findings join to a verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

import attrs

from safedeploy.audiences import Audience
from safedeploy.components import (
    Component,
    checked_components,
    checked_signals,
    is_usage,
    to_blame,
)
from safedeploy.errors import DefinitionError
from safedeploy.judges import Judge
from safedeploy.signals import Criteria, Health, Signal, mismatch_found
from safedeploy.strata import REST, Stratified, checked_strata, refused
from safedeploy.validators import ADDED, NOTHING, real
from safedeploy.verdicts import Against, Evidence, Finding, Measurement, Verdict, join

TOGETHER = "all together"
"""The name of the finding that signals halt together, where none would by itself."""

_WAIVABLE = ("usage", "concurrent baseline")
_MINUTE = timedelta(minutes=1)


@attrs.frozen(init=False)
class HealthModel:
    """Join signals to one judgement, and own the chance of a false halt.

    Args:
        signals: what is judged; one of them is `Usage`.
        alpha: the chance that a change that isn't worse is ever halted, over the whole rollout, at
            any number of looks; shared by the signals that spend it, by their weights.
        waive: reasons, by name, for doing without what is otherwise required: "usage", or
            "concurrent baseline": then a source may compare with the time before the change, and
            whatever else has changed since then will look like the change.
        components: parts of the workload, with signals of their own.
        strata: audiences, by name, that are compared each within itself because they differ:
            employees, say. A context is of the first that it matches, in the order of their names;
            whoever matches none is of the rest.
        unfinished_after: how long a call may take before it counts as unfinished.

    Raises:
        DefinitionError: no signal, two of one name, no usage signal and no waiver, an alpha outside
            0..0.5, components that can't be, or strata that aren't audiences by name.
    """

    signals: tuple[Signal, ...]
    alpha: float
    waive: Mapping[str, str] = attrs.field(hash=False)
    components: tuple[Component, ...] = attrs.field(default=(), metadata=ADDED)
    strata: Mapping[str, Audience] = attrs.field(default=NOTHING, hash=False, metadata=ADDED)
    unfinished_after: timedelta = attrs.field(default=_MINUTE, metadata=ADDED)
    judges: tuple[Judge, ...] = attrs.field(init=False, eq=False, repr=False)

    def __init__(
        self,
        *signals: Signal,
        alpha: float = 0.01,
        waive: Mapping[str, str] | None = None,
        components: Iterable[Component] = (),
        strata: Mapping[str, Audience] = NOTHING,
        unfinished_after: timedelta = _MINUTE,
    ) -> None:
        put = object.__setattr__
        put(self, "signals", signals)
        put(self, "alpha", _checked_alpha(real(alpha)))
        put(self, "waive", _reasons(waive))
        put(self, "components", checked_components(components))
        put(self, "strata", checked_strata(strata))
        put(self, "unfinished_after", unfinished_after)
        if not isinstance(unfinished_after, timedelta) or unfinished_after <= timedelta(0):
            mend = "give a timedelta above zero"
            raise DefinitionError("unfinished_after", unfinished_after, mend)
        names = checked_signals(signals)
        if "usage" not in self.waive and not any(map(is_usage, signals)):
            mend = 'add Usage(at_least=...), or waive={"usage": "why silence is fine here"}'
            raise DefinitionError("signals", [*names], mend)
        put(self, "judges", tuple(self._judges()))

    @property
    def events(self) -> frozenset[str]:
        """The names of the events that signals ask for."""
        return frozenset(judge.told("of", "") for judge in self.judges) - {""}

    @property
    def has_margin(self) -> bool:
        """Whether a signal has a margin to exclude, so that a ring may be left early.

        What a shadow excludes has no say in that.
        """
        return any(judge.told("margin") for judge in self.judges if not judge.policy.shadow)

    @property
    def is_absolute(self) -> bool:
        """Whether a signal halts by what the canary does alone, with nobody to compare with."""
        return any(judge.is_absolute and judge.has_a_say for judge in self.judges)

    @property
    def asks_latency(self) -> bool:
        """Whether a signal asks how long calls take."""
        return any(judge.told("asks_latency") for judge in self.judges)

    def start(self, at: datetime) -> Health:
        """Return the health of an attempt that nobody has been exposed to."""
        return Health(at, at, tuple(judge.signal.start() for judge in self.judges))

    def enter(self, health: Health, at: datetime) -> Health:
        """Return the health when a new exposure begins: counts start anew, wealth goes on."""
        tests = (judge.signal.enter(memory) for judge, memory in self._pairs(health))
        return Health(at, at, tuple(tests), block=health.block, since=at)

    def observe(self, health: Health, measurement: Measurement, progress: float) -> Health:
        """Return the health after one more block.

        Args:
            health: the health so far.
            measurement: the block; blocks are folded in once each, in order.
            progress: how much of the plan was over when the block began, 0..1.
        """
        if error := measurement.error or self._refused(measurement):
            return attrs.evolve(health, error=error)
        tests = (
            judge.signal.observe(memory, measurement, progress)
            for judge, memory in self._pairs(health)
        )
        seen = measurement.seen or measurement.until
        return Health(
            max(seen, health.used) if measurement.canary.exposures else health.used,
            max(seen, health.compared) if measurement.baseline.exposures else health.compared,
            tuple(tests),
            health.canary + measurement.canary,
            health.baseline + measurement.baseline,
            block=max(health.block, measurement.block),
            since=health.since,
        )

    def judge(self, health: Health, criteria: Criteria) -> tuple[Finding, ...]:
        """Return what every signal finds; the verdict is the join of those that have a say.

        Where nobody is left to compare with (a share of 1), those that compare aren't asked.
        """
        asked = [
            (judge, judge.finding(memory, health, criteria))
            for judge, memory in self._pairs(health)
            if criteria.share < 1 or judge.is_absolute or not judge.signal.spends_alpha
        ]
        found = [each for _, each in asked]
        if together := self._together(asked):
            found.append(together)
        if health.error:
            say = (one.policy.source_error for one in self.judges if not one.policy.shadow)
            worst = max(say, default=Verdict.SOURCE_ERROR)
            was = None if worst is Verdict.SOURCE_ERROR else Verdict.SOURCE_ERROR
            found.append(Finding("source", worst, health.error, was=was))
        if mismatch := mismatch_found(health, criteria.share):
            found.append(mismatch)
        return tuple(found)

    def explain(self, evidence: Evidence) -> str:
        """Return why the verdict is what it is: of the workload, each component, each signal."""
        findings = evidence.findings
        acting = (found for found in findings if not found.shadow)
        where = {found.component for found in acting if found.verdict > Verdict.INCONCLUSIVE}
        ill = [one.name for one in self.components if one.name in where]
        lines = [f"workload: {evidence.verdict.name}", *_told(findings, "")]
        for one in self.components:
            needs = f", needs {', '.join(one.needs)}" if one.needs else ""
            lines.append(f"{one.name}: {_verdict_of(findings, one.name).name}{needs}")
            lines += _told(findings, one.name)
        if blamed := to_blame(ill, self.components):
            lines.append(f"to blame: {', '.join(blamed)}")
        return "\n".join(lines)

    def _judges(self) -> Iterable[Judge]:
        named = [("", self.signals), *((each.name, each.signals) for each in self.components)]
        judges = [Judge(name, signal) for name, signals in named for signal in signals]
        weights = sum(judge.policy.weight for judge in judges if judge.halts)
        strata = (REST, *self.strata) if self.strata else ()
        for judge in judges:
            part = judge.policy.weight / weights if judge.halts else 1.0
            yield judge.placed(part, self.alpha, strata)

    def _refused(self, measurement: Measurement) -> str:
        if measurement.against is Against.BEFORE and "concurrent baseline" not in self.waive:
            mend = 'waive={"concurrent baseline": "why that is fine"}'
            return f"compared with the time before: {mend}"
        # Where nobody is compared, those who differ needn't be told apart.
        apart = any(isinstance(judge.signal, Stratified) for judge in self.judges)
        return refused(measurement, (REST, *self.strata) if apart else ())

    def _together(self, asked: list[tuple[Judge, Finding]]) -> Finding | None:
        """Return a finding if signals halt by their mean wealth, though none does by itself."""
        halting = [(judge.policy.weight, one) for judge, one in asked if judge.halts]
        if len(halting) < 2 or any(one.verdict is Verdict.HALT for _, one in halting):
            return None
        whole, limit = sum(weight for weight, _ in halting), 1 / self.alpha
        mean = sum(weight / whole * (one.statistic or 0) for weight, one in halting)
        if mean < limit:
            return None
        blamed = " and ".join(one.signal for _, one in halting if (one.statistic or 0) >= 1)
        detail = f"{blamed} are worse, none beyond doubt, but all of them together"
        return Finding(TOGETHER, Verdict.HALT, detail, statistic=mean, threshold=limit)

    def _pairs(self, health: Health) -> zip[tuple[Judge, Any]]:
        return zip(self.judges, health.tests, strict=True)


def _verdict_of(findings: tuple[Finding, ...], component: str) -> Verdict:
    mine = (found for found in findings if found.component == component)
    return join(found.verdict for found in mine if not found.shadow)


def _told(findings: tuple[Finding, ...], component: str) -> list[str]:
    return [
        f"  {found.signal}: {found.verdict.name}{' (shadow)' * found.shadow}, {found.detail}"
        for found in findings
        if found.component == component
    ]


def _checked_alpha(alpha: float) -> float:
    if not isinstance(alpha, float) or not 0 < alpha <= 0.5:
        raise DefinitionError("alpha", alpha, "give a chance above 0 and up to 0.5, such as 0.01")
    return alpha


def _reasons(waive: Mapping[str, str] | None) -> Mapping[str, str]:
    if waive is None:
        return MappingProxyType({})
    if not isinstance(waive, Mapping) or not all(
        isinstance(reason, str) and reason for reason in waive.values()
    ):
        raise DefinitionError("waive", waive, "give reasons, by the name of what is waived")
    for name in {*waive} - {*_WAIVABLE}:
        raise DefinitionError("waive", name, f"only {_WAIVABLE} can be waived")
    return MappingProxyType(dict(waive))
