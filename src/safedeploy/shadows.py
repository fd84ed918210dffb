"""Shadows: how good signals would have been that are only recorded so far."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import attrs

from safedeploy.events import Assessed, Event
from safedeploy.rollouts import fold
from safedeploy.states import Completed, Rollout
from safedeploy.verdicts import Finding, Verdict


@attrs.frozen
class Score:
    """Count how often a shadow's alarm was right, over rollouts that have ended.

    Attributes:
        right: it raised an alarm, and the rollout was halted, for whatever reason.
        wrong: it raised an alarm, and the rollout completed all the same.
        missed: it raised none, and the rollout was halted.
    """

    right: int = 0
    wrong: int = 0
    missed: int = 0

    @property
    def precision(self) -> float | None:
        """The share of alarms that were right; None where there was none."""
        alarms = self.right + self.wrong
        return self.right / alarms if alarms else None

    @property
    def recall(self) -> float | None:
        """The share of halts that it raised an alarm before; None where there was none."""
        halts = self.right + self.missed
        return self.right / halts if halts else None

    def after(self, *, alarmed: bool, halted: bool) -> Score:
        """Return the score after one more rollout."""
        return Score(
            self.right + (alarmed and halted),
            self.wrong + (alarmed and not halted),
            self.missed + (halted and not alarmed),
        )


def alarms(findings: Iterable[Finding]) -> frozenset[tuple[str, str]]:
    """Return which shadows would have stopped the rollout: component and signal."""
    return frozenset(
        (found.component, found.signal)
        for found in findings
        if found.shadow and found.verdict >= Verdict.INVESTIGATE
    )


def scores(streams: Iterable[Sequence[Event]]) -> Mapping[tuple[str, str], Score]:
    """Return the score of every shadow, by component and signal.

    Args:
        streams: the events of each rollout, from a journal. Rollouts in flight don't count.
    """
    found: dict[tuple[str, str], Score] = {}
    for stream in streams:
        rollout = fold(stream)
        if rollout.in_flight:
            continue
        alarmed = {alarm for event in stream for alarm in _alarms(event)}
        for shadow in _shadows(rollout):
            score = found.get(shadow, Score())
            halted = not isinstance(rollout.state, Completed)
            found[shadow] = score.after(alarmed=shadow in alarmed, halted=halted)
    return found


def _alarms(event: Event) -> frozenset[tuple[str, str]]:
    return alarms(event.evidence.findings) if isinstance(event, Assessed) else frozenset()


def _shadows(rollout: Rollout) -> Iterator[tuple[str, str]]:
    for judge in rollout.plan.health.judges:
        if judge.policy.shadow:
            yield judge.component, judge.signal.name
