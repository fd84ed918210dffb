"""Earlier runs: what they have left in a journal, for a later one to go on with."""

from __future__ import annotations

import shlex
from collections import Counter

import attrs

from safedeploy.demo.acts import VERSIONS, Report, Settings
from safedeploy.demo.screen import Screen
from safedeploy.demo.shop import CHECKOUT
from safedeploy.engine import Engine
from safedeploy.journals import Journal
from safedeploy.leases import TERM
from safedeploy.rollouts import stream
from safedeploy.states import Rollout


def begun(engine: Engine, settings: Settings) -> dict[str, Rollout]:
    """Return the rollouts that earlier runs began, by the version that they release."""
    known = {rollout.id: rollout for rollout in engine.rollouts()}
    names = {
        version: stream(CHECKOUT.serve(version).change(), settings.plan, 1) for version in VERSIONS
    }
    return {version: known[name] for version, name in names.items() if name in known}


def over(before: dict[str, Rollout]) -> tuple[Report, ...]:
    """Return how the acts ended that are over, as it is recorded."""
    return tuple(
        Report(version, rollout, 0.0, Counter(), before=rollout)
        for version, rollout in before.items()
        if not rollout.in_flight
    )


def patient(journal: Journal, screen: Screen, settings: Settings) -> Settings:
    """Return settings that can wait for another process's lease, and say that they may have to."""
    if not journal.lease().holder:
        return settings
    seconds = TERM.total_seconds()
    screen.say("Another process drives what is in this journal, or was killed while it did so.")
    screen.say(f"Once nothing was heard of it for {seconds:g} s, this one takes over.\n")
    return attrs.evolve(settings, patience=settings.patience + seconds)


def farewell(path: str, screen: Screen) -> None:
    """Say what can be done with the journal now."""
    screen.say(f"\nWhat the journal holds: python -m safedeploy status {shlex.quote(path)}")
    screen.say("To see both acts again, give another file.")
