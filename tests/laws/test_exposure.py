"""The laws of exposure, all but E4, on flags and on the engine."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice, pairwise
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import safedeploy
from benchmarks._buckets import SHAPES, correlations
from safedeploy.audiences import (
    Audience,
    Exposure,
    Group,
    Layer,
    Percentage,
    Schedule,
    Split,
)
from safedeploy.contexts import Context
from safedeploy.engine import Engine
from safedeploy.errors import DefinitionError, ReleaseRefusedError
from safedeploy.events import Event
from safedeploy.flags import FeatureFlag, Reason, Resolution
from safedeploy.journals import MemoryJournal
from safedeploy.testing import FakeClock
from tests.laws.definitions import (
    AUDIENCES,
    CONTEXTS,
    HOUR,
    JUNK,
    KEYS,
    LAYER,
    NOON,
    PEOPLE,
    TIMES,
    definitions,
)
from tests.laws.shops import Shop, customer, quick

PERCENTS = st.floats(0, 100)


@pytest.mark.law("E1")
@given(definitions(), CONTEXTS, TIMES, st.sampled_from([None, Schedule(NOON, NOON + HOUR)]))
def test_the_same_question_has_the_same_answer(
    make: Callable[[], FeatureFlag[int]],
    context: Context,
    at: datetime | None,
    schedule: Schedule | None,
) -> None:
    """A definition made anew gives an equal resolution at the same time, on the flag and on an
    engine, which gives its value as well.
    """
    one, other = (attrs.evolve(flag, within=schedule or flag.within) for flag in (make(), make()))
    assert one == other
    expected = one.resolve(context, at=at)
    assert expected == other.resolve(context, at=at)
    if at is not None:
        engine = Engine(clock=FakeClock(at))
        assert expected == engine.evaluate(other, context)
        assert expected.value == engine.value(other, context)
        assert expected.value == engine.value(one, context)


ASKED = """
flag = FeatureFlag("f", {"a": 1, "b": 2, "c": 3}, Split({"a": 5, "b": 3}), off="c")
flag = flag.serve("b", when=Segment("some", Percentage(30, of="age")) & Percentage(50))
flag = attrs.evolve(flag, within=Layer("shop", {"f": 80}).share("f"))
answers = [flag.resolve(person).variant for person in people]
"""


@pytest.mark.law("E1")
def test_every_process_gives_the_same_answers() -> None:
    """Answers don't depend on the process, nor on its hash seed."""
    program = f"""
import attrs
from safedeploy import *
people = [Context(f"user-{{n}}", {{"plan": "beta", "age": n % 7}}) for n in range(200)]
{ASKED}
print(*answers)
"""
    people = [Context(f"user-{n}", {"plan": "beta", "age": n % 7}) for n in range(200)]
    names: dict[str, Any] = {"people": people, "attrs": attrs}
    names |= {name: getattr(safedeploy, name) for name in safedeploy.__all__}
    exec(ASKED, names)  # noqa: S102 - the same program, in this process
    expected = " ".join(names["answers"])
    assert {"a", "b", "c"} == {*names["answers"]}
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
@given(definitions(), PEOPLE, PERCENTS, PERCENTS)
def test_raising_the_percentage_of_a_rule_takes_nobody_out(
    make: Callable[[], FeatureFlag[int]], context: Context, one: float, other: float
) -> None:
    """Whatever else a flag says, who gets the last rule's variant keeps it as its share rises."""
    lower, higher = (
        attrs.evolve(make(), default="a").serve("b", when=Percentage(percent)).resolve(context)
        for percent in sorted((one, other))
    )
    assert lower == attrs.evolve(higher, version=lower.version) or higher.variant == "b"


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
@given(definitions(), CONTEXTS, TIMES)
def test_a_resolution_explains_itself(
    make: Callable[[], FeatureFlag[int]], context: Context, at: datetime | None
) -> None:
    """Value, variant, reason, rule and version fit together, and name what couldn't be used."""
    flag = make()
    found = flag.resolve(context, at=at)
    assert flag.variants[found.variant] is found.value
    assert flag.version == found.version
    assert all(name in found.detail for name in context.absent)
    matching = [
        number
        for number, rule in enumerate(flag.rules, start=1)
        if rule.when.matches(context, salt="f", at=at)
        and (isinstance(rule.variant, str) or rule.variant.can_draw(context))
    ]
    if found.reason is Reason.DISABLED:
        assert flag.off == found.variant
        is_known = not flag.enabled or found.detail
        assert is_known
    else:
        assert (matching[0] if matching else None) == found.rule
        served = flag.rules[matching[0] - 1].variant if matching else flag.default
        names = (served,) if isinstance(served, str) else served.names
        assert found.variant in names
        split = isinstance(served, Split) or (
            bool(matching) and flag.rules[matching[0] - 1].when.is_split()
        )
        otherwise = Reason.TARGETING_MATCH if matching else Reason.DEFAULT
        otherwise = otherwise if flag.rules else Reason.STATIC
        assert (Reason.SPLIT if split else otherwise) is found.reason


@pytest.mark.law("E6")
@given(definitions(), CONTEXTS, TIMES)
def test_the_whole_path_can_be_told(
    make: Callable[[], FeatureFlag[int]], context: Context, at: datetime | None
) -> None:
    """What is explained begins with the answer, and ends with the step that decided it."""
    flag = make()
    found, told = flag.resolve(context, at=at), flag.explain(context, at=at).splitlines()
    assert told[0].startswith(f"f is {found.variant!r}")
    assert found.version in told[0]
    if found.rule is not None:
        assert told[-1].startswith(f"  rule {found.rule} matched because ")
    assert not any("matched because" in line for line in told[:-1])


@pytest.mark.law("J3")
@given(definitions(), st.sampled_from(["plan", "age", "tags"]), TIMES)
def test_a_resolution_tells_nothing_of_whom_it_is_for(
    make: Callable[[], FeatureFlag[int]], name: str, at: datetime | None
) -> None:
    """Neither its repr nor its words have the key or an attribute, whatever they say is missing."""
    context = Context("ada@example.org", {name: "a secret"}, groups=["plotters"])
    found = make().resolve(context, at=at)
    for told in (repr(found), found.explain(), repr(context)):
        assert not any(each in told for each in ("ada", "secret", "plotters"))


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


@pytest.mark.law("E7")
@given(definitions(), definitions(), PEOPLE, TIMES)
def test_flags_of_one_layer_exclude_each_other(
    make: Callable[[], FeatureFlag[int]],
    make_other: Callable[[], FeatureFlag[int]],
    context: Context,
    at: datetime | None,
) -> None:
    """Whatever rules and prerequisites say, nobody is exposed to two flags of one layer, and who is
    held back to none: they get the off variant, and the reason.
    """
    one = attrs.evolve(make(), within=LAYER.share("one"))
    other = attrs.evolve(make_other(), key="g", within=LAYER.share("other"), prerequisites=())
    flags = (one, other)
    found = [flag.resolve(context, at=at) for flag in flags]
    exposed = [
        each for each in found if "not within" not in each.detail and flag_is_on(each, flags)
    ]
    assert len(exposed) <= 1
    if not LAYER.everybody.matches(context):
        assert [flag.off for flag in flags] == [each.variant for each in found]
        assert [Reason.DISABLED] * 2 == [each.reason for each in found]


def flag_is_on(found: Resolution[int], flags: tuple[FeatureFlag[int], ...]) -> bool:
    """Tell whether a flag of these served more than its off variant."""
    [flag] = [flag for flag in flags if flag.key == found.flag]
    return flag.off != found.variant


@pytest.mark.law("E7")
def test_no_release_exposes_who_is_held_back() -> None:
    """From the first ring to completion and after, only the others ever get the new value."""
    layer = Layer("shop", holdback=25)
    flag = attrs.evolve(Shop.flag, within=layer.everybody)
    shop = Shop(plan=quick(), definition=flag.serve("new"), defect=0.0)
    shop.flag = flag
    held_back = {each for each in range(300) if not layer.everybody.matches(customer(each))}
    assert 50 < len(held_back) < 100
    while shop.rollout.in_flight:
        shop.serve_an_interval()
        assert not reached(shop) & held_back
    assert {*range(300)} - held_back == reached(shop)


@pytest.mark.law("E8")
@given(definitions(), CONTEXTS, TIMES)
def test_an_unmet_prerequisite_turns_a_flag_off(
    make: Callable[[], FeatureFlag[int]], context: Context, at: datetime | None
) -> None:
    """The flag is as without prerequisites where all are met, and off with the reason otherwise."""
    flag = make()
    free = attrs.evolve(flag, prerequisites=())
    unmet = [
        each.unmet
        for each in flag.prerequisites
        if each.flag is None or each.flag.resolve(context, at=at).variant not in each.variants
    ]
    found, alone = flag.resolve(context, at=at), free.resolve(context, at=at)
    if unmet and flag.enabled and "not within" not in alone.detail:
        assert (flag.off, Reason.DISABLED) == (found.variant, found.reason)
        assert unmet[0] in found.detail
    else:
        assert (alone.variant, alone.reason, alone.rule) == (
            found.variant,
            found.reason,
            found.rule,
        )


@pytest.mark.law("E8")
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12))
def test_prerequisites_form_no_cycle(edges: list[tuple[int, int]]) -> None:
    """However flags come to require each other, what leads back to itself is refused."""
    flags = [FeatureFlag.boolean(f"flag-{number}") for number in range(6)]
    requires: dict[int, set[int]] = {number: set() for number in range(6)}
    for one, other in edges:
        snapshot = {other}.union(*(requires[each] for each in {other}))
        if one in snapshot:
            with pytest.raises(DefinitionError) as caught:
                flags[one].require(flags[other], True)
            assert "prerequisites" == caught.value.field
        else:
            flags[one] = flags[one].require(flags[other], True)
            requires[one] |= snapshot
    for number, flag in enumerate(flags):
        assert flag.resolve(Context("user-1")).value is False
        assert number not in requires[number]


@pytest.mark.law("E8")
def test_a_prerequisite_is_asked_as_it_is_served() -> None:
    """Who is reached by the prerequisite's release gets the flag, nobody else, and nobody after its
    halt.
    """
    shop = Shop(plan=quick())
    flag = FeatureFlag.boolean("express").serve(True).require(shop.flag, "new")
    shop.serve_an_interval()
    for each in range(300):
        expected = shop.engine.value(shop.flag, customer(each)) == "new"
        assert expected is shop.engine.value(flag, customer(each))
        assert expected is shop.engine.evaluate(flag, customer(each)).value
    assert any(shop.engine.value(flag, customer(each)) for each in range(300))
    shop.stop("alert")
    assert not any(shop.engine.value(flag, customer(each)) for each in range(300))


@pytest.mark.law("E8")
def test_a_flag_is_not_released_while_its_prerequisite_is() -> None:
    """Nor the other way round; and no release closes a cycle."""
    shop = Shop(plan=quick())
    flag = FeatureFlag.boolean("express").require(
        FeatureFlag.boolean("pay").require(shop.flag, "new"), True
    )
    with pytest.raises(ReleaseRefusedError) as caught:
        shop.engine.release(flag.serve(True), quick())
    assert ("prerequisites", "express") == (caught.value.field, caught.value.value)
    shop.open()

    shop.engine.release(flag.serve(True), quick())
    with pytest.raises(ReleaseRefusedError) as caught:
        shop.engine.release(shop.flag.serve("old"), quick())
    assert ("prerequisites", "checkout") == (caught.value.field, caught.value.value)

    shop.engine.value(flag, customer(1))
    circular = FeatureFlag.boolean("pay").require(FeatureFlag.boolean("express"), True)
    with pytest.raises(ReleaseRefusedError) as caught:
        shop.engine.release(circular, quick())
    assert "lead back" in caught.value.mend
