"""Judges: signals as they stand in their model, each with its part of alpha."""

from __future__ import annotations

import math
from typing import Any

import attrs

from safedeploy.signals import Comparing, Criteria, Health, Policy, Signal
from safedeploy.strata import Poolable, Stratified
from safedeploy.verdicts import Finding, Verdict

_TO_SPARE = 1.1
"""A stake that could win just what decides would halt as often as alpha allows, so that nobody
could show that it doesn't do so more often. A tenth to spare costs a hundredth of harm."""


@attrs.frozen
class Judge:
    """Place a signal in its model.

    Attributes:
        component: the name of what it is about; empty for the whole workload.
        signal: what judges.
        part: which part of the model's alpha it may spend, 0..1.
    """

    component: str
    signal: Signal
    part: float = 1.0

    @property
    def policy(self) -> Policy:
        """What its findings mean."""
        return self._given if isinstance(self._given, Policy) else Policy()

    @property
    def halts(self) -> bool:
        """Whether it may halt by chance, and so shares alpha with the others that may.

        Any other, a shadow say, is judged as if it were alone.
        """
        return self.signal.spends_alpha and self.has_a_say

    @property
    def has_a_say(self) -> bool:
        """Whether it may halt at all."""
        return not self.policy.shadow and self.policy.severity is Verdict.HALT

    @property
    def is_absolute(self) -> bool:
        """Whether it judges the canary alone, with nobody to compare with."""
        return bool(getattr(self.signal, "absolute", False))

    @property
    def _given(self) -> Any:
        """The signal as it was given."""
        return self.signal.signal if isinstance(self.signal, Stratified) else self.signal

    def told(self, name: str, default: Any = None) -> Any:
        """Return what only some signals say of themselves: `of`, `margin`, `asks_latency`."""
        return getattr(self._given, name, default)

    def placed(self, part: float, alpha: float, strata: tuple[str, ...]) -> Judge:
        """Return the judge with its part of alpha, of all alpha, and with the strata of its model.

        Args:
            part: which part of alpha it may spend, 0..1.
            alpha: the model's.
            strata: the names of all strata; empty if there are none.
        """
        signal, decides = self.signal, max(1, len(strata)) / _share(alpha, part)
        if isinstance(signal, Comparing):
            signal = attrs.evolve(signal, enough=math.log(_TO_SPARE * decides))
        if strata and isinstance(signal, Poolable):
            signal = Stratified(signal, strata)
        return Judge(self.component, signal, part)

    def criteria(self, criteria: Criteria) -> Criteria:
        """Return a model's criteria with the part of alpha that the signal may spend."""
        if self.part == 1:
            return criteria
        return attrs.evolve(criteria, alpha=_share(criteria.alpha, self.part))

    def finding(self, memory: Any, health: Health, criteria: Criteria) -> Finding:
        """Return what the signal finds, and what that means.

        Where nothing was seen yet, that is silence only once a silence could have been noticed.

        Args:
            memory: what the signal remembers.
            health: what has been seen.
            criteria: the model's.
        """
        found, policy = self.signal.judge(memory, health, self.criteria(criteria)), self.policy
        began = health.since is not None and criteria.at - health.since <= criteria.quiet
        is_early = began and found.verdict is Verdict.NO_DATA
        verdict = found.verdict if is_early else policy.means(found.verdict)
        was = None if verdict is found.verdict else found.verdict
        placed = self.component, policy.shadow, verdict, was
        if placed == (found.component, found.shadow, found.verdict, found.was):
            return found
        return attrs.evolve(
            found, component=self.component, shadow=policy.shadow, verdict=verdict, was=was
        )


def _share(alpha: float, part: float) -> float:
    # However small the part is, nobody is judged by none.
    return max(alpha * part, math.ulp(0.0))
