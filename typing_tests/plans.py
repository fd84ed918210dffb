"""What type checkers know of plans: rings and gates may be given as any sequence.

Nothing here is run. mypy and pyright, both strict, must agree with every `assert_type`.
"""

from datetime import timedelta
from typing import assert_type

from safedeploy import Check, Engine, FeatureFlag, Gate, HealthModel, Plan, Ring, Rollout, Usage

canary = Ring("canary", percent=1, bake=timedelta(hours=1), gates=[Check("reviewed")])
everyone = Ring("everyone", percent=100)
health = HealthModel(Usage(at_least=100))
plan = Plan(rings=(canary, everyone), health=health)

assert_type(canary.gates, tuple[Gate, ...])
assert_type(canary.deadline, timedelta)
assert_type(plan.rings, tuple[Ring, ...])
assert_type(Plan(rings=[canary], health=health, before=[Check("scanned")]), Plan)
assert_type(Engine().release(FeatureFlag.boolean("new-checkout").serve("on"), plan), Rollout)
