"""Gates: what must be shown before a ring begins, and before it is left."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import combinations, permutations
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy.changes import Change, Provenance
from safedeploy.digests import digest
from safedeploy.errors import DefinitionError
from safedeploy.gates import (
    Answer,
    Approval,
    AtLeast,
    Check,
    Gate,
    Report,
    Shown,
    Within,
    Word,
    at_least,
    leaves,
)
from safedeploy.people import Person
from safedeploy.windows import business_hours

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
A, B, C, D = (Check(name) for name in "abcd")
MANAGERS = Approval("managers", quorum=2)
HOURS = business_hours("Europe/Berlin")


@st.composite
def trees(draw: st.DrawFn) -> Gate:
    """Draw a composition of checks, each of another name, at most three deep."""
    numbers = iter(range(100))

    def grow(depth: int) -> Gate:
        if not depth or draw(st.booleans()):
            return Check(f"check {next(numbers)}")
        parts = [grow(depth - 1) for _ in range(draw(st.integers(1, 3)))]
        return at_least(draw(st.integers(1, len(parts))), *parts)

    return grow(3)


@st.composite
def standings(draw: st.DrawFn) -> tuple[Gate, Shown]:
    """Draw a gate, and what was shown to it: some of its leaves have opened, others failed."""
    gate = draw(trees())
    shown = Shown(NOON)
    for leaf in gate.leaves:
        match draw(st.sampled_from(Answer)):
            case Answer.OPENS:
                shown = shown.open(leaf.name, NOON, None)
            case Answer.FAILS:
                shown = shown.fail(leaf.name, NOON)
            case Answer.HOLDS:
                pass
    return gate, shown


def holds_true(gate: Gate, true: set[str]) -> bool:
    """Work out the formula that a gate is, by trying every choice of enough of its parts."""
    if not isinstance(gate, AtLeast):
        return gate.name in true
    return any(
        all(holds_true(part, true) for part in some)
        for some in combinations(gate.gates, gate.count)
    )


def opened(gate: Gate, shown: Shown) -> set[str]:
    return {leaf.name for leaf in gate.leaves if leaf.opens(shown)}


@given(standings())
def test_a_composition_opens_as_its_formula_says(standing: tuple[Gate, Shown]) -> None:
    """Whatever it is composed of, it is open when enough of its parts are."""
    gate, shown = standing

    assert holds_true(gate, opened(gate, shown)) == gate.opens(shown)


@given(standings())
def test_a_composition_fails_when_nothing_could_open_it(standing: tuple[Gate, Shown]) -> None:
    """A failed alternative fails nothing, as long as those that haven't failed are enough."""
    gate, shown = standing
    possible = {leaf.name for leaf in gate.leaves if not leaf.fails(shown)}

    assert (not holds_true(gate, possible)) == gate.fails(shown)
    assert not (gate.fails(shown) and gate.opens(shown))


@given(standings())
def test_what_is_awaited_is_enough_and_needed(standing: tuple[Gate, Shown]) -> None:
    """A gate that is neither open nor lost waits for what would open it; others, for nothing."""
    gate, shown = standing
    awaited = [leaf.name for leaf in gate.awaited(shown)]

    assert bool(awaited) == (not gate.opens(shown) and not gate.fails(shown))
    for leaf in gate.awaited(shown):
        assert not leaf.opens(shown)
        assert not leaf.fails(shown)
    after = shown
    for name in awaited:
        after = after.open(name, NOON, None)
    assert not awaited or gate.opens(after)


@given(standings())
def test_what_is_missing_can_be_read(standing: tuple[Gate, Shown]) -> None:
    """What a person reads names every leaf that is awaited."""
    gate, shown = standing
    told = gate.missing(shown)

    assert not gate.awaited(shown) or all(leaf.name in told for leaf in gate.awaited(shown))


@given(trees(), trees(), trees())
def test_compositions_are_flat(one: Gate, two: Gate, three: Gate) -> None:
    """However it is bracketed, a gate of the same parts in the same order is the same gate."""
    one, two, three = (renamed(gate, lead) for gate, lead in ((one, "x"), (two, "y"), (three, "z")))

    assert (one & two) & three == one & (two & three) == at_least(3, one, two, three)
    assert (one | two) | three == one | (two | three) == at_least(1, one, two, three)
    assert digest((one & two) & three) == digest(one & (two & three))


def renamed(gate: Gate, lead: str) -> Gate:
    if isinstance(gate, AtLeast):
        return attrs.evolve(gate, gates=tuple(renamed(part, lead) for part in gate.gates))
    return Check(lead + gate.name)


@given(trees())
def test_one_gate_of_one_is_itself(gate: Gate) -> None:
    """Nothing is wrapped for nothing."""
    assert gate == at_least(1, gate)


@pytest.mark.parametrize(
    ("gate", "text", "name"),
    [
        (A & B & C, "Check(name='a') & Check(name='b') & Check(name='c')", "a & b & c"),
        ((A | B) & C, "(Check(name='a') | Check(name='b')) & Check(name='c')", "(a | b) & c"),
        (A & B | C, "(Check(name='a') & Check(name='b')) | Check(name='c')", "(a & b) | c"),
        (
            at_least(2, A, B, MANAGERS),
            "at_least(2, Check(name='a'), Check(name='b'), Approval(role='managers', quorum=2))",
            "2 of (a, b, managers)",
        ),
        (
            Check("a", every=MINUTE, expires=MINUTE),
            (
                "Check(name='a', every=datetime.timedelta(seconds=60),"
                " expires=datetime.timedelta(seconds=60))"
            ),
            "a",
        ),
    ],
    ids=["and", "or in and", "and in or", "at least", "options"],
)
def test_a_gate_reads_as_it_is_written(gate: Gate, text: str, name: str) -> None:
    """Its repr is the code that makes it, and its name what a person calls it."""
    assert (text, name) == (repr(gate), gate.name)


@pytest.mark.parametrize(
    ("gate", "opened", "told"),
    [
        (A & B, [], "a and b"),
        (A & B, ["a"], "b"),
        (A | B, [], "a or b"),
        (A & (B | C), [], "a and (b or c)"),
        (at_least(2, A, B, C), [], "2 of: a; b; c"),
        (at_least(2, A, B, C), ["b"], "a or c"),
        (A & Within(~HOURS), [], "a and window (the window opens Thursday 17:00 (Europe/Berlin))"),
        (MANAGERS, [], "2 more approvals of managers (2 needed)"),
        (Approval("owners"), [], "1 more approval of owners (1 needed)"),
        (Check("a", holds_for=MINUTE), [], "a, which must hold for 0:01:00 without a break"),
    ],
    ids=repr,
)
def test_what_is_missing_is_told(gate: Gate, opened: list[str], told: str) -> None:
    """What a gate waits for is told in words that go on from "waits for"."""
    shown = Shown(NOON)
    for name in opened:
        shown = shown.open(name, NOON, None)

    assert told == gate.missing(shown)


def test_a_gate_opens_holds_or_fails() -> None:
    """There are three answers, each with the word that a person reads."""
    assert ["opens", "holds", "fails"] == [answer.value for answer in Answer]


def test_a_check_is_its_name() -> None:
    """What runs doesn't count for equality, hash or digest, and isn't shown."""
    bare, running = Check("reviewed"), Check("reviewed", run=lambda _: True)

    assert bare == running
    assert hash(bare) == hash(running)
    assert digest(bare) == digest(running)
    assert "Check(name='reviewed')" == repr(running)
    assert bare != Check("signed")


def test_what_a_check_asks_for_besides_is_part_of_it() -> None:
    """A plan is another one when its checks are asked in another way than by default."""
    bare = Check("reviewed")
    for options in (
        {"timeout": MINUTE},
        {"every": MINUTE},
        {"holds_for": MINUTE},
        {"expires": MINUTE},
    ):
        assert digest(bare) != digest(Check("reviewed", **options))  # type: ignore[arg-type]
    assert digest(bare) == digest(Check("reviewed", timeout=timedelta(minutes=5)))


# What was shown


@given(
    st.lists(
        st.tuples(st.sampled_from(["8", "9"]), st.integers(0, 5), st.integers(0, 3)), max_size=6
    ),
    st.integers(0, 9),
    st.randoms(),
)
def test_the_order_of_words_does_not_matter(
    said: list[tuple[str, int, int]], at: int, dice: Any
) -> None:
    """However approvals and revocations arrive, twice as well, what was said last counts."""
    words = {
        Word("managers", who, NOON + when * MINUTE, NOON + (when + lasts) * MINUTE)
        for who, when, lasts in said
    }
    last: dict[str, Word] = {}
    for word in sorted(words, key=lambda word: (word.at, word.is_revoked, word.until)):
        last[word.who] = word
    shuffled = [*words, *words]
    dice.shuffle(shuffled)
    shown = Shown(NOON)
    for word in shuffled:
        shown = shown.say(word)
    shown = shown.later(NOON + at * MINUTE)

    counts = {who for who, word in last.items() if word.until > shown.at}
    assert counts == shown.approvers("managers")


def test_taking_back_wins_over_giving_at_the_same_moment() -> None:
    """Of two words at one moment, in either order, the approval is gone."""
    given, taken = Word("m", "8", NOON, NOON + MINUTE), Word("m", "8", NOON, NOON)
    for words in permutations([given, taken]):
        shown = Shown(NOON)
        for word in words:
            shown = shown.say(word)
        assert not shown.approvers("m")


def test_an_opening_ends() -> None:
    """It counts until its time, and not at it; a later opening counts anew."""
    check = Check("scanned", expires=10 * MINUTE)
    shown = check.answered(Shown(NOON), Answer.OPENS, NOON)

    assert [NOON + 10 * MINUTE] == list(check.turns(shown))
    assert check.opens(shown.later(NOON + 9 * MINUTE))
    late = shown.later(NOON + 10 * MINUTE)
    assert not check.opens(late)
    assert [] == list(check.turns(late))
    assert check.opens(check.answered(late, Answer.OPENS, NOON + 10 * MINUTE))


def test_an_answer_that_is_too_old_opens_nothing() -> None:
    """What had expired before it arrived leaves everything as it was."""
    check = Check("scanned", expires=MINUTE)
    shown = Shown(NOON).later(NOON + MINUTE)

    assert shown is check.answered(shown, Answer.OPENS, NOON)


@given(st.integers(0, 20), st.integers(0, 20))
def test_a_check_that_must_hold_opens_only_then(held: int, asked: int) -> None:
    """Only time without a break counts, and only since the gate has been waited for."""
    check = Check("quiet", holds_for=10 * MINUTE)
    at = NOON + asked * MINUTE
    shown = check.answered(Shown(NOON), Answer.OPENS, at, at - held * MINUTE)

    assert (min(held, asked) >= 10) == check.opens(shown)


def test_a_check_that_must_hold_opens_by_no_single_answer() -> None:
    """An answer that doesn't say since when it holds has only just begun to."""
    check = Check("quiet", holds_for=MINUTE)

    assert not check.opens(check.answered(Shown(NOON), Answer.OPENS, NOON + 10 * MINUTE))


@given(st.timedeltas(timedelta(0), timedelta(days=30)))
def test_time_opens_a_gate_and_closes_it(after: timedelta) -> None:
    """It is open while its window is, whatever was shown, and waits for nobody but time."""
    gate, shown = Within(HOURS), Shown(NOON).later(NOON + after)

    assert HOURS.contains(shown.at) == gate.opens(shown)
    assert [] == list(gate.awaited(shown))
    [turn] = gate.turns(shown)
    assert gate.opens(shown) != gate.opens(shown.later(turn))
    assert ("window closes" if gate.opens(shown) else "window opens") == gate.then(shown)


# Approvals

CHANGE = Change.code("shop", version="2", author="7")


@pytest.mark.parametrize(
    ("approval", "person", "mend"),
    [
        (MANAGERS, Person("8", ["managers"]), ""),
        (MANAGERS, Person("8", ["owners"]), "has the role 'managers'"),
        (MANAGERS, Person("8"), "has the role 'managers'"),
        (MANAGERS, Person("7", ["managers", "owners"]), "nobody approves their own change"),
        (attrs.evolve(MANAGERS, people={"8", "9"}), Person("8", ["managers"]), ""),
        (attrs.evolve(MANAGERS, people={"8", "9"}), Person("10", ["managers"]), "the plan names"),
        (attrs.evolve(MANAGERS, people={"8", "9"}), Person("8", ["owners"]), "has the role"),
        (
            attrs.evolve(MANAGERS, people={"7", "9"}),
            Person("7", ["managers"]),
            "nobody approves their own change",
        ),
    ],
)
def test_who_may_approve(approval: Approval, person: Person, mend: str) -> None:
    """Who has the role, is among those whom the plan names, if it does, and is no author."""
    told = approval.why_not(person, CHANGE)

    assert bool(mend) == bool(told)
    assert mend in told


def test_a_person_is_an_id_and_roles() -> None:
    """Roles may be given as any several texts, and a person reads as their id."""
    assert Person("8", frozenset({"managers"})) == Person("8", ["managers"])
    assert "8" == str(Person("8"))


# Reports


def test_a_report_is_bounded() -> None:
    """Of a long one, the end is kept, where a test run says how it went."""
    report = Report(Answer.HOLDS, "x" * 10_000 + " 3 failed")

    assert 2000 == len(report.detail)
    assert report.detail.startswith("...x")
    assert report.detail.endswith(" 3 failed")
    assert "y" * 2000 == Report(Answer.HOLDS, "y" * 2000).detail


# What can't be

NAMES = "give several texts that aren't empty"
TIMES = "give a timedelta above zero, of ten years at most"
NUMBER = "give a number of 1 or more"
REFUSED: dict[str, tuple[Callable[[], object], str, object, str]] = {
    "a check without a name": (lambda: Check(""), "name", "", "give a text that isn't empty"),
    "an approval without a role": (lambda: Approval(" "), "role", " ", "give a text that isn't"),
    "no quorum": (lambda: Approval("m", quorum=0), "quorum", 0, NUMBER),
    "a truth as quorum": (lambda: Approval("m", quorum=True), "quorum", True, NUMBER),
    "half a quorum": (lambda: Approval("m", quorum=1.5), "quorum", 1.5, NUMBER),  # type: ignore[arg-type]
    "a quorum of more than may": (
        lambda: Approval("m", quorum=2, people={"8"}),
        "quorum",
        2,
        "give 1 at most",
    ),
    "people as one text": (
        lambda: Approval("m", people="89"),
        "people",
        "89",
        NAMES,
    ),
    "a person without a name": (
        lambda: Approval("m", people=["8", ""]),
        "people",
        ("8", ""),
        NAMES,
    ),
    "a person that is a number": (lambda: Person("8", [9]), "roles", (9,), NAMES),  # type: ignore[list-item]
    "roles that are none": (lambda: Person("8", None), "roles", None, NAMES),  # type: ignore[arg-type]
    "a person without an id": (lambda: Person(""), "id", "", "give a text that isn't empty"),
    "reviewers as one text": (
        lambda: Provenance(reviewed_by="8"),
        "reviewed_by",
        "8",
        NAMES,
    ),
    "a timeout of no time": (
        lambda: Check("a", timeout=timedelta(0)),
        "timeout",
        timedelta(0),
        TIMES,
    ),
    "a timeout in seconds": (lambda: Check("a", timeout=5), "timeout", 5, TIMES),  # type: ignore[arg-type]
    "a negative pace": (lambda: Check("a", every=-MINUTE), "every", -MINUTE, "isn't negative"),
    "a negative hold": (lambda: Check("a", holds_for=-MINUTE), "holds_for", -MINUTE, "negative"),
    "an expiry in the past": (lambda: Check("a", expires=-MINUTE), "expires", -MINUTE, TIMES),
    "an expiry without an end": (
        lambda: Approval("m", expires=timedelta.max),
        "expires",
        timedelta.max,
        TIMES,
    ),
    "an approval for ever": (lambda: Approval("m", expires=None), "expires", None, TIMES),  # type: ignore[arg-type]
    "none of several": (lambda: at_least(0, A, B), "count", 0, NUMBER),
    "more than there are": (lambda: at_least(3, A, B), "count", 3, "give 2 at most"),
    "some of none": (lambda: at_least(1), "count", 1, "give 0 at most, or more gates"),
    "a gate that is none": (lambda: at_least(2, A, "b"), "gates", "b", "give a Gate"),  # type: ignore[arg-type]
    "twins": (lambda: A & A, "gates", ["a", "a"], "a name of its own"),
    "twins far apart": (lambda: A & (B | (C & A)), "gates", ["a", "b", "c", "a"], "of its own"),
    "a gate within itself": (lambda: (A | B) & (A | B), "gates", [*"abab"], "a name of its own"),
    "a role like a check": (
        lambda: Check("managers") | MANAGERS,
        "gates",
        ["managers", "managers"],
        "a name of its own",
    ),
    "a window that is none": (lambda: Within("9-17"), "window", "9-17", "give a Window"),  # type: ignore[arg-type]
    "a window without a name": (lambda: Within(HOURS, name=""), "name", "", "give a text that"),
    "two windows of one name": (
        lambda: Within(HOURS) | Within(~HOURS),
        "gates",
        ["window", "window"],
        "a name of its own",
    ),
    "an answer that is none": (lambda: Report(True), "answer", True, "give an Answer"),  # type: ignore[arg-type]
    "a detail that is no text": (
        lambda: Report(Answer.OPENS, None),  # type: ignore[arg-type]
        "detail",
        None,
        "give a str",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_makes_no_sense_is_refused(case: str) -> None:
    """By field, value and mend, when it is made."""
    make, field, value, mend = REFUSED[case]

    with pytest.raises(DefinitionError) as caught:
        make()

    error = caught.value
    assert (field, value) == (error.field, error.value)
    assert mend in error.mend


@pytest.mark.parametrize("name", ["", None, 5], ids=repr)
def test_a_check_needs_a_name(name: Any) -> None:
    """A name that is no text or empty is refused, by field, value and mend."""
    with pytest.raises(DefinitionError) as caught:
        Check(name)

    error = caught.value
    assert ("name", name, "give a text that isn't empty") == (error.field, error.value, error.mend)


@pytest.mark.parametrize("other", [True, "b", None])
def test_a_gate_composes_with_gates_only(other: Any) -> None:
    """Anything else is a TypeError, as with any two things that don't add up."""
    with pytest.raises(TypeError):
        A & other
    with pytest.raises(TypeError):
        A | other


def test_leaves_are_found_in_order() -> None:
    """Those of several gates come one after the other."""
    found: Iterator[Gate] = iter(leaves([A & (C | B), D]))

    assert [A, C, B, D] == list(found)
