"""Change production safely: flags, rings, gates, health and recovery, wired together in code.

The front door: every name is fetched from its room when it is first asked for, so that an
application that only asks flags doesn't wait for what it doesn't use.
"""

from typing import TYPE_CHECKING

from safedeploy.doors import door

if TYPE_CHECKING:  # the same names, for tools that read and don't run
    from safedeploy.audiences import Attribute as Attribute
    from safedeploy.audiences import Audience as Audience
    from safedeploy.audiences import Everyone as Everyone
    from safedeploy.audiences import Group as Group
    from safedeploy.audiences import Layer as Layer
    from safedeploy.audiences import Percentage as Percentage
    from safedeploy.audiences import Schedule as Schedule
    from safedeploy.audiences import Segment as Segment
    from safedeploy.audiences import Split as Split
    from safedeploy.audiences import bucket as bucket
    from safedeploy.breakers import Breakers as Breakers
    from safedeploy.breakers import CircuitBreaker as CircuitBreaker
    from safedeploy.changes import Change as Change
    from safedeploy.changes import ChangeKind as ChangeKind
    from safedeploy.changes import Provenance as Provenance
    from safedeploy.circuits import Cause as Cause
    from safedeploy.circuits import DecideWhen as DecideWhen
    from safedeploy.circuits import Exponential as Exponential
    from safedeploy.circuits import FailureRate as FailureRate
    from safedeploy.circuits import Failures as Failures
    from safedeploy.circuits import Settings as Settings
    from safedeploy.circuits import SlowCallRate as SlowCallRate
    from safedeploy.circuits import TripsWhen as TripsWhen
    from safedeploy.clocks import Clock as Clock
    from safedeploy.clocks import SystemClock as SystemClock
    from safedeploy.components import Component as Component
    from safedeploy.contexts import Context as Context
    from safedeploy.documents import Definitions as Definitions
    from safedeploy.engine import Engine as Engine
    from safedeploy.errors import ApprovalRefusedError as ApprovalRefusedError
    from safedeploy.errors import CircuitOpenError as CircuitOpenError
    from safedeploy.errors import DefinitionError as DefinitionError
    from safedeploy.errors import DefinitionsInvalidError as DefinitionsInvalidError
    from safedeploy.errors import JournalConflictError as JournalConflictError
    from safedeploy.errors import JournalInvalidError as JournalInvalidError
    from safedeploy.errors import JournalUnavailableError as JournalUnavailableError
    from safedeploy.errors import OverrideRefusedError as OverrideRefusedError
    from safedeploy.errors import PromotionRefusedError as PromotionRefusedError
    from safedeploy.errors import ReleaseRefusedError as ReleaseRefusedError
    from safedeploy.errors import RolloutNotFoundError as RolloutNotFoundError
    from safedeploy.errors import RolloutStateError as RolloutStateError
    from safedeploy.errors import SafeDeployError as SafeDeployError
    from safedeploy.errors import TargetError as TargetError
    from safedeploy.flags import FeatureFlag as FeatureFlag
    from safedeploy.flags import Prerequisite as Prerequisite
    from safedeploy.flags import Reason as Reason
    from safedeploy.flags import Resolution as Resolution
    from safedeploy.flags import Rule as Rule
    from safedeploy.forecasts import Forecast as Forecast
    from safedeploy.gates import Answer as Answer
    from safedeploy.gates import Approval as Approval
    from safedeploy.gates import Check as Check
    from safedeploy.gates import Gate as Gate
    from safedeploy.gates import Report as Report
    from safedeploy.gates import Within as Within
    from safedeploy.gates import at_least as at_least
    from safedeploy.health import HealthModel as HealthModel
    from safedeploy.journals import Journal as Journal
    from safedeploy.journals import MemoryJournal as MemoryJournal
    from safedeploy.journals import SqliteJournal as SqliteJournal
    from safedeploy.metrics import MetricSource as MetricSource
    from safedeploy.moves import Fate as Fate
    from safedeploy.moves import Move as Move
    from safedeploy.moves import Reloaded as Reloaded
    from safedeploy.overrides import Override as Override
    from safedeploy.parameters import Parameters as Parameters
    from safedeploy.people import Person as Person
    from safedeploy.plans import OnNewVersion as OnNewVersion
    from safedeploy.plans import Plan as Plan
    from safedeploy.plans import Ring as Ring
    from safedeploy.reviews import Review as Review
    from safedeploy.reviews import Severity as Severity
    from safedeploy.rollbacks import RollBack as RollBack
    from safedeploy.rollbacks import RollbackPolicy as RollbackPolicy
    from safedeploy.rollouts import exposure as exposure
    from safedeploy.rollouts import fold as fold
    from safedeploy.rollouts import pending as pending
    from safedeploy.rollouts import transition as transition
    from safedeploy.sampling import Sampling as Sampling
    from safedeploy.signals import Burn as Burn
    from safedeploy.signals import ErrorRate as ErrorRate
    from safedeploy.signals import Latency as Latency
    from safedeploy.signals import Objective as Objective
    from safedeploy.signals import Rate as Rate
    from safedeploy.signals import Signal as Signal
    from safedeploy.signals import Threshold as Threshold
    from safedeploy.signals import Throughput as Throughput
    from safedeploy.signals import Usage as Usage
    from safedeploy.signals import UserReports as UserReports
    from safedeploy.sources import Source as Source
    from safedeploy.states import Baking as Baking
    from safedeploy.states import Completed as Completed
    from safedeploy.states import Halted as Halted
    from safedeploy.states import Paused as Paused
    from safedeploy.states import Pending as Pending
    from safedeploy.states import Recovering as Recovering
    from safedeploy.states import RolledBack as RolledBack
    from safedeploy.states import Rollout as Rollout
    from safedeploy.targets import Order as Order
    from safedeploy.targets import Regions as Regions
    from safedeploy.targets import RetryingTarget as RetryingTarget
    from safedeploy.targets import Target as Target
    from safedeploy.traffic import Traffic as Traffic
    from safedeploy.verdicts import Evidence as Evidence
    from safedeploy.verdicts import Finding as Finding
    from safedeploy.verdicts import Verdict as Verdict
    from safedeploy.windows import Window as Window
    from safedeploy.windows import between as between
    from safedeploy.windows import business_hours as business_hours
    from safedeploy.windows import days as days
    from safedeploy.windows import since as since

_ROOMS = {
    "audiences": "Attribute Audience Everyone Group Layer Percentage Schedule Segment Split bucket",
    "breakers": "Breakers CircuitBreaker",
    "changes": "Change ChangeKind Provenance",
    "circuits": (
        "Cause DecideWhen Exponential FailureRate Failures Settings SlowCallRate TripsWhen"
    ),
    "clocks": "Clock SystemClock",
    "components": "Component",
    "contexts": "Context",
    "documents": "Definitions",
    "engine": "Engine",
    "errors": "ApprovalRefusedError CircuitOpenError DefinitionError DefinitionsInvalidError"
    " JournalConflictError JournalInvalidError JournalUnavailableError OverrideRefusedError"
    " PromotionRefusedError ReleaseRefusedError RolloutNotFoundError RolloutStateError"
    " SafeDeployError TargetError",
    "flags": "FeatureFlag Prerequisite Reason Resolution Rule",
    "forecasts": "Forecast",
    "gates": "Answer Approval Check Gate Report Within at_least",
    "health": "HealthModel",
    "journals": "Journal MemoryJournal SqliteJournal",
    "metrics": "MetricSource",
    "moves": "Fate Move Reloaded",
    "overrides": "Override",
    "parameters": "Parameters",
    "people": "Person",
    "plans": "OnNewVersion Plan Ring",
    "reviews": "Review Severity",
    "rollbacks": "RollBack RollbackPolicy",
    "rollouts": "exposure fold pending transition",
    "sampling": "Sampling",
    "signals": "Burn ErrorRate Latency Objective Rate Signal Threshold Throughput Usage"
    " UserReports",
    "sources": "Source",
    "states": "Baking Completed Halted Paused Pending Recovering RolledBack Rollout",
    "targets": "Order Regions RetryingTarget Target",
    "traffic": "Traffic",
    "verdicts": "Evidence Finding Verdict",
    "windows": "Window between business_hours days since",
}
__all__ = door(globals(), _ROOMS)  # noqa: PLE0605 # pyright: ignore[reportUnsupportedDunderAll]
