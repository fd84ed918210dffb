"""Telemetry: observers that tell structlog and OpenTelemetry what happens to rollouts and breakers.

An observer sees every event that was recorded, and the rollout after it; or a breaker, and what
happened to it. None holds targeting keys or attributes, so nothing personal passes here: of a
breaker its name is told, and not the key that it is of. The two libraries are imported where they
are used: an application that observes nothing doesn't wait for them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from safedeploy.events import Event
from safedeploy.flags import Reason, Resolution
from safedeploy.rollouts import exposure
from safedeploy.states import Rollout

if TYPE_CHECKING:  # whoever has no breakers doesn't wait for them
    from safedeploy.circuits import Notice

Observer: TypeAlias = Callable[[Event, Rollout], None]

LONG = timedelta(hours=1)
"""A plan that bakes longer than this should be kept in a journal that outlives the process."""


class Named(Protocol):
    """A breaker, as far as it is told of."""

    name: str


def logs() -> Observer:
    """Return an observer that logs every event with structlog, as the application configured it."""
    import structlog

    logger = structlog.get_logger("safedeploy")

    def observe(event: Event, rollout: Rollout) -> None:
        logger.info(
            type(event).__name__,
            rollout=rollout.id,
            state=rollout.state.label,
            ring=rollout.ring.name,
            exposed=exposure(rollout).percent,
            reason=event.reason,
        )

    return observe


def evaluations() -> Callable[[Resolution[Any]], None]:
    """Return an observer that emits OpenTelemetry's `feature_flag.evaluation` events.

    Give it to a `Sampling`. The names are those of the semantic conventions (1.44, release
    candidate), with `safedeploy.ring` and `safedeploy.rollout` for a release in flight. Neither
    `feature_flag.context.id` nor a value is told.
    """
    from opentelemetry._logs import get_logger

    logger = get_logger("safedeploy")

    def observe(found: Resolution[Any]) -> None:
        facts = {
            "feature_flag.key": found.flag,
            "feature_flag.provider.name": "safedeploy",
            "feature_flag.result.variant": found.variant,
            "feature_flag.result.reason": found.reason.name.lower(),
            "feature_flag.version": found.version,
        }
        if found.rollout:
            facts["safedeploy.rollout"] = found.rollout
        if found.ring:
            facts["safedeploy.ring"] = found.ring
        if found.reason is Reason.ERROR:
            facts |= {"error.type": "general", "feature_flag.error.message": found.detail}
        logger.emit(event_name="feature_flag.evaluation", attributes=facts)

    return observe


def breaker_logs() -> Callable[[Named, Notice], None]:
    """Return an observer of breakers that logs with structlog, as the application configured it.

    Transitions and breaches are warnings where a breaker opens or would have, and information
    where it doesn't; each refusal and each slow call is told at the level of debugging.
    """
    import structlog

    from safedeploy.circuits import Breached, Open, Slow, Transitioned

    logger = structlog.get_logger("safedeploy")

    def observe(breaker: Named, notice: Notice) -> None:
        facts: dict[str, Any] = {"breaker": breaker.name}
        if isinstance(notice, Transitioned):
            level = logger.warning if isinstance(notice.after, Open) else logger.info
            facts |= {"state": notice.after.label, "cause": notice.cause.value}
            level("breaker moved", **facts, reason=notice.reason, by=notice.by)
        elif isinstance(notice, Breached):
            logger.warning("breaker breached", **facts, reason=notice.reason)
        elif isinstance(notice, Slow):
            logger.debug("breaker saw a slow call", **facts, seconds=notice.seconds)
        else:
            logger.debug("breaker refused", **facts, state=notice.state.label)

    return observe


def breaker_metrics() -> Callable[[Named, Notice], None]:
    """Return an observer of breakers that counts with OpenTelemetry.

    `safedeploy.breaker.transitions` counts by `safedeploy.breaker.state`, the one that is entered,
    and `safedeploy.breaker.cause`; `safedeploy.breaker.refusals` by the state that refused. The
    durations of slow calls are in `safedeploy.breaker.slow_call.duration`, in seconds. All have
    `safedeploy.breaker.name`.
    """
    from opentelemetry.metrics import get_meter

    from safedeploy.circuits import Refused, Slow, Transitioned

    meter = get_meter("safedeploy")
    moves = meter.create_counter("safedeploy.breaker.transitions", unit="{transition}")
    refusals = meter.create_counter("safedeploy.breaker.refusals", unit="{call}")
    slow = meter.create_histogram("safedeploy.breaker.slow_call.duration", unit="s")
    prefix = "safedeploy.breaker."

    def observe(breaker: Named, notice: Notice) -> None:
        facts = {f"{prefix}name": breaker.name}
        if isinstance(notice, Transitioned):
            told = {f"{prefix}state": notice.after.label, f"{prefix}cause": notice.cause.value}
            moves.add(1, facts | told)
        elif isinstance(notice, Refused):
            refusals.add(1, facts | {f"{prefix}state": notice.state.label})
        elif isinstance(notice, Slow):
            slow.record(notice.seconds, facts)

    return observe


def tell(observer: Observer, event: Event, rollout: Rollout) -> None:
    """Tell an observer what happened. What it raises is logged: watching breaks no rollout."""
    try:
        observer(event, rollout)
    except Exception as error:  # noqa: BLE001 - observers are the application's code
        warn("an observer failed", rollout=rollout.id, error=type(error).__name__)


def warn(what: str, **facts: str) -> None:
    """Log what a person should know: with structlog, to stderr unless it was configured."""
    import structlog

    logger = structlog.get_logger("safedeploy")
    if not structlog.is_configured():
        # Its own default prints to stdout, which belongs to the application.
        logger = structlog.wrap_logger(structlog.PrintLogger(sys.stderr))
    logger.warning(what, **facts)


def warn_of_forgetting(rollout: Rollout) -> bool:
    """Tell whether a plan outlasts the memory of a process, and say so."""
    bake = sum((ring.bake for ring in rollout.plan.rings), timedelta(0))
    if bake <= LONG:
        return False
    mend = 'Engine(journal="rollouts.db") remembers it'
    warn("a restart forgets this rollout", rollout=rollout.id, bake=str(bake), mend=mend)
    return True


class Troubles:
    """Carry on in spite of what fails, and say so once, until it goes well again."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    @contextmanager
    def told_once(self, what: str, **facts: str) -> Generator[None]:
        """Log what the block raises instead of passing it on: once, until the block succeeds again.

        Args:
            what: what the block does; it is told apart from others by that.
            facts: what else a person should know.
        """
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever is raised, it is tried again
            if what not in self._told:
                self._told.add(what)
                warn(f"{what} failed", **facts, error=type(error).__name__)
        else:
            self._told.discard(what)


def metrics() -> Observer:
    """Return an observer that counts events and gauges exposure with OpenTelemetry.

    `safedeploy.rollout.events` counts, by `event` and `state`; `safedeploy.rollout.exposure` is the
    share of contexts that a change has reached, 0..1, by `subject`.
    """
    from opentelemetry.metrics import get_meter

    meter = get_meter("safedeploy")
    count = meter.create_counter("safedeploy.rollout.events", unit="{event}")
    share = meter.create_gauge("safedeploy.rollout.exposure", unit="1")

    def observe(event: Event, rollout: Rollout) -> None:
        count.add(1, {"event": type(event).__name__, "state": rollout.state.label})
        share.set(exposure(rollout).percent / 100, {"subject": rollout.change.subject})

    return observe
