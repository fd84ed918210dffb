"""Kinds: everything of this library that a record can hold."""

from __future__ import annotations

from typing import Any

from safedeploy import (
    audiences,
    events,
    flags,
    gates,
    overrides,
    plans,
    rings,
    rollbacks,
    signals,
    verdicts,
)
from safedeploy.blocks import Block, Part
from safedeploy.changes import Change, ChangeKind, Provenance
from safedeploy.circuits import (
    AllHold,
    AnyHolds,
    FailureRate,
    Failures,
    SlowCallRate,
    TripsWhen,
)
from safedeploy.components import Component
from safedeploy.deliveries import Delivered, Stage
from safedeploy.health import HealthModel
from safedeploy.people import Person
from safedeploy.statistics import Dispersion, LabelTest, LatencyTest, MarginTest, RateTest
from safedeploy.trips import Calls, Trip
from safedeploy.windows import Between, Complement, Days, Intersection, Union

KINDS: tuple[tuple[type[Any], ...], ...] = (
    (events.Started, events.Answered, events.Applied, events.Assessed, events.Alerted),
    (events.Woken, events.Resumed, events.Aborted, events.RecoveryStarted, events.Withdrawn),
    (events.Ended, events.Superseded, events.Acknowledged, plans.OnNewVersion),
    (events.Killed, events.Overridden, events.Lifted, events.Defined),
    (overrides.Override,),
    (events.Approved, events.Revoked, events.Promoted, Person),
    (events.Tripped, Trip, Calls, events.Moved, TripsWhen),
    (FailureRate, SlowCallRate, Failures, AllHold, AnyHolds),
    (Block, Part, Change, ChangeKind, Provenance),
    (plans.Plan, rings.Ring, rings.Named, rings.Place, Delivered, Stage),
    (gates.Approval, gates.AtLeast, gates.Within),
    (gates.Check, gates.Answer, rollbacks.RollbackPolicy, rollbacks.RollBack),
    (HealthModel, Component, signals.Health, LabelTest, MarginTest),
    (
        LatencyTest,
        RateTest,
        Dispersion,
        signals.Latency,
        signals.Rate,
        signals.Rhythm,
        signals.Sides,
    ),
    (signals.ErrorRate, signals.Throughput, signals.UserReports, signals.Usage, signals.Pace),
    (signals.Objective, signals.Burn, signals.Window, signals.Threshold, signals.Reading),
    (verdicts.Verdict, verdicts.Scope, verdicts.Counts, verdicts.Finding, verdicts.Evidence),
    (verdicts.Against,),
    (flags.FeatureFlag, flags.Rule, flags.Prerequisite),
    (audiences.Everyone, audiences.Percentage, audiences.Group, audiences.Comparison),
    (audiences.AllOf, audiences.AnyOf, audiences.Not, audiences.Segment, audiences.Schedule),
    (audiences.Allocation, audiences.Split),
    (Between, Days, Intersection, Union, Complement),
)
