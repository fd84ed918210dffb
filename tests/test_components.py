"""Components: parts of a workload that need each other."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy.components import Component, checked_components, to_blame
from safedeploy.digests import digest
from safedeploy.health import HealthModel
from safedeploy.signals import ErrorRate, Throughput, Usage
from tests.measurements import check_refused

ERRORS = (ErrorRate(of="database"),)


def part(name: str, *needs: str) -> Component:
    """Make a component."""
    return Component(name, ERRORS, needs)


SHOP = part("shop", "cart", "search")
CART = part("cart", "database")
SEARCH = part("search", "database", "index")
DATABASE, INDEX = part("database"), part("index")
ALL = (SHOP, CART, SEARCH, DATABASE, INDEX)


@pytest.mark.parametrize(
    ("ill", "blamed"),
    [
        ((), ()),
        (("shop",), ("shop",)),
        (("shop", "database"), ("database",)),
        (("database", "shop"), ("database",)),
        (("shop", "cart", "search", "index"), ("cart", "index")),
        (("shop", "cart", "search", "database", "index"), ("database", "index")),
        (("search", "cart"), ("search", "cart")),
    ],
)
def test_what_is_needed_is_to_blame(ill: tuple[str, ...], blamed: tuple[str, ...]) -> None:
    """Of those that aren't well, those that need no other one of them, also by way of others."""
    assert blamed == to_blame(ill, ALL)


@st.composite
def workloads(draw: st.DrawFn) -> tuple[Component, ...]:
    """Draw components of which each needs some of those before it, in any order."""
    names = draw(st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=6))
    parts = [
        part(name, *(draw(st.lists(st.sampled_from(names[:number]))) if number else ()))
        for number, name in enumerate(names)
    ]
    return tuple(draw(st.permutations(parts)))


@given(workloads(), st.data())
def test_blame_is_that_of_brute_force(parts: tuple[Component, ...], data: st.DataObject) -> None:
    """Somebody is to blame if somebody is ill, and each way down from the ill ends with them."""
    names = [one.name for one in parts]
    ill = data.draw(st.lists(st.sampled_from(names), unique=True) if names else st.just([]))
    needs = {one.name: one.needs for one in parts}

    def reaches(name: str) -> bool:
        return any(other in ill or reaches(other) for other in needs[name])

    assert parts == checked_components(parts)
    assert tuple(name for name in ill if not reaches(name)) == to_blame(ill, parts)
    assert bool(ill) == bool(to_blame(ill, parts))


def test_needs_and_signals_may_be_given_in_any_sequence() -> None:
    """A component is a value, however it was written."""
    one = Component("shop", [*ERRORS], ["cart"])
    other = Component("shop", ERRORS, ("cart",))

    assert (one, hash(one), digest(one)) == (other, hash(other), digest(other))
    assert digest(part("cart")) == digest(Component("cart", ERRORS, needs=()))
    assert len({digest(each) for each in ALL}) == len(ALL)


ONCE = "give one or more, each name once"
SIGNALS = "give signals, such as ErrorRate()"
MISFITS: list[tuple[dict[str, Any], str, object, str]] = [
    ({"name": ""}, "name", "", "give a text that isn't empty"),
    ({"name": None}, "name", None, "give a text that isn't empty"),
    ({"signals": ()}, "signals", [], ONCE),
    ({"signals": (ErrorRate(), ErrorRate())}, "signals", ["error rate"] * 2, ONCE),
    ({"signals": ErrorRate()}, "signals", ErrorRate(), "give a tuple"),
    ({"signals": None}, "signals", None, "give a tuple"),
    ({"signals": "ab"}, "signals", ["a", "b"], SIGNALS),
    ({"signals": (ErrorRate,)}, "signals", [ErrorRate.name], SIGNALS),
    ({"signals": ([ErrorRate()],)}, "signals", [[ErrorRate()]], SIGNALS),
    ({"needs": None}, "needs", None, "give a tuple"),
    ({"needs": (7,)}, "needs", 7, "give a str"),
]


@pytest.mark.parametrize(("change", "field", "value", "mend"), MISFITS, ids=lambda it: str(it)[:30])
def test_a_bad_component_is_refused(
    change: dict[str, Any], field: str, value: object, mend: str
) -> None:
    """What can't be is refused by field, value and mend."""
    check_refused(
        lambda: Component(**{"name": "shop", "signals": ERRORS, **change}), field, value, mend
    )


THERE = "name components that are there: ['shop', 'cart']"
CIRCLES = {
    "itself": ((part("shop", "shop"),), ("shop",), "shop"),
    "each other": ((part("shop", "cart"), part("cart", "shop")), ("cart",), "shop"),
    "by way of others": (
        (part("shop"), part("cart", "search"), part("search", "index"), part("index", "cart")),
        ("search",),
        "cart",
    ),
}


def modelled(components: Any) -> HealthModel:
    """Make a health model of components."""
    return HealthModel(Usage(at_least=1), components=components)


@pytest.mark.parametrize("case", CIRCLES)
def test_nothing_needs_itself(case: str) -> None:
    """Components that need each other in a circle are refused: none could be to blame."""
    parts, needed, name = CIRCLES[case]
    mend = f"let {name!r} not need itself by way of others"

    check_refused(lambda: modelled(parts), "needs", needed, mend)


def test_what_is_needed_is_there() -> None:
    """A name that no component has is refused, and those that are there are listed."""
    check_refused(lambda: modelled([part("shop", "cart", "x"), CART]), "needs", "x", THERE)


@pytest.mark.parametrize(
    ("components", "value", "mend"),
    [
        ((CART, part("cart")), ["cart", "cart"], "give each component a name of its own"),
        (CART, CART, "give components, each a Component"),
        (7, 7, "give components, each a Component"),
        ("ab", ("a", "b"), "give components, each a Component"),
        ((CART, "database"), (CART, "database"), "give components, each a Component"),
    ],
    ids=["twice", "one alone", "a number", "a text", "a name"],
)
def test_components_have_names_of_their_own(components: Any, value: object, mend: str) -> None:
    """What isn't a component, or is there twice, is refused by field, value and mend."""
    check_refused(lambda: modelled(components), "components", value, mend)


def test_signals_of_components_count_among_the_models() -> None:
    """They are asked for their events, and the same name may stand in several components."""
    parts = Component("cart", (Throughput(of="order"),)), DATABASE, part("index", "database")
    model = modelled(iter(parts))

    assert parts == model.components
    assert {"order", "database"} == model.events
    names = [(judge.component, judge.signal.name) for judge in model.judges]
    assert [
        ("", "usage"),
        ("cart", "throughput of order"),
        ("database", "error rate of database"),
        ("index", "error rate of database"),
    ] == names
