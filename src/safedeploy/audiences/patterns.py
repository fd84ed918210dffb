r"""Patterns: regular expressions that take no longer than the text is long, whatever they are.

A pattern has to match the whole text. It knows characters, `.` (any character), classes such as
`[a-z0-9_]` and `[^@]`, `\d`, `\w`, `\s` and their opposites `\D`, `\W`, `\S` (of ASCII, so
that they mean the same in every version of Python), a backslash before what is no letter and no
digit, groups in round brackets, `|`, and after any of these `*`, `+`, `?`, `{2}`, `{2,}` or
`{2,5}`.

There are no backreferences, no looking around and no anchors. So a pattern is a finite automaton of
one place for each of its characters (Glushkov, 1961). All places that a text can have reached are
followed at once; nothing is ever tried again, and no pattern is slow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn, TypeAlias

import attrs

from safedeploy.errors import DefinitionError

LONGEST_PATTERN = 256
"""How many characters a pattern may have, and how many places, when what is counted is repeated."""

LONGEST_TEXT = 1024
"""How many characters a text may have; a longer one doesn't match."""

KNOWN = 1024
"""How many steps an automaton remembers; past that, it forgets them all."""

MOST_READ = 16 * LONGEST_PATTERN
"""How many characters are read, those that are repeated again and again."""

DEEPEST = 32
"""How deep brackets may be nested."""

Accepts: TypeAlias = Callable[[str], bool]

_DIGITS, _LETTERS = "0123456789", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_CLASSES = {"d": frozenset(_DIGITS), "w": frozenset(_DIGITS + _LETTERS + "_")}
_CLASSES["s"] = frozenset(" \t\n\r\f\v")
_COUNTS = {"*": (0, None), "+": (1, None), "?": (0, 1)}


@attrs.frozen
class _Part:
    """Say of a part of a pattern where it can begin and end, as sets of places, in bits.

    Attributes:
        first: the places that can be the first.
        last: the places that can be the last.
        empty: whether it matches nothing at all, too.
    """

    first: int = 0
    last: int = 0
    empty: bool = True


def matcher(pattern: object) -> Callable[[str], bool]:
    """Return a function that tells whether a whole text matches.

    It keeps what it learned of single characters, in bounds, and takes at most so many steps as the
    text has characters.

    Raises:
        DefinitionError: the pattern is too long, or says what can't be said.
    """
    if not isinstance(pattern, str):
        raise DefinitionError("pattern", pattern, "give a text")
    parser = _Parser(pattern)
    return _Automaton(parser.whole(), parser.accepts, parser.follow).matches


class _Automaton:
    """Follow a text from place to place."""

    def __init__(self, whole: _Part, accepts: list[Accepts], follow: list[int]) -> None:
        self._accepts = accepts
        # Before the first character a text is at a place of its own, the highest.
        self._start = 1 << len(accepts)
        self._follow = [*follow, whole.first]
        self._last = whole.last | (self._start if whole.empty else 0)
        self._steps: dict[tuple[int, str], int] = {}

    def matches(self, text: str) -> bool:
        """Tell whether a whole text matches."""
        if len(text) > LONGEST_TEXT:
            return False
        places = self._start
        for character in text:
            after = self._steps.get((places, character))
            places = self._step(places, character) if after is None else after
            if not places:
                return False
        return bool(places & self._last)

    def _step(self, places: int, character: str) -> int:
        reached = 0
        for place in _bits(places):
            reached |= self._follow[place]
        after = sum(1 << place for place in _bits(reached) if self._accepts[place](character))
        if len(self._steps) >= KNOWN:
            self._steps = {}
        self._steps[places, character] = after
        return after


def _bits(places: int) -> list[int]:
    return [place for place in range(places.bit_length()) if places >> place & 1]


class _Parser:
    """Read a pattern, from left to right, into places and what may follow each."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._read = 0
        self._depth = 0
        self.accepts: list[Accepts] = []
        self.follow: list[int] = []
        if len(pattern) > LONGEST_PATTERN:
            self._refuse(f"use {LONGEST_PATTERN} characters at most")

    def whole(self) -> _Part:
        """Return the whole pattern."""
        part = self._either()
        if self._at < len(self._pattern):
            self._refuse("close no bracket that isn't open")
        return part

    def _either(self) -> _Part:
        part = self._sequence()
        while self._took("|"):
            other = self._sequence()
            part = _Part(
                part.first | other.first, part.last | other.last, part.empty or other.empty
            )
        return part

    def _sequence(self) -> _Part:
        part = _Part()
        while self._at < len(self._pattern) and self._pattern[self._at] not in "|)":
            part = self._joined(part, self._repeated())
        return part

    def _joined(self, one: _Part, other: _Part) -> _Part:
        for place in _bits(one.last):
            self.follow[place] |= other.first
        return _Part(
            one.first | (other.first if one.empty else 0),
            other.last | (one.last if other.empty else 0),
            one.empty and other.empty,
        )

    def _repeated(self) -> _Part:
        begin = self._at
        part = self._one()
        counts = self._counts()
        if counts is None:
            return part
        end, (least, most) = self._at, counts
        # Each time beyond the first has places of its own, so it is read again.
        repeats = least if most is None else most
        whole = self._time(part, 1, least, most)
        for time in range(2, repeats + 1):
            self._at = begin
            whole = self._joined(whole, self._time(self._one(), time, least, most))
        self._at = end
        return whole if repeats or most is None else _Part()

    def _time(self, part: _Part, time: int, least: int, most: int | None) -> _Part:
        if most is None and time >= least:
            for place in _bits(part.last):
                self.follow[place] |= part.first
        return attrs.evolve(part, empty=part.empty or time > least)

    def _counts(self) -> tuple[int, int | None] | None:
        if self._at == len(self._pattern):
            return None
        if found := _COUNTS.get(self._pattern[self._at]):
            self._at += 1
        elif self._took("{"):
            found = self._numbers()
        if found and self._at < len(self._pattern) and self._pattern[self._at] in "*+?{":
            self._refuse("put what is repeated twice into brackets")
        return found

    def _numbers(self) -> tuple[int, int | None]:
        text, closed, _ = self._pattern[self._at :].partition("}")
        least, comma, most = text.partition(",")
        are_numbers = all(part.isdecimal() and part.isascii() for part in (least, most or "0"))
        if not closed or not are_numbers or len(text) > 7:
            self._refuse("write {2}, {2,} or {2,5}, or \\{ for a brace")
        self._at += len(text) + 1
        begin, end = int(least), int(most or least)
        if not begin <= end <= LONGEST_PATTERN:
            self._refuse(f"repeat from the smaller number to the larger, {LONGEST_PATTERN} at most")
        return begin, None if comma and not most else end

    def _one(self) -> _Part:
        character = self._next()
        if character == "(":
            return self._group()
        if character == "[":
            return self._place(self._class())
        if character == "\\":
            return self._place(self._escaped())
        if character == ".":
            return self._place(lambda _: True)
        if character in "^$":
            self._refuse("a pattern matches the whole text: leave out ^ and $, and add .* instead")
        if character in "*+?{":
            self._refuse(f"say what is repeated, or write \\{character}")
        return self._place(character.__eq__)

    def _group(self) -> _Part:
        self._depth += 1
        if self._depth > DEEPEST:
            self._refuse(f"nest brackets {DEEPEST} deep at most")
        if self._took("?") and not self._took(":"):
            self._refuse("leave out what begins with (?, but for (?:")
        part = self._either()
        if not self._took(")"):
            self._refuse("close the bracket")
        self._depth -= 1
        return part

    def _class(self) -> Accepts:
        negated = self._took("^")
        tests: list[Accepts] = []
        while not tests or not self._took("]"):
            tests.append(self._item())
        return lambda it: any(test(it) for test in tests) is not negated

    def _item(self) -> Accepts:
        begin = self._next()
        if begin == "\\":
            return self._escaped()
        if begin == "[":
            self._refuse("write \\[ for a bracket in a class")
        is_range = self._pattern[self._at : self._at + 2] not in {"-]", "-"}
        if not is_range or not self._took("-"):
            return begin.__eq__
        end = self._next()
        if end in "\\[" or end < begin:
            self._refuse("let a range go from the smaller character to the larger")
        return lambda it: begin <= it <= end

    def _escaped(self) -> Accepts:
        character = self._next()
        known = _CLASSES.get(character.lower())
        if known is not None:
            return known.__contains__ if character.islower() else lambda it: it not in known
        if character.isalnum():
            self._refuse("escape d, w, s, D, W, S, or what is no letter and no digit")
        return character.__eq__

    def _place(self, accepts: Accepts) -> _Part:
        place = len(self.accepts)
        if place == LONGEST_PATTERN:
            self._refuse(f"use {LONGEST_PATTERN} places at most, repetitions counted")
        self.accepts.append(accepts)
        self.follow.append(0)
        return _Part(1 << place, 1 << place, empty=False)

    def _next(self) -> str:
        if self._at == len(self._pattern):
            self._refuse("let it go on: it ends too early")
        self._at += 1
        self._read += 1
        if self._read > MOST_READ:
            self._refuse("repeat less")
        return self._pattern[self._at - 1]

    def _took(self, text: str) -> bool:
        took = self._pattern.startswith(text, self._at)
        self._at += len(text) * took
        return took

    def _refuse(self, mend: str) -> NoReturn:
        where = f"{self._pattern[: self._at]} <- here: {mend}"
        raise DefinitionError("pattern", self._pattern, where if self._at else mend)
