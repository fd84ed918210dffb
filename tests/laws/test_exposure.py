"""The laws of exposure, E1 to E3, E5 and E6, on flags and on the engine."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice, pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks._buckets import SHAPES, correlations
from safedeploy.audiences import Attribute, Audience, Everyone, Exposure, Group, Percentage
from safedeploy.contexts import Context
from safedeploy.engine import Engine
from safedeploy.events import Event
from safedeploy.flags import FeatureFlag, Reason
from safedeploy.journals import MemoryJournal
from tests.laws.shops import Shop, customer, quick

KEYS = st.text(min_size=1)
PERCENTS = st.floats(0, 100)
LEAVES: list[Audience] = [
    Everyone(),
    Group("staff"),
    Percentage(30),
    Attribute("plan").equals("beta"),
    Attribute("age").is_in([1, 2]),
    Attribute("tags").contains("x"),
    Attribute("plan").exists(),
]
AUDIENCES = st.recursive(
    st.sampled_from(LEAVES),
    lambda inner: st.one_of(
        st.builds(lambda one, other: one & other, inner, inner),
        st.builds(lambda one, other: one | other, inner, inner),
        st.builds(lambda one: ~one, inner),
    ),
    max_leaves=6,
)
JUNK = st.one_of(
    st.none(),
    st.integers(),
    st.floats(),
    st.text(),
    st.binary(),
    st.lists(st.one_of(st.none(), st.text(), st.floats())),
    st.dictionaries(st.text(), st.text()),
)
CONTEXTS = st.builds(
    Context,
    st.one_of(KEYS, st.none(), JUNK),
    st.one_of(JUNK, st.dictionaries(st.sampled_from(["plan", "age", "tags", ""]), JUNK)),
    groups=st.one_of(st.just(["staff"]), JUNK),
)


@pytest.mark.law("E1")
@given(CONTEXTS, AUDIENCES)
def test_the_same_question_has_the_same_answer(context: Context, audience: Audience) -> None:
    """A definition made anew gives an equal resolution, on the flag and on an engine."""
    one = FeatureFlag.boolean("f", when=audience)
    other = FeatureFlag.boolean("f", when=audience)
    assert one == other
    assert one.resolve(context) == other.resolve(context)
    assert one.resolve(context) == Engine().evaluate(other, context)


@pytest.mark.law("E1")
def test_every_process_gives_the_same_answers() -> None:
    """Answers don't depend on the process, nor on its hash seed."""
    program = (
        "from safedeploy import Context, FeatureFlag, Percentage\n"
        "flag = FeatureFlag.boolean('f', when=Percentage(30))\n"
        "print(*(flag.resolve(Context(f'user-{n}')).value for n in range(200)))"
    )
    flag = FeatureFlag.boolean("f", when=Percentage(30))
    expected = " ".join(str(flag.resolve(Context(f"user-{n}")).value) for n in range(200))
    for seed in ("1", "2"):
        command = [sys.executable, "-c", program]
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        run = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        assert expected == run.stdout.strip()


@pytest.mark.law("E2")
@given(st.lists(KEYS, max_size=50), PERCENTS, PERCENTS, st.text())
def test_raising_a_percentage_takes_nobody_out(
    keys: list[str], one: float, other: float, salt: str
) -> None:
    """Whoever is in at a percentage is in at every higher one."""
    lower, higher = sorted((one, other))
    for key in keys:
        context = Context(key)
        assert not Exposure(salt, lower).reaches(context) or Exposure(salt, higher).reaches(context)


@pytest.mark.law("E2")
def test_rings_nest_and_a_new_attempt_keeps_the_cohort() -> None:
    """Whom a ring has reached stays reached in later rings, and comes first in the next attempt."""
    cohorts = []
    shop = Shop(plan=quick(), defect=0.0)
    while shop.rollout.in_flight:
        shop.serve_an_interval()
        cohorts.append(reached(shop))
    assert all(earlier <= later for earlier, later in pairwise(cohorts))

    failed = Shop(plan=quick(), defect=1.0).open().close()
    again = Shop(plan=quick(), journal=failed.journal, start=failed.clock.now(), attempt=2)
    again.engine.tick()
    assert cohorts[0] == reached(again)


def reached(shop: Shop) -> set[int]:
    """Return the customers who get the new value now."""
    engine, flag = shop.engine, shop.flag
    return {each for each in range(300) if engine.value(flag, customer(each)) == "new"}


@pytest.mark.law("E5")
@given(context=st.one_of(CONTEXTS, JUNK), audience=AUDIENCES, release=st.booleans())
def test_evaluating_never_raises(context: object, audience: Audience, *, release: bool) -> None:
    """Whatever is passed for a context, a value of the flag comes back, with a reason."""
    shop = Shop(definition=Shop.flag.serve("new", when=audience))
    flag = shop.flag.serve("new", when=audience)
    if release:
        shop.engine.tick()
    anything: Context = context  # type: ignore[assignment]
    assert shop.engine.value(flag, anything) in {"old", "new"}
    assert shop.engine.evaluate(flag, anything).reason in Reason
    with shop.engine.guard(flag, anything) as exposure:
        assert exposure.value in {"old", "new"}


@pytest.mark.law("E3")
@pytest.mark.parametrize("shape", SHAPES)
def test_flags_draw_fairly_and_by_themselves(shape: str) -> None:
    """Of keys of any shape, flags for a fifth each expose a fifth, and every two of them overlap as
    if by chance.
    """
    flags = [FeatureFlag.boolean(f"flag-{number}", when=Percentage(20)) for number in range(8)]
    contexts = [Context(key) for key in islice(SHAPES[shape](), 2000)]
    cohorts = [
        int("".join("01"[flag.resolve(context).value] for context in contexts), 2) for flag in flags
    ]
    for cohort in cohorts:
        assert abs(cohort.bit_count() - 400) < 4 * (2000 * 0.2 * 0.8) ** 0.5
    assert max(map(abs, correlations(cohorts, 2000))) < 4


class SlowJournal(MemoryJournal):
    """A journal that is busy until it is told to go on."""

    def __init__(self) -> None:
        super().__init__()
        self.busy = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()

    def append(self, stream: str, events: Sequence[Event], **how: Any) -> int:
        self.busy.set()
        self.go_on.wait()
        return super().append(stream, events, **how)


@contextmanager
def blocked(shop: Shop, journal: SlowJournal) -> Iterator[None]:
    """Let another thread be stuck in the journal, holding whatever locks it holds."""
    journal.busy.clear()
    journal.go_on.clear()
    other = threading.Thread(target=shop.stop, args=("alert",))
    other.start()
    journal.busy.wait()
    try:
        yield
    finally:
        journal.go_on.set()
        other.join()


@pytest.mark.law("E5")
def test_evaluating_waits_for_nobody() -> None:
    """While a journal is stuck in an append, evaluation goes on, and a halt has withdrawn."""
    journal = SlowJournal()
    shop = Shop(plan=quick(), journal=journal)
    shop.serve_an_interval()
    assert reached(shop)
    with blocked(shop, journal):
        assert not reached(shop)
        with shop.engine.guard(FeatureFlag.boolean("another"), customer(1)) as exposure:
            assert exposure.value is False


@pytest.mark.law("E6")
@given(CONTEXTS, AUDIENCES)
def test_a_resolution_explains_itself(context: Context, audience: Audience) -> None:
    """Value, variant, reason, rule and version fit together, and name what couldn't be used."""
    flag = FeatureFlag.boolean("f", when=audience)
    found = flag.resolve(context)
    assert flag.variants[found.variant] is found.value
    assert flag.version == found.version
    matched = audience.matches(context, salt="f")
    assert (1 if matched else None) == found.rule
    expected = Reason.SPLIT if audience.is_split() else Reason.TARGETING_MATCH
    assert (expected if matched else Reason.DEFAULT) is found.reason
    assert all(name in found.detail for name in context.absent)


@pytest.mark.law("E6")
def test_a_resolution_names_ring_and_rollout() -> None:
    """Under release, it names the rollout, the ring that reached, and the definition."""
    shop = Shop(plan=quick())
    shop.engine.tick()
    definition = shop.flag.serve("new")
    for number in range(100):
        found = shop.engine.evaluate(shop.flag, customer(number))
        is_in = found.value == "new"
        assert shop.rollout.id == found.rollout
        assert ("canary" if is_in else None) == found.ring
        assert (definition if is_in else shop.flag).version == found.version
    shop.stop("abort")
    assert "withdrawn" in shop.engine.evaluate(shop.flag, customer(1)).detail


@pytest.mark.law("E6")
def test_the_engine_says_what_went_wrong() -> None:
    """A context that can't be asked gets the off variant, and the kind of error as the detail."""
    broken = Context("user-1")
    object.__setattr__(broken, "groups", None)
    flag = FeatureFlag.boolean("f", when=Group("staff"))
    found = Engine().evaluate(flag, broken)
    assert (False, Reason.ERROR, "TypeError") == (found.value, found.reason, found.detail)
