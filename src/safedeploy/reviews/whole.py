"""The whole review of a plan, how it is told, and what a plan needs to be reviewed."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import cast

import attrs

from safedeploy.errors import DefinitionError, near
from safedeploy.forecasts.shapes import percentage, printable
from safedeploy.reviews import mermaid, pictures
from safedeploy.reviews.lints import Severity, Subject, Weakness
from safedeploy.reviews.table import LINTS
from safedeploy.traffic import Traffic
from safedeploy.validators import NOTHING

TITLES: Mapping[str, str] = MappingProxyType(
    {
        "P3": "exposure that grows in rings",
        "P4": "health before each phase",
        "P5": "a model of health",
        "P6": "close watching after each step",
        "P7": "an alert about health is looked at",
        "P8": "an alert of a user stops it",
        "P9": "all green goes on by itself",
        "P10": "silence isn't health",
        "P11": "an issue stops all",
        "P21": "checks before a deployment",
        "P28": "promotion with approvals",
        "P33": "time to bake, and windows",
    }
)
"""The practices that lints belong to, in short; docs/reference/practices.md has all of them."""


@attrs.frozen
class Score:
    """Say how many lints of a practice pass, of those that were asked."""

    passed: int
    asked: int

    @property
    def share(self) -> float:
        """The share that passes, 0..1."""
        return self.passed / self.asked


@attrs.frozen(kw_only=True)
class Review:
    """Say how well a plan keeps the practices, and where it is weak. Print it.

    Attributes:
        weaknesses: what is weak, the gravest first.
        scores: how well each practice is kept, by its number.
        waived: the reasons of those lints that weren't asked, by name.
        unasked: the names of those that only a forecast could answer.
    """

    weaknesses: tuple[Weakness, ...]
    scores: Mapping[str, Score]
    waived: Mapping[str, str]
    unasked: tuple[str, ...]

    @property
    def score(self) -> Score:
        """How many lints pass, of all that were asked."""
        scores = self.scores.values()
        return Score(sum(it.passed for it in scores), sum(it.asked for it in scores))

    def at_least(self, severity: Severity) -> tuple[Weakness, ...]:
        """Return the weaknesses that matter as much, or more."""
        return tuple(each for each in self.weaknesses if each.severity >= severity)

    def check(self, severity: Severity = Severity.WARNING) -> None:
        """Refuse a plan with weaknesses that matter as much.

        Raises:
            DefinitionError: there are some.
        """
        if found := self.at_least(severity):
            names = [each.lint for each in found]
            raise DefinitionError("plan", names, "; ".join(map(str, found)))

    def __str__(self) -> str:
        return "\n".join(map(printable, _told(self)))

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def review(plan: Subject, traffic: Traffic | None, waive: Mapping[str, str]) -> Review:
    """Ask a plan every lint but those that are waived."""
    waived = _reasons(waive)
    forecast = plan.explain(traffic) if traffic else None
    answers = {it: it.find(plan, forecast) for it in LINTS if it.name not in waived}
    asked = {lint: found for lint, found in answers.items() if found is not None}
    passed = {practice: [0, 0] for practice in TITLES}
    for lint, found in asked.items():
        passed[lint.practice][0] += not found
        passed[lint.practice][1] += 1
    weaknesses = [each for found in asked.values() for each in found]
    return Review(
        weaknesses=tuple(sorted(weaknesses, key=lambda each: -each.severity)),
        scores=MappingProxyType({it: Score(*counts) for it, counts in passed.items() if counts[1]}),
        waived=waived,
        unasked=tuple(lint.name for lint in answers if lint not in asked),
    )


def _reasons(waive: Mapping[str, str]) -> Mapping[str, str]:
    names = [lint.name for lint in LINTS]
    for name, reason in waive.items():
        if name not in names:
            raise DefinitionError("waive", name, f"choose one of {near(name, names)}")
        if not isinstance(reason, str) or not reason.strip():
            raise DefinitionError("waive", reason, f"give a reason why {name} is fine here")
    return MappingProxyType(dict(waive))


# How it is told


def _told(review: Review) -> Iterator[str]:
    score = review.score
    yield f"{score.passed} of {score.asked} lints pass, {percentage(score.share)}"
    yield ""
    for practice, one in review.scores.items():
        yield f"{practice:<4} {one.passed} of {one.asked}  {TITLES[practice]}"
    if review.weaknesses:
        yield ""
    for each in review.weaknesses:
        yield f"{each.severity.name.lower():<8} {each.practice:<4} {each.lint}: {each}"
    if review.waived or review.unasked:
        yield ""
    yield from (f"waived   {name}: {reason}" for name, reason in review.waived.items())
    if review.unasked:
        yield f"not asked without a Traffic: {', '.join(review.unasked)}"


class Reviewed:
    """Be asked what is weak, and be drawn. Every plan can."""

    __slots__ = ()

    def lint(self, traffic: Traffic | None = None, *, waive: Mapping[str, str] = NOTHING) -> Review:
        """Say how well the plan keeps the practices, and where it is weak, with mends.

        Args:
            traffic: what the change will meet, to tell what each ring can see.
            waive: reasons for what is fine here, by the name of the lint.

        Raises:
            DefinitionError: a waiver of no lint, or without a reason.
        """
        return review(self._subject, traffic, waive)

    def mermaid(self) -> str:
        """Return a diagram of the rings and their gates, in Mermaid's words."""
        return mermaid.draw(self._subject)

    def svg(self) -> str:
        """Return a picture of the rings and their gates."""
        return pictures.draw(self._subject)

    def _repr_html_(self) -> str:
        return f"{self.svg()}\n<pre>{html.escape(str(self.lint()))}</pre>"

    @property
    def _subject(self) -> Subject:
        # To pyright, fields with converters aren't properties, though they are read like some.
        return cast("Subject", self)
