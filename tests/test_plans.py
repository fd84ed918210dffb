"""Plans and rings: how far, for how long, behind which gates, judged and recovered how."""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy.digests import digest
from safedeploy.errors import DefinitionError
from safedeploy.gates import Check
from safedeploy.health import HealthModel
from safedeploy.plans import Plan, Ring
from safedeploy.rollbacks import RollbackPolicy
from safedeploy.signals import (
    Criteria,
    ErrorRate,
    Latency,
    Objective,
    Rate,
    Signal,
    Threshold,
    Throughput,
    Usage,
)
from safedeploy.verdicts import Verdict

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
HEALTH = HealthModel(ErrorRate(), Usage(at_least=100))
TOLERANT = HealthModel(ErrorRate(tolerate=1.25), Usage(at_least=100))

CRASHES = Rate("crash", at_most=0.1)
CANARY = Ring("canary", percent=1, bake=HOUR)
EVERYONE = Ring("everyone", percent=100, bake=24 * HOUR)


def plan(**changed: Any) -> Plan:
    """Make a plan of two rings, changed as is said."""
    given: dict[str, Any] = {"rings": (CANARY, EVERYONE), "health": HEALTH}
    return Plan(**given | changed)


def alone(*signals: Signal) -> HealthModel:
    """Make a model of signals and use."""
    return HealthModel(*signals, Usage(at_least=1))


def rings(*percents: float) -> tuple[Ring, ...]:
    """Make rings of these sizes."""
    return tuple(Ring(f"ring {n}", percent=percent) for n, percent in enumerate(percents))


@pytest.mark.parametrize(
    ("percents", "holdback", "exposed"),
    [
        ((1, 10, 100), 5, [1, 10, 95]),
        ((1, 97, 100), 5, [1, 95, 95]),
        ((1, 100), 0.5, [1, 99.5]),
        ((1, 50), 0, [1, 50]),
        ((5, 5), 5, [5, 5]),
        ((100,), 99, [1]),
    ],
)
def test_a_holdback_is_never_exposed(
    percents: tuple[float, ...], holdback: float, exposed: list[float]
) -> None:
    """A ring exposes its percentage, but never those who are held back."""
    made = plan(rings=rings(*percents), holdback=holdback)

    assert exposed == [made.exposed(number) for number in range(len(percents))]


def test_checks_before_a_plan_are_gates_of_its_first_ring() -> None:
    """The first ring waits for the plan's checks and then its own, others for their own."""
    reviewed, signed, quiet = Check("reviewed"), Check("signed"), Check("quiet")
    made = plan(
        before=[reviewed],
        rings=[Ring("a", percent=1, gates=[signed]), Ring("b", percent=2, gates=[quiet])],
    )

    assert ((reviewed, signed), (quiet,)) == (made.gates(0), made.gates(1))


def test_a_check_may_gate_several_rings() -> None:
    """A name is unique in a ring, not in a plan: one check can be asked before each ring."""
    gates = (Check("quiet"),)
    made = plan(rings=(Ring("a", percent=1, gates=gates), Ring("b", percent=2, gates=gates)))

    assert gates == made.gates(0) == made.gates(1)


def test_criteria_are_the_plans() -> None:
    """What a ring is judged by comes from the plan, the model and the ring."""
    made = plan(must_see=3.0, power=0.8)

    expected = Criteria(NOON, 0.01, 0.01, 3.0, 0.8, timedelta(minutes=6))
    assert expected == made.criteria(0, NOON)
    assert attrs.evolve(expected, share=0.95, quiet=2.4 * HOUR) == made.criteria(1, NOON)


@pytest.mark.parametrize(
    ("bake", "every", "quiet"), [(HOUR, 10, 360), (HOUR, 600, 1800), (timedelta(0), 10, 30)]
)
def test_how_long_a_silence_may_last(bake: timedelta, every: int, quiet: int) -> None:
    """A tenth of the bake, and three assessments at least."""
    made = plan(rings=(Ring("it", percent=1, bake=bake),), assess_every=timedelta(seconds=every))

    assert timedelta(seconds=quiet) == made.criteria(0, NOON).quiet


@pytest.mark.parametrize(
    ("bake", "deadline"), [(timedelta(0), HOUR), (HOUR / 20, HOUR), (HOUR, 10 * HOUR)]
)
def test_a_ring_has_a_deadline(bake: timedelta, deadline: timedelta) -> None:
    """Ten times the bake, and an hour at least, unless another is given."""
    assert deadline == Ring("it", percent=1, bake=bake).deadline
    assert 2 * HOUR == Ring("it", percent=1, bake=bake, deadline=2 * HOUR).deadline


def test_what_need_not_be_said() -> None:
    """A plan of rings and health rolls back at once and holds 5 % back."""
    made = plan()

    assert (RollbackPolicy.roll_back(), (), 5.0) == (made.on_issue, made.before, made.holdback)
    assert (2.0, 0.9) == (made.must_see, made.power)
    assert (HOUR, timedelta(seconds=10)) == (made.alert_deadline, made.assess_every)


def test_a_plan_is_a_value() -> None:
    """Equal plans compare and digest alike, from lists or tuples; any edit shows."""
    other = plan(rings=[CANARY, EVERYONE], before=[])

    assert plan() == other
    assert plan().digest == other.digest == digest(plan())
    assert plan(holdback=6).digest != plan().digest
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        other.holdback = 6  # type: ignore[misc]


def test_what_a_check_runs_is_not_part_of_a_plan() -> None:
    """Two processes that name the same checks have the same plan, whatever they call."""
    mine = plan(before=(Check("reviewed", run=lambda _: True),))
    other = plan(before=(Check("reviewed"),))

    assert mine == other
    assert mine.digest == other.digest


PERCENT = ("percent", "give a number between 0 and 100")
REACH = ("percent", "let each ring reach somebody")
LEAVE_MEND = "hold somebody back to compare with, or add a signal that compares nobody,"
LEAVE = ("percent", f"{LEAVE_MEND} such as Objective(0.999)")
EARLY = ("minimum_bake", "give a signal that has a say a margin, such as ErrorRate(margin=1.5)")
FALLS = ("percent", "let no ring be smaller than the one before")
OWN_NAME = ("rings", "give each ring a name of its own")
OWN_CHECK = ("gates", "give each gate a name of its own")
HELD = ("holdback", "give a number between 0 and 100")
SEE = ("must_see", "give a ratio above 1, such as 2")
NEAR = ("must_see", "raise must_see above what 'error rate' tolerates")
POWER = ("power", "give a chance between 0.5 and 1, such as 0.9")
NEGATIVE = "give a timedelta that isn't negative"
AGO = timedelta(microseconds=-1)

Refused = tuple[Callable[[Any], object], tuple[str, str], object]

REFUSED: dict[str, Refused] = {
    "ring without a name": (
        lambda _: Ring("", percent=1),
        ("name", "give a text that isn't empty"),
        "",
    ),
    "ring named by a number": (
        lambda _: Ring(5, percent=1),  # type: ignore[arg-type]
        ("name", "give a text that isn't empty"),
        5,
    ),
    "percent above 100": (lambda _: Ring("it", percent=101), PERCENT, 101),
    "percent below 0": (lambda _: Ring("it", percent=-1), PERCENT, -1),
    "percent as text": (lambda _: Ring("it", percent="5"), PERCENT, "5"),  # type: ignore[arg-type]
    "percent as truth": (lambda _: Ring("it", percent=True), PERCENT, True),
    "negative bake": (lambda _: Ring("it", percent=1, bake=AGO), ("bake", NEGATIVE), AGO),
    "negative deadline": (
        lambda _: Ring("it", percent=1, deadline=AGO),
        ("deadline", NEGATIVE),
        AGO,
    ),
    "deadline as number": (
        lambda _: Ring("it", percent=1, deadline=60),  # type: ignore[arg-type]
        ("deadline", NEGATIVE),
        60,
    ),
    "no rings": (lambda _: plan(rings=()), ("rings", "give one ring at least"), ()),
    "name twice": (
        lambda _: plan(rings=(CANARY, attrs.evolve(EVERYONE, name="canary"))),
        OWN_NAME,
        ["canary", "canary"],
    ),
    "falling": (lambda _: plan(rings=rings(1, 10, 5)), FALLS, [1, 10, 5]),
    "ring of nobody": (lambda _: plan(rings=rings(0, 1)), REACH, 0),
    "no holdback": (lambda _: plan(holdback=0), LEAVE, 100),
    "all held back": (lambda _: plan(holdback=100), REACH, 0),
    "check twice in a ring": (
        lambda _: plan(rings=(Ring("it", percent=1, gates=[Check("a"), Check("a")]),)),
        OWN_CHECK,
        ["a", "a"],
    ),
    "check twice before": (
        lambda _: plan(before=(Check("a"), Check("b"), Check("a"))),
        OWN_CHECK,
        ["a", "b", "a"],
    ),
    "check before and in the first ring": (
        lambda _: plan(
            before=(Check("a"),), rings=(Ring("it", percent=1, gates=[Check("a")]), EVERYONE)
        ),
        OWN_CHECK,
        ["a", "a"],
    ),
    "check twice after a ring": (
        lambda _: plan(
            rings=(Ring("it", percent=1, bake=HOUR, after=[Check("a"), Check("a")]), EVERYONE),
        ),
        ("after", OWN_CHECK[1]),
        ["a", "a"],
    ),
    "check twice in a later ring": (
        lambda _: plan(
            rings=(CANARY, Ring("it", percent=2, gates=[Check("a"), Check("a")])),
        ),
        OWN_CHECK,
        ["a", "a"],
    ),
    **{
        f"holdback {value!r}": (lambda value: plan(holdback=value), HELD, value)
        for value in (-1, 101, "5", True, None)
    },
    **{
        f"must_see {value!r}": (lambda value: plan(must_see=value), SEE, value)
        for value in (1, 0.5, -2, math.inf)
    },
    "too near to see": (lambda _: plan(must_see=1.05), NEAR, 1.05),
    "too near to what is tolerated": (
        lambda _: plan(health=TOLERANT, must_see=1.3),
        NEAR,
        1.3,
    ),
    **{
        f"power {value!r}": (lambda value: plan(power=value), POWER, value)
        for value in (0.5, 0, 1, 1.1, -0.9, math.inf)
    },
    "acknowledged at once": (
        lambda _: plan(acknowledge_within=timedelta(0)),
        ("acknowledge_within", "give one below alert_deadline"),
        timedelta(0),
    ),
    "acknowledged too late": (
        lambda _: plan(acknowledge_within=HOUR),
        ("acknowledge_within", "give one below alert_deadline"),
        HOUR,
    ),
    "never assessed": (
        lambda _: plan(assess_every=timedelta(0)),
        ("assess_every", "give a timedelta above zero"),
        timedelta(0),
    ),
    "assessed backwards": (
        lambda _: plan(assess_every=AGO),
        ("assess_every", NEGATIVE),
        AGO,
    ),
    "alert deadline": (
        lambda _: plan(alert_deadline=AGO),
        ("alert_deadline", NEGATIVE),
        AGO,
    ),
    "alert deadline as number": (
        lambda _: plan(alert_deadline=60),
        ("alert_deadline", NEGATIVE),
        60,
    ),
    "minimum without a margin": (
        lambda _: plan(rings=(attrs.evolve(CANARY, minimum_bake=HOUR / 2), EVERYONE)),
        EARLY,
        HOUR / 2,
    ),
    "minimum with a shadow's margin": (
        lambda _: plan(
            rings=(attrs.evolve(CANARY, minimum_bake=HOUR / 2), EVERYONE),
            health=HealthModel(
                ErrorRate(), ErrorRate(margin=1.5, shadow=True, name="tried"), Usage(at_least=1)
            ),
        ),
        EARLY,
        HOUR / 2,
    ),
    "minimum in a later ring": (
        lambda _: plan(rings=(CANARY, attrs.evolve(EVERYONE, minimum_bake=timedelta(0)))),
        EARLY,
        timedelta(0),
    ),
    "minimum above the bake": (
        lambda _: Ring("it", percent=1, bake=HOUR, minimum_bake=2 * HOUR),
        ("minimum_bake", "give a timedelta up to the bake, 1:00:00"),
        2 * HOUR,
    ),
    "minimum without a bake": (
        lambda _: Ring("it", percent=1, minimum_bake=HOUR),
        ("minimum_bake", "give a timedelta up to the bake, 0:00:00"),
        HOUR,
    ),
    **{
        f"minimum {value!r}": (
            lambda value: Ring("it", percent=1, bake=HOUR, minimum_bake=value),
            ("minimum_bake", NEGATIVE),
            value,
        )
        for value in (AGO, 60, "1h")
    },
    "never noticed, alone": (
        lambda _: plan(rings=rings(100), holdback=0, health=alone(CRASHES), must_see=1.05),
        ("must_see", "raise must_see above what 'rate of crash' tolerates"),
        1.05,
    ),
    **{
        f"bake {value!r}": (
            lambda value: Ring("it", percent=1, bake=value),
            ("bake", NEGATIVE),
            value,
        )
        for value in (3600, "1h", None)
    },
}


@pytest.mark.parametrize(("make", "says", "value"), REFUSED.values(), ids=REFUSED)
def test_a_bad_plan_is_refused(
    make: Callable[[Any], object], says: tuple[str, str], value: object
) -> None:
    """A plan or ring that can't be is refused where it is made, by field, value and mend."""
    with pytest.raises(DefinitionError) as caught:
        make(value)

    error = caught.value
    assert (*says, value) == (error.field, error.mend, error.value)


@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("percent", lambda nan: Ring("it", percent=nan)),
        ("holdback", lambda nan: plan(holdback=nan)),
        ("must_see", lambda nan: plan(must_see=nan)),
        ("power", lambda nan: plan(power=nan)),
    ],
    ids=["percent", "holdback", "must_see", "power"],
)
def test_what_is_not_a_number_is_refused(field: str, make: Callable[[float], object]) -> None:
    """NaN compares with nothing, and is refused all the same."""
    with pytest.raises(DefinitionError, match=rf"^{field}=nan: give a "):
        make(math.nan)


KINDS: dict[str, tuple[Callable[[Any], object], str, object, str]] = {
    "ring": (lambda value: plan(rings=(value,)), "rings", "canary", "Ring"),
    "health": (lambda value: plan(health=value), "health", ErrorRate(), "HealthModel"),
    "policy": (lambda value: plan(on_issue=value), "on_issue", "roll back", "RollbackPolicy"),
    "check before": (lambda value: plan(before=(value,)), "before", "reviewed", "Gate"),
    "gate": (lambda value: Ring("it", percent=1, gates=(value,)), "gates", "signed", "Gate"),
    "gate after": (lambda value: Ring("it", percent=1, after=(value,)), "after", "done", "Gate"),
    "ratio": (lambda value: plan(must_see=value), "must_see", "2", "float"),
    "truth as ratio": (lambda value: plan(must_see=value), "must_see", True, "float"),
    "power": (lambda value: plan(power=value), "power", None, "float"),
}


@pytest.mark.parametrize(("make", "field", "value", "kind"), KINDS.values(), ids=KINDS)
def test_what_is_of_another_kind_is_refused(
    make: Callable[[Any], object], field: str, value: object, kind: str
) -> None:
    """What a plan can't be made of is refused, naming field, value and what to give instead."""
    with pytest.raises(DefinitionError) as caught:
        make(value)

    error = caught.value
    assert (field, value, kind) == (error.field, error.value, error.mend.split()[-1])


@pytest.mark.parametrize("must_see", [1.15, 1.5, 100])
def test_a_ratio_that_can_be_seen_is_allowed(must_see: float) -> None:
    """What lies far enough above what is tolerated can be asked for."""
    assert must_see == plan(must_see=must_see).must_see


def test_every_ring_notices_what_the_first_does() -> None:
    """A plan that was allowed never gets to a ring whose health can't notice what it must."""
    for must_see in (1 + step / 1000 for step in range(80, 120)):
        try:
            made = plan(rings=rings(1, 10, 50, 100), must_see=must_see)
        except DefinitionError:
            continue
        assert all(ErrorRate().can_notice(made.criteria(number, NOON)) for number in range(4))


# Rings that have nobody to compare with, and rings that are left early


@pytest.mark.parametrize(
    "signals",
    [
        (CRASHES,),
        (Objective(0.999),),
        (Threshold("load", at_most=0.8),),
        (ErrorRate(), Latency(), Throughput(of="order"), CRASHES),
        (Rate("crash", at_most=0.1, shadow=True), Objective(0.999)),
    ],
    ids=range(5),
)
def test_a_ring_of_everybody_needs_nobody_to_compare_with(signals: tuple[Signal, ...]) -> None:
    """A plan may hold nobody back where a signal judges the canary alone."""
    made = plan(holdback=0, health=alone(*signals))

    assert [1, 100] == [made.exposed(number) for number in range(2)]
    assert 1.0 == made.criteria(1, NOON).share
    assert made == plan(rings=(CANARY, EVERYONE), holdback=0, health=alone(*signals))


@pytest.mark.parametrize(
    "signals",
    [
        (ErrorRate(), Latency(), Throughput(of="order")),
        (Rate("crash", at_most=0.1, shadow=True),),
        (Objective(0.999, severity=Verdict.INVESTIGATE),),
        (Threshold("load", at_most=0.8, shadow=True), ErrorRate()),
        (),
    ],
    ids=["comparing", "a shadow", "looked at", "beside", "use alone"],
)
def test_a_ring_of_everybody_is_judged_by_something_that_halts(
    signals: tuple[Signal, ...],
) -> None:
    """Use alone, a shadow, or what a person looks at first, stops no harm."""
    with pytest.raises(DefinitionError) as caught:
        plan(holdback=0, health=alone(*signals))

    assert (*LEAVE, 100) == (caught.value.field, caught.value.mend, caught.value.value)


def test_what_compares_need_not_notice_anything_alone() -> None:
    """Where nobody is left to compare with, only what judges alone is asked."""
    health = alone(ErrorRate(), Objective(0.999))

    only = plan(rings=rings(100), holdback=0, health=health, must_see=1.05)
    assert 1.05 == only.must_see
    with pytest.raises(DefinitionError, match="'error rate' tolerates"):
        plan(rings=rings(1, 100), holdback=0, health=health, must_see=1.05)


def test_a_minimum_is_the_bake_unless_given() -> None:
    """Old plans, and new ones that say nothing of it, have the digest that they had."""
    ring = Ring("it", percent=1, bake=HOUR)
    said = Ring("it", percent=1, bake=HOUR, minimum_bake=HOUR)

    assert HOUR == ring.needed(excluded=True) == said.needed(excluded=True)
    assert timedelta(0) == Ring("it", percent=1).needed(excluded=True)
    assert digest(ring) != digest(attrs.evolve(ring, minimum_bake=HOUR / 2))
    assert "32e2676f194b" == digest(ring)[:12], (
        "the digest that a ring had before there were minimums"
    )


@given(st.timedeltas(HOUR, timedelta(days=9)))
def test_a_ring_that_is_to_bake_longer_bakes_longer(bake: timedelta) -> None:
    """Where no minimum was given, none is left behind by another bake; one that was stays."""
    ring = Ring("it", percent=1, bake=HOUR)
    early = attrs.evolve(ring, minimum_bake=HOUR / 2)

    assert bake == attrs.evolve(ring, bake=bake).needed(excluded=True)
    assert HOUR / 2 == attrs.evolve(early, bake=bake).needed(excluded=True)
    plan(rings=(attrs.evolve(CANARY, bake=bake), EVERYONE))


@pytest.mark.parametrize("minimum", [timedelta(0), HOUR / 2, HOUR])
def test_a_margin_allows_a_minimum(minimum: timedelta) -> None:
    """Where a signal has a margin to exclude, any minimum up to the bake is fine."""
    early = attrs.evolve(CANARY, minimum_bake=minimum)
    made = plan(rings=(early, EVERYONE), health=alone(ErrorRate(margin=1.5)))

    assert minimum == made.rings[0].needed(excluded=True)
    assert HOUR == made.rings[0].needed(excluded=False)
