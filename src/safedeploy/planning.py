"""Planning: what a plan file says of its plan, before anything is released."""

from __future__ import annotations

import math
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from datetime import timedelta
from pathlib import Path

from safedeploy import blueprints
from safedeploy.blueprints import Blueprint
from safedeploy.errors import DefinitionError, DefinitionsInvalidError
from safedeploy.explanations import Facts
from safedeploy.forecasts import Forecast, RingForecast
from safedeploy.reviews import Review, Severity
from safedeploy.terminals import Exit, Terminal


def accept_lint(parser: ArgumentParser) -> None:
    """Teach a parser the arguments of a lint, and to run it."""
    _accept(parser)
    about = "fail from this severity on: note, warning (the default) or error"
    parser.add_argument(
        "--severity", type=_severity, default=Severity.WARNING, metavar="NAME", help=about
    )
    about = "a lint that is fine here, and why; may be given several times"
    parser.add_argument(
        "--waive", type=_waiver, action="append", default=[], metavar="LINT=REASON", help=about
    )
    parser.set_defaults(run=lint)


def accept_explain(parser: ArgumentParser) -> None:
    """Teach a parser the arguments of an explanation, and to run it."""
    _accept(parser)
    shapes = parser.add_mutually_exclusive_group()
    about = "print a diagram of the rings and gates, in Mermaid's words"
    shapes.add_argument("--mermaid", action="store_true", help=about)
    about = "print a picture of the rings and gates"
    shapes.add_argument("--svg", action="store_true", help=about)
    parser.set_defaults(run=explain)


def lint(arguments: Namespace, terminal: Terminal) -> Exit:
    """Print a plan's review; fail where a weakness matters."""
    document = _read(arguments.plan)
    review = document.plan.lint(document.traffic, waive={**document.waive, **dict(arguments.waive)})
    end = Exit.FAILS if review.at_least(arguments.severity) else Exit.OPENS
    if arguments.json:
        about = {"plan": arguments.plan, "outcome": end.name.lower()}
        terminal.tell({**about, "digest": document.plan.digest, **_review(review)})
    else:
        terminal.say(str(review))
    return end


def explain(arguments: Namespace, terminal: Terminal) -> Exit:
    """Print a plan's forecast, or draw the plan."""
    document = _read(arguments.plan)
    plan = document.plan
    if arguments.mermaid or arguments.svg:
        terminal.say(plan.mermaid() if arguments.mermaid else plan.svg())
        return Exit.OPENS
    if document.traffic is None:
        mend = "say what the change will meet: traffic = { per_minute = 600, failing = 0.01 }"
        raise DefinitionError("traffic", None, mend)
    forecast = plan.explain(document.traffic)
    if arguments.json:
        terminal.tell({"plan": arguments.plan, "digest": plan.digest, **_forecast(forecast)})
    else:
        terminal.say(str(forecast))
    return Exit.OPENS


def _accept(parser: ArgumentParser) -> None:
    parser.add_argument("plan", metavar="PLAN", help="a plan file: TOML or JSON, data and no code")
    parser.add_argument("--json", action="store_true", help="print one object, for programs")


def _severity(text: str) -> Severity:
    try:
        return Severity[text.upper()]
    except KeyError:
        raise ArgumentTypeError(f"{text!r} is none: give note, warning or error") from None


def _waiver(text: str) -> tuple[str, str]:
    name, _, reason = text.partition("=")
    return name, reason


def _read(path: str) -> Blueprint:
    try:
        text = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise DefinitionError("plan", path, f"give a file that can be read: {why}") from None
    try:
        return blueprints.read(blueprints.parse(text, Path(path).suffix.removeprefix(".")))
    except DefinitionsInvalidError as error:
        error.source = path
        raise


# What programs read


def _review(review: Review) -> Facts:
    score = review.score
    return {
        "passed": score.passed,
        "asked": score.asked,
        "practices": {
            it: {"passed": one.passed, "asked": one.asked} for it, one in review.scores.items()
        },
        "weaknesses": [
            {
                "lint": it.lint,
                "practice": it.practice,
                "severity": it.severity.name.lower(),
                "ring": it.ring or None,
                "detail": it.detail,
                "mend": it.mend,
            }
            for it in review.weaknesses
        ],
        "waived": dict(review.waived),
        "unasked": list(review.unasked),
    }


def _forecast(forecast: Forecast) -> Facts:
    return {
        "must_see": forecast.must_see,
        "power": forecast.power,
        "takes_seconds": _seconds(forecast.takes),
        "harm": _finite(forecast.harm),
        "false_halt": forecast.false_halt,
        "weaknesses": list(forecast.weaknesses),
        "rings": [_ring(ring) for ring in forecast.rings],
    }


def _ring(ring: RingForecast) -> Facts:
    return {
        "ring": ring.name,
        "percent": 100 * ring.share,
        "bake_seconds": ring.bake.total_seconds(),
        "needs_seconds": _seconds(ring.needs),
        "takes_seconds": _seconds(ring.takes),
        "detectable": _finite(ring.detectable),
        "power": ring.power,
        "harm": _finite(ring.harm),
        "sees_enough": ring.sees_enough,
    }


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
