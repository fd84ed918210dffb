"""The whole forecast of a plan, and how it is told."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

import attrs

from safedeploy.errors import DefinitionError
from safedeploy.forecasts.pictures import Bar, draw
from safedeploy.forecasts.rings import RingForecast
from safedeploy.forecasts.shapes import percentage, printable
from safedeploy.spans import told
from safedeploy.traffic import Traffic


@attrs.frozen(kw_only=True)
class Forecast:
    """Say what a plan will see under some traffic, how long it takes, and what harm it lets happen.

    Print it, or show it in a notebook, where it has a picture. What gates wait for isn't in it.

    Attributes:
        traffic: what it is reckoned for.
        must_see, power: what the plan must notice, and with what chance.
        false_halt: the chance that a change that isn't worse is ever halted, at most.
        rings: what each ring sees.
    """

    traffic: Traffic
    must_see: float
    power: float
    false_halt: float
    rings: tuple[RingForecast, ...]

    @property
    def takes(self) -> timedelta | None:
        """How long the whole rollout takes; None if it never gets through."""
        return self.rings[-1].over

    @property
    def harm(self) -> float:
        """How many units come to harm in all, if what must be seen is there from the first ring."""
        missed = 1 - self.power
        return sum(ring.harm * missed**number for number, ring in enumerate(self.rings))

    @property
    def unforeseen(self) -> tuple[str, ...]:
        """The names of signals that don't say what they need, and so aren't in it."""
        return tuple(each.name for each in self.rings[0].asked if not each.foreseen)

    @property
    def weaknesses(self) -> tuple[str, ...]:
        """What rings can't see within their bakes though they must, each with its mends."""
        return tuple(_weakness(ring, self.must_see) for ring in self.rings if not ring.sees_enough)

    def check(self) -> None:
        """Refuse a plan with weaknesses.

        Raises:
            DefinitionError: a ring can't see within its bake what it must.
        """
        weak = [ring for ring in self.rings if not ring.sees_enough]
        if weak:
            raise DefinitionError("bake", weak[0].bake, "; ".join(self.weaknesses))

    def svg(self) -> str:
        """Return a picture of the rings over time."""
        return draw(
            [_bar(ring, self.must_see) for ring in self.rings],
            title=_heading(self),
            takes="used, and baking",
            waits="waiting for evidence",
        )

    def __str__(self) -> str:
        parts = (_heading(self), *_aligned(_rows(self)), *_remarks(self))
        return "\n".join(map(printable, parts))

    def _repr_html_(self) -> str:
        return f"{self.svg()}\n<pre>{html.escape(str(self))}</pre>"


# How it is told


def _heading(forecast: Forecast) -> str:
    traffic, chance = forecast.traffic, percentage(forecast.power)
    return (
        f"{traffic.per_minute:,g} a minute, of whom {percentage(traffic.failing)} fail anyhow;"
        f" {forecast.must_see:g} x as many must be seen, with a chance of {chance}"
    )


def _rows(forecast: Forecast) -> Iterator[tuple[str, ...]]:
    must = f"sees {forecast.must_see:g} x"
    yield "ring", "exposed", "canary", "baseline", "bake", "sees", must, "takes", "ends", "harm"
    for ring in forecast.rings:
        yield (
            ring.name,
            percentage(ring.share),
            f"{ring.canary:,.4g}",
            f"{ring.baseline:,.4g}",
            told(ring.bake),
            _ratio(ring.detectable),
            _chance(ring.power),
            told(ring.takes),
            told(ring.over),
            _number(ring.harm),
        )


def _aligned(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Return lines in columns, the first to the left and the others to the right."""
    table = list(rows)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for name, *cells in table:
        padded = (f"{cell:>{width}}" for cell, width in zip(cells, widths[1:], strict=True))
        yield "  ".join((f"{name:<{widths[0]}}", *padded))


def _remarks(forecast: Forecast) -> Iterator[str]:
    ratio, chance = f"{forecast.must_see:g} x", percentage(forecast.false_halt)
    harm = f" from the first ring on, {_number(forecast.harm)} come to harm until it halts."
    yield ""
    yield "canary, baseline: how many a minute. sees: within its bake. takes: until it can be left."
    yield f"harm: how many come to harm until it halts, if {ratio} shows when the ring begins."
    yield ""
    yield f"It takes {told(forecast.takes)}." if forecast.takes else "It never gets through."
    yield f"If {ratio} shows{harm if forecast.harm < math.inf else ', nothing halts it.'}"
    yield f"A change that is no worse is halted with a chance of {chance} at most."
    yield from (_blindness(ring) for ring in forecast.rings if ring.blind)
    if forecast.unforeseen:
        yield f"Not reckoned with: {', '.join(forecast.unforeseen)}."
    if forecast.weaknesses:
        yield from ("", *forecast.weaknesses)


def _blindness(ring: RingForecast) -> str:
    signals = ", ".join(each.signal for each in ring.sights)
    return f"Ring {ring.name!r} leaves nobody to compare with, so this sees nothing: {signals}."


def _weakness(ring: RingForecast, must_see: float) -> str:
    if not ring.sights:
        return f"ring {ring.name!r} compares nothing that can be forecast: add ErrorRate()"
    needs = told(ring.needs) if ring.needs else "for ever"
    mend = " or ".join(ring.mends) or "no bake is long enough"
    lack = f"bakes {told(ring.bake)} but needs {needs} to see {must_see:g} x"
    return f"ring {ring.name!r} {lack}: {mend}"


def _bar(ring: RingForecast, must_see: float) -> Bar:
    baked, takes = ring.baked or ring.bake, ring.takes
    return Bar(
        name=ring.name,
        share=ring.share,
        takes=baked.total_seconds(),
        waits=(takes - baked).total_seconds() if takes else math.inf,
        over=told(ring.over),
        label=_label(ring, must_see),
    )


def _label(ring: RingForecast, must_see: float) -> str:
    if ring.begins is None:
        return "never begins"
    if ring.blind:
        return "leaves nobody to compare with"
    seen = f"sees {_ratio(ring.detectable)} within {told(ring.bake)}"
    later = f"{must_see:g} x after {told(ring.needs)}" if ring.needs else f"never {must_see:g} x"
    return seen if ring.sees_enough else f"{seen}, {later}"


def _ratio(ratio: float) -> str:
    return "nothing" if math.isinf(ratio) else f"{ratio:.2g} x" if ratio < 10 else f"{ratio:.0f} x"


def _chance(chance: float) -> str:
    return "< 1 %" if chance < 0.01 else "> 99 %" if chance > 0.99 else f"{100 * chance:.0f} %"


def _number(number: float) -> str:
    if math.isinf(number):
        return "all"
    return f"{number:.2g}" if number < 10 else f"{number:,.0f}"
