"""The demo: a release with a defect halts and is rolled back, then its fix reaches everybody."""

from __future__ import annotations

import io
import json
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Mapping

from safedeploy.demo.acts import VERSIONS, Report, Settings, Stage, perform
from safedeploy.demo.crowd import CLIENTS, Crowd
from safedeploy.demo.screen import Screen
from safedeploy.demo.shop import HOST, ONE_CARD_IN, open_shop
from safedeploy.engine import Engine
from safedeploy.errors import SafeDeployError
from safedeploy.states import Completed, Rollout

DEFECT = 0.05


def accept(parser: ArgumentParser) -> None:
    """Teach a parser the demo's arguments, and to `run` it."""
    breaks = parser.add_mutually_exclusive_group()
    breaks.add_argument(
        "--defect",
        type=_share,
        default=DEFECT,
        metavar="RATE",
        help=f"the share of carts that break version 2, from 0 to 1 (default: {DEFECT})",
    )
    breaks.add_argument(
        "--healthy",
        dest="defect",
        action="store_const",
        const=0.0,
        help="no cart breaks version 2: --defect 0",
    )
    parser.add_argument("--json", action="store_true", help="print only how the acts ended")
    about = "keep the rollouts in a file; started again with it, a run that was killed goes on"
    parser.add_argument("--journal", metavar="FILE", help=about)
    parser.set_defaults(run=_run)


def _run(arguments: Namespace, _terminal: object) -> int:
    return run(arguments)


def run(arguments: Namespace, settings: Settings | None = None) -> int:
    """Perform both acts, and return the exit status: 0 if they ended as they should.

    Args:
        arguments: what a parser that `accept`s the demo made of the command line.
        settings: how much time the acts take; under a minute, unless given.
    """
    settings = settings or Settings()
    screen = Screen(io.StringIO() if arguments.json else sys.stdout)
    try:
        reports = _perform(screen, arguments.defect, settings, arguments.journal)
    except TimeoutError as error:
        sys.stderr.write(f"The demo stops: {error}. Is this machine very busy?\n")
        return 1
    except SafeDeployError as error:
        sys.stderr.write(f"The demo stops: {error}\n")
        return 1
    if arguments.json:
        sys.stdout.write(json.dumps({"acts": [_summary(report) for report in reports]}) + "\n")
    worse = (1 + arguments.defect * ONE_CARD_IN, 1.0)  # times as many failures as at the baseline
    acts = zip(reports, worse, strict=True)
    # What an earlier run has shown, it has judged; it may have had another defect.
    right = [report.is_recorded or _is_right(report, worse, settings) for report, worse in acts]
    return 0 if all(right) else 1


def _perform(
    screen: Screen, defect: float, settings: Settings, path: str | None
) -> tuple[Report, ...]:
    if path is None:
        return _play(screen, defect, settings, Engine(observers=[screen.observe]), {})
    # Whoever keeps nothing doesn't wait for SQLite.
    from safedeploy.demo import earlier
    from safedeploy.journals import SqliteJournal

    journal = SqliteJournal(path)
    engine = Engine(journal=journal, observers=[screen.observe])
    before = earlier.begun(engine, settings)
    reports = earlier.over(before)
    if len(reports) < len(VERSIONS):
        settings = earlier.patient(journal, screen, settings)
        reports = _play(screen, defect, settings, engine, before)
    else:
        screen.say("Both acts were over before this run.")
        _tell_all(screen, *reports)
    earlier.farewell(path, screen)
    return reports


def _play(
    screen: Screen,
    defect: float,
    settings: Settings,
    engine: Engine,
    before: Mapping[str, Rollout],
) -> tuple[Report, ...]:
    crowd = Crowd(yen=defect, seconds=2 * (settings.patience + settings.linger))
    with open_shop(engine) as port, crowd.ordering(port), engine.running():
        stage = Stage(engine, crowd, screen, settings, before)
        screen.say(f"A shop is open on http://{HOST}:{port}, and {CLIENTS} clients order in it.")
        screen.say(f"One card in {ONE_CARD_IN} is declined, whatever the version of the checkout.")
        screen.say(f"\nAct 1: version 2 is released. {100 * defect:g} % of all carts break it.")
        first = perform(stage, "v2")
        screen.say("\nAct 2: version 3 is released. It can handle every cart.")
        second = perform(stage, "v3")
    _sum_up(screen, first, second)
    return first, second


def _sum_up(screen: Screen, *reports: Report) -> None:
    served = sum(report.count() for report in reports)
    failed = sum(report.count(lambda answer: answer.is_failure) for report in reports)
    harmed = sum(report.harmed for report in reports)
    here = " in this run" if any(report.before for report in reports) else ""
    screen.say(
        f"\nRequests{here}: {served} served, {failed} of them failed, {harmed} by the defect."
    )
    _tell_all(screen, *reports)


def _tell_all(screen: Screen, *reports: Report) -> None:
    for number, report in enumerate(reports, start=1):
        _tell(screen, f"Act {number}: {report.version} {report.rollout.state.label}", report)


def _tell(screen: Screen, ended: str, report: Report) -> None:
    here = " in this run" if report.before else ""
    if report.is_recorded:
        screen.say(f"{ended} before this run.")
    else:
        screen.say(f"{ended} after {report.seconds:.1f} s{here}.")
        screen.say(f"  It served {report.exposed} requests and harmed {report.harmed}{here}.")
    if report.halted_in:
        screen.say(f"  It halted in ring {report.halted_in}: {report.reason}.")
        if not report.is_recorded:
            screen.say(f"  Of the requests that began after that, it served {report.late}.")


def _summary(report: Report) -> dict[str, object]:
    return {
        "state": report.rollout.state.label,
        "halted_in": report.halted_in,
        "exposed": None if report.is_recorded else report.exposed,
        "harmed": None if report.is_recorded else report.harmed,
        "reason": report.reason,
    }


def _is_right(report: Report, worse: float, settings: Settings) -> bool:
    """Tell whether an act ended as it should, for a version that fails so many times as often.

    A little worse may pass or not: it is more than nothing, and less than what must be seen.
    """
    if isinstance(report.rollout.state, Completed):
        return worse < settings.must_see
    return worse > 1


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise ArgumentTypeError(f"{text!r} is no share of the carts: give 0 to 1, such as 0.05")
    return share
