"""Patterns: they mean what regular expressions mean, and none of them is slow."""

import re
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from safedeploy.audiences.patterns import KNOWN, LONGEST_PATTERN, LONGEST_TEXT, _Parser, matcher
from safedeploy.errors import DefinitionError

ATOMS = st.sampled_from(
    [
        "a",
        "b",
        "é",
        ".",
        "[ab]",
        "[^a]",
        "[^a-b]",
        r"\d",
        r"\W",
        "[a-c-]",
        r"\.",
        r"[\d\]]",
        " ",
        "]",
    ]
)
TIMES = st.sampled_from(["*", "+", "?", "{0}", "{2}", "{0,2}", "{1,}", "{2,3}"])
PATTERNS = st.recursive(
    ATOMS | st.just(""),
    lambda inner: (
        st.builds("{}{}".format, inner, inner)
        | st.builds("({}|{})".format, inner, inner)
        | st.builds("(?:{}){}".format, inner, TIMES)
    ),
    max_leaves=5,
)
TEXTS = st.text(st.sampled_from("abcé.1] -\n"), max_size=7)


@given(PATTERNS, st.lists(TEXTS, min_size=1))
@example("(a*)*b", ["aaab", "b", ""])
@example("a(bc)", ["abc", "aabc"])
@example("[a-]{2}X", ["a-X", "-aX", "a-"])
def test_a_pattern_means_what_it_means_to_python(pattern: str, texts: list[str]) -> None:
    """What is accepted is what Python's own expressions accept as a whole, of ASCII."""
    matches, theirs = matcher(pattern), re.compile(pattern, re.ASCII | re.DOTALL)
    for text in texts:
        assert bool(theirs.fullmatch(text)) == matches(text)


@given(st.text(st.sampled_from("ab(|)[]^-*+?{},12.\\d$")))
def test_whatever_is_no_pattern_is_refused(pattern: str) -> None:
    """One kind of error comes out, and what is accepted Python accepts, too."""
    with suppress(DefinitionError):
        matches, theirs = matcher(pattern), re.compile(pattern, re.ASCII | re.DOTALL)
        assert bool(theirs.fullmatch("ab1")) == matches("ab1")


@pytest.mark.filterwarnings("ignore:Possible nested set")
@pytest.mark.parametrize(
    ("pattern", "mend"),
    [
        (r"(a)\1", "escape"),
        ("(?=a)", "(?"),
        ("(?i)a", "(?"),
        ("^a$", "whole text"),
        ("a**", "brackets"),
        ("*a", "repeated"),
        ("(a", "close"),
        ("a)", "close no"),
        ("[a", "too early"),
        ("[[a]", "bracket in a class"),
        ("[b-a]", "range"),
        ("[a-\\d]", "range"),
        ("a{2", "write {2}"),
        ("a{x}", "write {2}"),
        ("a{3,2}", "smaller"),
        ("a{999}", "256"),
        ("\\", "too early"),
        ("(" * 40 + ")" * 40, "32 deep"),
        ("a" * 257, "256 characters"),
        ("(a{20}){20}", "places"),
        ("((((){99}){99}){99}){99}", "repeat less"),
        (5, "text"),
    ],
)
def test_a_bad_pattern_is_refused(pattern: object, mend: str) -> None:
    """Backreferences, looking around, anchors, and whatever is too large: each with the mend."""
    with pytest.raises(DefinitionError) as caught:
        matcher(pattern)

    assert mend in caught.value.mend


EVIL = ["(a+)+b", "(a|a)*b", "(a|aa)+b", "a*a*a*a*a*a*b", "(.*)*b", "(a?){60}a{60}", "([a-z]+)*1"]


@pytest.mark.parametrize("pattern", EVIL)
def test_no_pattern_takes_more_steps_than_the_text_has_characters(
    pattern: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What makes other engines try for years is decided character by character."""
    matches, steps = matcher(pattern), 0
    automaton = matches.__self__  # type: ignore[attr-defined]
    step = automaton._step

    def counted(places: int, character: str) -> int:
        nonlocal steps
        steps += 1
        return int(step(places, character))

    monkeypatch.setattr(automaton, "_step", counted)
    matches("a" * LONGEST_TEXT)
    assert steps <= LONGEST_TEXT


def test_what_is_remembered_is_bounded() -> None:
    """However many characters come by, an automaton remembers a thousand steps at most."""
    matches = matcher(".*x")
    for number in range(3 * KNOWN):
        assert not matches(chr(0x4E00 + number))
    assert matches("abx")
    assert len(matches.__self__._steps) <= KNOWN  # type: ignore[attr-defined]


def test_a_text_that_is_too_long_never_matches() -> None:
    """The bound holds for what any pattern would accept."""
    assert matcher(".*")("a" * LONGEST_TEXT)
    assert not matcher(".*")("a" * (LONGEST_TEXT + 1))


def test_places_are_bounded() -> None:
    """The largest pattern that is accepted has as many places as are allowed."""
    parser = _Parser("a{256}")
    parser.whole()
    assert LONGEST_PATTERN == len(parser.accepts)
