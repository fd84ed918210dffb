"""Contexts: whatever a host passes, one is made, and it says what it couldn't use."""

import enum
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy.contexts import Context, mixed

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Plain(enum.StrEnum):
    PRO = "pro"


class Stamp(datetime):
    """A time of a library's own type, as pandas has one."""


class NoTruth:
    """Like an array: neither true nor false."""

    def __bool__(self) -> bool:
        raise ValueError("ambiguous")


class NoPairs:
    """Look like a mapping, until its items are unpacked."""

    def items(self) -> list[int]:
        return [1, 2]


class Broken(Mapping[str, object]):
    """A mapping whose every question fails."""

    def __getitem__(self, key: str) -> object:
        raise RuntimeError(key)

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("iter")

    def __len__(self) -> int:
        return 1


class Unbound:
    """Like a request-bound proxy outside of a request: it doesn't even have a class."""

    @property
    def __class__(self) -> Any:
        raise RuntimeError("working outside of request context")

    @__class__.setter
    def __class__(self, value: type) -> None:
        raise RuntimeError(value)


JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.binary()
    | st.datetimes()
    | st.timedeltas()
    | st.sampled_from((object(), Broken(), len, int, Plain.PRO, uuid.UUID(int=0), range(3))),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.frozensets(st.integers() | st.text(), max_size=3)
        | st.dictionaries(st.text() | st.integers(), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(JUNK, JUNK, JUNK)
def test_making_a_context_never_raises(key: Any, attributes: Any, groups: Any) -> None:
    """Whatever is passed, a context is made, and everything in it is of a usable type."""
    context = Context(key, attributes, groups=groups)

    assert context.key is None or isinstance(context.key, str)
    assert (context.key is None) == (context.unit is None)
    assert all(isinstance(name, str) for name in (*context.attributes, *context.groups))


@given(JUNK, st.dictionaries(st.text(), JUNK), JUNK)
def test_what_cannot_be_used_is_named(key: Any, attributes: dict[str, Any], groups: Any) -> None:
    """Each attribute is either there or named in `absent`, and so is the key."""
    context = Context(key, attributes, groups=groups)
    named = {f"attribute {name!r}" for name in set(attributes) - set(context.attributes)}

    assert named == {name for name in context.absent if name.startswith("attribute")}
    unusable = key is not None and context.key is None
    assert unusable == ("targeting key" in context.absent)


@pytest.mark.parametrize(
    "given",
    [
        {"attributes": NoTruth()},
        {"groups": NoTruth()},
        {"attributes": NoPairs()},
        {"key": Unbound()},
        {"attributes": {"plan": Unbound()}},
        {"groups": [Unbound()]},
    ],
    ids=["array", "groups array", "no pairs", "proxy", "attribute proxy", "group proxy"],
)
def test_even_an_object_that_fights_back_is_left_out(given: dict[str, Any]) -> None:
    """An array, a half mapping or an unbound proxy is named in `absent` like other junk."""
    context = Context(**given)

    assert 1 == len(context.absent)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("beta", "beta"),
        ("", ""),
        (True, True),
        (False, False),
        (0, 0),
        (10**30, 10**30),
        (1.5, 1.5),
        (NOON, NOON),
        (Stamp(2026, 1, 1, 12, tzinfo=UTC), NOON),
        (Plain.PRO, Plain.PRO),
        (["a", 1], ("a", 1)),
        (("a", NOON), ("a", NOON)),
        ({"a"}, ("a",)),
        (frozenset({1}), (1,)),
        ([], ()),
    ],
    ids=repr,
)
def test_a_usable_attribute_is_kept(value: object, kept: object) -> None:
    """Texts, booleans, finite numbers, times and sequences of these can be used."""
    context = Context("user-17", {"it": value})

    assert {"it": kept} == context.attributes
    assert () == context.absent


@pytest.mark.parametrize(
    "value",
    [
        None,
        float("nan"),
        float("inf"),
        -float("inf"),
        b"bytes",
        object(),
        {"nested": 1},
        ["a", None],
        ["a", ["b"]],
        {1.0, float("inf")},
        1j,
    ],
    ids=lambda value: repr(value)[:9],
)
def test_an_unusable_attribute_is_named(value: object) -> None:
    """Anything else is left out whole and named, and the rest is kept."""
    context = Context("user-17", {"bad": value, "plan": "beta"})

    assert {"plan": "beta"} == context.attributes
    assert ("attribute 'bad'",) == context.absent


def test_an_attribute_without_a_usable_name_is_counted() -> None:
    """A name that isn't a text isn't shown: it could be personal."""
    assert ("attribute",) == Context("user-17", {17: "x"}).absent  # type: ignore[dict-item]


def test_attributes_that_are_no_mapping_are_named() -> None:
    """What isn't a mapping, or fails when it is read, leaves a context without attributes."""
    for attributes in (5, "plan", [("plan", "beta")], Broken()):
        context = Context("user-17", attributes)  # type: ignore[arg-type]

        assert {} == context.attributes
        assert ("attributes",) == context.absent


@pytest.mark.parametrize(
    ("groups", "kept", "absent"),
    [
        (["staff", "beta"], {"staff", "beta"}, ()),
        ({"staff"}, {"staff"}, ()),
        ("staff", {"staff"}, ()),
        ((), set(), ()),
        (["staff", 5, None], {"staff"}, ("groups",)),
        (5, set(), ("groups",)),
        (Broken(), set(), ("groups",)),
    ],
    ids=["list", "set", "text", "none", "mixed", "number", "broken"],
)
def test_groups_are_names(groups: Any, kept: set[str], absent: tuple[str, ...]) -> None:
    """Groups are the texts among what was given; a single text is one group, not its letters."""
    context = Context("user-17", groups=groups)

    assert frozenset(kept) == context.groups
    assert absent == context.absent


def test_groups_may_be_told_one_by_one() -> None:
    """An iterator is read once."""
    assert frozenset({"staff"}) == Context("user-17", groups=iter(["staff"])).groups


@pytest.mark.parametrize(("key", "absent"), [(None, ()), ("", ("targeting key",))])
def test_a_context_without_a_key_is_anonymous(key: str | None, absent: tuple[str, ...]) -> None:
    """No key is an answer; an empty one is a mistake, and named."""
    context = Context(key)

    assert (None, None) == (context.key, context.unit)
    assert absent == context.absent


@pytest.mark.parametrize("key", [17, 1.5, b"user", True, ["user"], uuid.UUID(int=0)], ids=repr)
def test_a_key_that_is_no_text_is_not_used(key: Any) -> None:
    """A key of another type isn't made a text: 17 and "17" might be two users."""
    context = Context(key)

    assert (None, ("targeting key",)) == (context.key, context.absent)


@given(st.text(min_size=1), st.text(min_size=1), st.text(min_size=1))
def test_the_repr_hides_whom_it_is_for(key: str, value: str, group: str) -> None:
    """The repr depends on neither key nor values nor the names of groups."""
    one = Context(key, {"plan": value}, groups=[group])
    other = Context("user-17", {"plan": "beta"}, groups=["staff"])

    assert repr(other) == repr(one)


@pytest.mark.parametrize(
    ("context", "shown"),
    [
        (Context(), "Context(anonymous, attributes=[], groups=0)"),
        (
            Context("user-17", {"plan": "beta", "age": 7}, groups=["staff"]),
            "Context(key=…, attributes=['age', 'plan'], groups=1)",
        ),
    ],
    ids=["anonymous", "full"],
)
def test_the_repr_says_what_it_has(context: Context, shown: str) -> None:
    """The repr shows the names of attributes and how many groups there are."""
    assert shown == repr(context)


def test_a_context_cannot_be_changed() -> None:
    """Neither its fields nor its attributes can be set, and what it was made from isn't held."""
    mine: dict[str, object] = {"plan": "beta", "tags": ["a"]}
    context = Context("user-17", mine)
    mine["plan"] = "pro"

    assert "beta" == context.attributes["plan"]
    assert ("a",) == context.attributes["tags"]
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        context.key = "user-18"  # type: ignore[misc]
    with pytest.raises(TypeError):
        context.attributes["plan"] = "pro"  # type: ignore[index]


def test_contexts_of_the_same_are_equal() -> None:
    """A context is a value: equal ones hash alike, and any difference shows."""
    context = Context("user-17", {"plan": "beta"}, groups=["staff"])

    assert context == Context("user-17", {"plan": "beta"}, groups=("staff",))
    assert hash(context) == hash(Context("user-17", {"plan": "beta"}, groups=("staff",)))
    assert context != Context("user-18", {"plan": "beta"}, groups=["staff"])
    assert context != Context("user-17", {"plan": "pro"}, groups=["staff"])
    assert context != Context("user-17", {"plan": "beta"})


# Frozen: cohorts are drawn from these bits. Whoever has to change one moves users between arms.
@pytest.mark.law("E1")
@pytest.mark.parametrize(
    ("text", "bits"),
    [
        ("", 0x786A02F742015903),
        ("abc", 0xBA80A53F981C4D0D),
        ("user-17", 0x9268541AECCAD626),
        ("grüße-\U0001f600", 0xBCC360638ED6721E),
        ("\ud800", 0x88AE9E0726B08798),
        ("\0", 0x2FA3F686DF876995),
    ],
    ids=ascii,
)
def test_mixed_is_frozen(text: str, bits: int) -> None:
    """A text's bits are the same on every platform and in every version, forever."""
    assert bits == mixed(text)
    assert Context(text).unit == (bits if text else None)


class Unhashable(type):
    """A type of types that can't be looked up."""

    def __hash__(cls) -> int:
        raise LookupError


def test_a_value_whose_type_cannot_be_looked_up_is_left_out() -> None:
    """Making a context never raises, and keeps the rest."""

    class Odd(metaclass=Unhashable):
        pass

    context = Context("user-1", {"plan": "beta", "odd": Odd()})
    assert ({"plan": "beta"}, ("attribute 'odd'",)) == (context.attributes, context.absent)
