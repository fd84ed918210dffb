"""Health models: what is measured becomes findings, and findings join to a verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

import attrs

from safedeploy import statistics
from safedeploy.errors import DefinitionError
from safedeploy.signals import LARGEST, Criteria, Health, Signal
from safedeploy.validators import real
from safedeploy.verdicts import Finding, Measurement, Verdict

SAMPLE_RATIO_ALPHA = 0.001
"""The chance that a split that is as designed is ever called broken."""

_WAIVABLE = ("usage",)


@attrs.frozen(init=False)
class HealthModel:
    """Join signals to one judgement, and own the chance of a false halt.

    Args:
        signals: what is judged; one of them is `Usage`.
        alpha: the chance that a change that isn't worse is ever halted, over the whole rollout, at
            any number of looks; shared equally by the signals that spend it.
        waive: reasons, by name, for doing without what is otherwise required: only "usage".

    Raises:
        DefinitionError: no signal, two of one name, no usage signal and no waiver, or an alpha
            outside 0..0.5.
    """

    signals: tuple[Signal, ...]
    alpha: float
    waive: Mapping[str, str] = attrs.field(hash=False)

    def __init__(
        self, *signals: Signal, alpha: float = 0.01, waive: Mapping[str, str] | None = None
    ) -> None:
        put = object.__setattr__
        put(self, "signals", signals)
        put(self, "alpha", real(alpha))
        put(self, "waive", _reasons(waive))
        names = [getattr(signal, "name", signal) for signal in signals]
        if not isinstance(self.alpha, float) or not 0 < alpha <= 0.5:
            raise DefinitionError(
                "alpha", alpha, "give a chance above 0 and up to 0.5, such as 0.01"
            )
        if not all(hasattr(one, "judge") and not isinstance(one, type) for one in signals):
            raise DefinitionError("signals", names, "give signals, such as ErrorRate()")
        if not signals or len(set(names)) < len(names):
            raise DefinitionError("signals", names, "give one or more, each name once")
        for name in set(self.waive) - set(_WAIVABLE):
            raise DefinitionError("waive", name, f"only {_WAIVABLE} can be waived")
        if "usage" not in (*names, *self.waive):
            mend = 'add Usage(at_least=...), or waive={"usage": "why silence is fine here"}'
            raise DefinitionError("signals", names, mend)

    def start(self, at: datetime) -> Health:
        """Return the health of an attempt that nobody has been exposed to."""
        return Health(at, at, tuple(signal.start() for signal in self.signals))

    def enter(self, health: Health, at: datetime) -> Health:
        """Return the health when a new exposure begins: counts start anew, wealth goes on."""
        tests = (signal.enter(memory) for signal, memory in self._pairs(health))
        return Health(at, at, tuple(tests), block=health.block)

    def observe(self, health: Health, measurement: Measurement, progress: float) -> Health:
        """Return the health after one more block.

        Args:
            health: the health so far.
            measurement: the block; blocks are folded in once each, in order.
            progress: how much of the plan was over when the block began, 0..1.
        """
        if measurement.error:
            return attrs.evolve(health, error=measurement.error)
        tests = (
            signal.observe(memory, measurement, progress) for signal, memory in self._pairs(health)
        )
        seen = measurement.seen or measurement.until
        return Health(
            max(seen, health.used) if measurement.canary.exposures else health.used,
            max(seen, health.compared) if measurement.baseline.exposures else health.compared,
            tuple(tests),
            health.canary + measurement.canary,
            health.baseline + measurement.baseline,
            block=max(health.block, measurement.block),
        )

    def judge(self, health: Health, criteria: Criteria) -> tuple[Finding, ...]:
        """Return what every signal finds; the verdict is their join."""
        found = [signal.judge(memory, health, criteria) for signal, memory in self._pairs(health)]
        if health.error:
            found.append(Finding("source", Verdict.SOURCE_ERROR, health.error))
        if mismatch := _sample_ratio(health, criteria.share):
            found.append(mismatch)
        return tuple(found)

    @property
    def share_of_alpha(self) -> float:
        """The chance of a false halt that each signal may spend."""
        return self.alpha / max(1, sum(signal.spends_alpha for signal in self.signals))

    def _pairs(self, health: Health) -> zip[tuple[Signal, Any]]:
        return zip(self.signals, health.tests, strict=True)


def _reasons(waive: Mapping[str, str] | None) -> Mapping[str, str]:
    if waive is None:
        return MappingProxyType({})
    if not isinstance(waive, Mapping) or not all(
        isinstance(reason, str) and reason for reason in waive.values()
    ):
        raise DefinitionError("waive", waive, "give reasons, by the name of what is waived")
    return MappingProxyType(dict(waive))


def _sample_ratio(health: Health, share: float) -> Finding | None:
    canary, baseline = health.canary.fresh, health.baseline.fresh
    if not 0 < share < 1 or not canary + baseline:
        return None
    evidence, limit = (
        statistics.sample_ratio(canary, baseline, share),
        -math.log(SAMPLE_RATIO_ALPHA),
    )
    if evidence < limit:
        return None
    return Finding(
        "sample ratio",
        Verdict.SOURCE_ERROR,
        f"{canary} of {canary + baseline} units are canary, where {share:.1%} were meant to be",
        statistic=math.exp(min(evidence, LARGEST)),
        threshold=math.exp(limit),
    )
