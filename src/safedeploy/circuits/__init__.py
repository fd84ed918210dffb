"""The breaker machine, pure: a circuit and a time in, a circuit and an answer out."""

from typing import TYPE_CHECKING

from safedeploy.doors import door

if TYPE_CHECKING:  # the same names, for tools that read and don't run
    from safedeploy.circuits.conditions import AllHold as AllHold
    from safedeploy.circuits.conditions import AnyHolds as AnyHolds
    from safedeploy.circuits.conditions import Condition as Condition
    from safedeploy.circuits.conditions import FailureRate as FailureRate
    from safedeploy.circuits.conditions import Failures as Failures
    from safedeploy.circuits.conditions import SlowCallRate as SlowCallRate
    from safedeploy.circuits.machine import ORDINARY as ORDINARY
    from safedeploy.circuits.machine import Fate as Fate
    from safedeploy.circuits.machine import absorb as absorb
    from safedeploy.circuits.machine import acquire as acquire
    from safedeploy.circuits.machine import begin as begin
    from safedeploy.circuits.machine import forked as forked
    from safedeploy.circuits.machine import look as look
    from safedeploy.circuits.machine import mark as mark
    from safedeploy.circuits.machine import move as move
    from safedeploy.circuits.machine import record as record
    from safedeploy.circuits.machine import spare as spare
    from safedeploy.circuits.settings import DecideWhen as DecideWhen
    from safedeploy.circuits.settings import Exponential as Exponential
    from safedeploy.circuits.settings import Judged as Judged
    from safedeploy.circuits.settings import Options as Options
    from safedeploy.circuits.settings import Settings as Settings
    from safedeploy.circuits.states import Breached as Breached
    from safedeploy.circuits.states import Cause as Cause
    from safedeploy.circuits.states import Circuit as Circuit
    from safedeploy.circuits.states import Closed as Closed
    from safedeploy.circuits.states import Disabled as Disabled
    from safedeploy.circuits.states import HalfOpen as HalfOpen
    from safedeploy.circuits.states import Isolated as Isolated
    from safedeploy.circuits.states import MetricsOnly as MetricsOnly
    from safedeploy.circuits.states import Notice as Notice
    from safedeploy.circuits.states import Open as Open
    from safedeploy.circuits.states import Refused as Refused
    from safedeploy.circuits.states import Slow as Slow
    from safedeploy.circuits.states import State as State
    from safedeploy.circuits.states import Terms as Terms
    from safedeploy.circuits.states import Transitioned as Transitioned
    from safedeploy.circuits.transitions import TRANSITIONS as TRANSITIONS
    from safedeploy.circuits.transitions import counted as counted
    from safedeploy.circuits.tripping import TripsWhen as TripsWhen
    from safedeploy.circuits.windows import BUCKETS as BUCKETS
    from safedeploy.circuits.windows import CountWindow as CountWindow
    from safedeploy.circuits.windows import TimeWindow as TimeWindow
    from safedeploy.circuits.windows import Window as Window
    from safedeploy.circuits.windows import failure_rate as failure_rate
    from safedeploy.circuits.windows import slow_call_rate as slow_call_rate

_ROOMS = {
    "conditions": "AllHold AnyHolds Condition FailureRate Failures SlowCallRate",
    "machine": "ORDINARY Fate absorb acquire begin forked look mark move record spare",
    "settings": "DecideWhen Exponential Judged Options Settings",
    "states": (
        "Breached Cause Circuit Closed Disabled HalfOpen Isolated MetricsOnly Notice Open "
        "Refused Slow State Terms Transitioned"
    ),
    "transitions": "TRANSITIONS counted",
    "tripping": "TripsWhen",
    "windows": "BUCKETS CountWindow TimeWindow Window failure_rate slow_call_rate",
}
__all__ = door(globals(), _ROOMS)  # noqa: PLE0605 # pyright: ignore[reportUnsupportedDunderAll]
