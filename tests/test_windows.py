"""Windows: one algebra of intervals, in zones whose clocks are put forward and back."""

from __future__ import annotations

import ast
import sys
import zoneinfo
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta, timezone
from functools import partial, reduce
from operator import and_
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safedeploy import windows
from safedeploy.digests import digest
from safedeploy.errors import DefinitionError
from safedeploy.windows import (
    HORIZON,
    Days,
    Intersection,
    Union,
    Window,
    between,
    business_hours,
    days,
    since,
)

ANY: Any = None
BERLIN = "Europe/Berlin"
TICK = timedelta.resolution
NEVER = "let it open at some time: it doesn't for 12 years"

ZONES = [
    *("UTC", BERLIN, "America/New_York", "Asia/Kathmandu", "America/St_Johns"),
    *("Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca", "Europe/Dublin"),
]

zones = st.sampled_from(ZONES)
moments = st.datetimes(
    datetime(2010, 1, 1),  # noqa: DTZ001 - Hypothesis adds the zone
    datetime(2014, 1, 1),  # noqa: DTZ001 - as above
    timezones=st.sampled_from([UTC, *map(ZoneInfo, ZONES[1:])]),
)
walls = st.datetimes(datetime(2010, 1, 1), datetime(2014, 1, 1))  # noqa: DTZ001 - on a wall
names = st.sampled_from(
    [
        *("Monday", "Sunday", "Monday to Friday", "Saturday to Monday", "second Tuesday"),
        *("last Friday", "first Sunday of April", "12-25", "12-18 to 01-03", "02-29"),
        *("2011-12-30", "2011-03-27", "2011-10-30"),
    ]
)
HOURS_OF_DAY = [
    *(("00:00", "24:00"), ("00:00", "02:30"), ("02:00", "03:00"), ("01:30", "24:00")),
    *(("09:00", "17:00"), ("23:30", "24:00")),
]


def both(*given: Window | None) -> Window | None:
    """Join windows by `&`; None never opens, which is refused."""
    try:
        return reduce(and_, given)
    except (DefinitionError, TypeError):
        return None


def either(one: Window | None, other: Window | None) -> Window | None:
    """Join windows by `|`."""
    return one | other if one and other else one or other


def inverse(window: Window) -> Window | None:
    """Turn a window round."""
    try:
        return ~window
    except DefinitionError:
        return None


def has(window: Window | None, at: datetime) -> bool:
    """Tell whether a window is open; what is refused, because it never opens, isn't."""
    return window is not None and window.contains(at)


spans: st.SearchStrategy[Window] = st.builds(
    lambda begin, length, zone: between(begin, begin + length, zone=zone),
    moments | walls,
    st.timedeltas(timedelta(days=1, hours=2), timedelta(days=900)),
    zones,
)


def on_days(texts: list[str], hours: tuple[str, str], zone: str) -> Window:
    """Make days; Wednesdays as well, if the clocks skip what is meant."""
    begins, ends = hours
    try:
        return days(*texts, begins=begins, ends=ends, zone=zone)
    except DefinitionError:
        return days(*texts, "Wednesday", begins=begins, ends=ends, zone=zone)


some_names = st.lists(names, min_size=1, max_size=2)
recurring: st.SearchStrategy[Window] = st.builds(
    on_days, some_names, st.sampled_from(HOURS_OF_DAY), zones
)
any_window: st.SearchStrategy[Window] = st.recursive(
    spans | recurring | st.builds(since, moments | walls, zone=zones),
    lambda some: st.one_of(
        st.builds(lambda one, other: both(one, other) or one, some, some),
        st.builds(lambda one, other: one | other, some, some),
        st.builds(lambda one: inverse(one) or one, some),
    ),
    max_leaves=3,
)


# The algebra


@given(any_window, any_window, moments)
def test_windows_join_as_sets_do(one: Window, other: Window, at: datetime) -> None:
    """Open is: both for `&`, either for `|`, the contrary for `~`; what is refused never opens."""
    is_one, is_other = one.contains(at), other.contains(at)

    assert (is_one or is_other) == (one | other).contains(at)
    assert (is_one and is_other) == has(both(one, other), at)
    assert (not is_one) == has(inverse(one), at)


@given(any_window, any_window, moments)
def test_de_morgan(one: Window, other: Window, at: datetime) -> None:
    """Not either is neither, and not both is one of them not."""
    neither, not_both = both(inverse(one), inverse(other)), either(inverse(one), inverse(other))

    assert has(inverse(one | other), at) == has(neither, at)
    assert (not has(both(one, other), at)) == has(not_both, at)


@given(any_window, any_window, any_window, moments)
def test_and_distributes_over_or(a: Window, b: Window, c: Window, at: datetime) -> None:
    """`a & (b | c)` is open when `(a & b) | (a & c)` is."""
    assert has(either(both(a, b), both(a, c)), at) == has(both(a, b | c), at)


@given(any_window, any_window, any_window)
def test_equal_windows_look_the_same(a: Window, b: Window, c: Window) -> None:
    """Neither order, nor brackets, nor saying it twice makes another window, or another digest."""
    assert a == a & a == a | a
    assert a | (b | c) == (c | a) | b == (b | a) | (b | c)
    assert both(a, b, c) in {both(c, a, b), None} | {both(c, both(b, a), a)}
    assert digest(a | b) == digest(b | a)
    assert hash(a | b) == hash(b | a)
    assert inverse(a) is None or a == ~~a


@given(any_window)
def test_a_repr_can_be_pasted(window: Window) -> None:
    """What a window looks like makes it again."""
    assert window == pasted(ast.parse(repr(window), mode="eval").body)


def pasted(code: ast.expr) -> Any:
    """Make what a line says: calls of the public functions, and `&`, `|` and `~`."""
    match code:
        case ast.BinOp(left, ast.BitAnd(), right):
            return pasted(left) & pasted(right)
        case ast.BinOp(left, ast.BitOr(), right):
            return pasted(left) | pasted(right)
        case ast.UnaryOp(ast.Invert(), operand):
            return ~pasted(operand)
        case ast.Call(ast.Name(name), given, named):
            assert name in windows.__all__
            keywords = {each.arg or "": pasted(each.value) for each in named}
            return getattr(windows, name)(*map(pasted, given), **keywords)
    return ast.literal_eval(code)


# When it changes


@given(any_window, moments, st.lists(st.floats(0, 1), max_size=5))
def test_the_next_change_is_the_first(window: Window, at: datetime, shares: list[float]) -> None:
    """Until the next change the window is as it is now, and from then on it isn't."""
    is_open, change = window.contains(at), window.next_change(at)
    end = change or at.astimezone(UTC) + HORIZON

    assert end > at
    for share in shares:
        between_them = min(at + (end - at) * share, end - TICK)
        assert is_open == window.contains(between_them)
        assert change in {window.next_change(between_them), None}
    if change:
        assert UTC is change.tzinfo
        assert is_open == window.contains(change - TICK)
        assert is_open != window.contains(change)


@given(any_window, moments, st.timedeltas(TICK, timedelta(days=40)))
def test_a_change_is_found_in_any_time_that_holds_it(
    window: Window, at: datetime, ahead: timedelta
) -> None:
    """However short the time is that is searched, its end included."""
    now, change = at.astimezone(UTC), window.next_change(at)

    assert window.flip(now, now + ahead) == (change if change and change <= now + ahead else None)
    assert change is None or (change, None) == (
        window.flip(now, change),
        window.flip(now, change - TICK),
    )


def test_a_day_that_is_left_out_brings_the_next_one_nearer() -> None:
    """In Apia, a week with 30 December 2011 has six days."""
    window, begin = days("01-01", zone="Pacific/Apia"), datetime(2011, 12, 25, 10, tzinfo=UTC)
    change = begin + timedelta(days=6)

    assert change == window.flip(begin, change) == window.next_change(begin)


@given(any_window, moments)
def test_it_opens_when_it_is_open_or_changes(window: Window, at: datetime) -> None:
    """An open window opens now, and a closed one at its next change."""
    opens, now = window.opens(at), at.astimezone(UTC)

    assert opens == (now if window.contains(at) else window.next_change(at))
    assert opens is None or window.contains(opens)


@given(any_window, moments)
def test_answers_do_not_depend_on_the_zone_of_the_question(window: Window, at: datetime) -> None:
    """An instant is the same in every zone, the second of two equal hours too."""
    for zone in (UTC, timezone(timedelta(hours=-3)), ZoneInfo("Australia/Lord_Howe")):
        same = at.astimezone(zone)
        assert window.contains(at) == window.contains(same)
        assert window.next_change(at) == window.next_change(same)


@pytest.mark.law("A9")
@given(any_window, moments, st.timedeltas(TICK, timedelta(days=900)))
def test_a_future_freeze_does_not_block_now(window: Window, at: datetime, ahead: Any) -> None:
    """Only what holds at the time counts, whatever is frozen later, or was frozen before."""
    later = at.astimezone(UTC) + ahead
    before = at.astimezone(UTC) - ahead
    for freeze in (between(later, later + ahead), since(later), between(before, before + ahead)):
        assert window.contains(at) == has(both(window, ~freeze), at)
    assert not has(both(window, ~between(later - ahead, later)), at)


@given(walls, zones)
def test_a_span_begins_when_the_clocks_first_show_it(wall: datetime, zone: str) -> None:
    """At the first of two equal times, and at the end of what is skipped."""
    begin = since(wall, zone=zone).next_change(wall.replace(tzinfo=UTC) - timedelta(days=2))
    assert begin is not None
    shows = begin.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    before = (begin - TICK).astimezone(ZoneInfo(zone)).replace(tzinfo=None)

    assert shows >= wall > before
    assert shows == wall or before + TICK != shows  # if it isn't shown, the clocks jump there


# Examples


def changes(window: Window, year: int, number: int = 4) -> str:
    """List the first changes of a window in a year, in UTC."""
    found, at = list[str](), datetime(year, 1, 1, tzinfo=UTC)
    while len(found) < number and (change := window.next_change(at)):
        found.append(f"{change:%m-%d %H:%M}")
        at = change
    return ", ".join(found)


def berlin(day: str, begins: str = "00:00", ends: str = "24:00") -> Window:
    """Open on one day in Berlin, whose clocks go forward on 03-29 and back on 10-25 of 2026."""
    return days(f"2026-{day}", begins=begins, ends=ends, zone=BERLIN)


SHIFTS: dict[str, tuple[Window, int, str]] = {
    "a day of 23 hours": (berlin("03-29"), 2026, "03-28 23:00, 03-29 22:00"),
    "a day of 25 hours": (berlin("10-25"), 2026, "10-24 22:00, 10-25 23:00"),
    "an end that is skipped": (berlin("03-29", "01:30", "02:30"), 2026, "03-29 00:30, 03-29 01:00"),
    "a begin that is skipped": (
        berlin("03-29", "02:30", "04:00"),
        2026,
        "03-29 01:00, 03-29 02:00",
    ),
    "an hour that comes twice": (
        berlin("10-25", "02:00", "03:00"),
        2026,
        "10-25 00:00, 10-25 02:00",
    ),
    "an end that comes twice": (
        berlin("10-25", "01:30", "02:30"),
        2026,
        "10-24 23:30, 10-25 00:30, 10-25 01:00, 10-25 01:30",
    ),
    "a span from what is skipped": (
        between("2026-03-29 02:30", "2026-03-29 04:00", zone=BERLIN),
        2026,
        "03-29 01:00, 03-29 02:00",
    ),
    "a span from what comes twice": (
        between("2026-10-25 02:30", "2026-10-25 03:30", zone=BERLIN),
        2026,
        "10-25 00:30, 10-25 02:30",
    ),
    "the second of two": (
        between("2026-10-25 02:30+01:00", "2026-10-25 03:30", zone=BERLIN),
        2026,
        "10-25 01:30, 10-25 02:30",
    ),
    "a day that was left out": (
        days("2011-12-29", "2011-12-31", zone="Pacific/Apia"),
        2011,
        "12-29 10:00, 12-31 10:00",
    ),
    "a minute of the next day before it": (
        days("2010-11-06", zone="America/St_Johns"),
        2010,
        "11-06 02:30, 11-07 02:30, 11-07 02:31, 11-07 03:30",
    ),
}


@pytest.mark.law("A9")
@pytest.mark.parametrize(("window", "year", "expected"), SHIFTS.values(), ids=SHIFTS)
def test_both_shifts_of_the_clocks(window: Window, year: int, expected: str) -> None:
    """What clocks skip isn't there, and what they show twice is there twice; a span begins once."""
    assert expected == changes(window, year, 5)


RECURRING = {
    "Monday": "01-05 00:00, 01-06 00:00, 01-12 00:00, 01-13 00:00",
    "Saturday to Monday": "01-03 00:00, 01-06 00:00, 01-10 00:00, 01-13 00:00",
    "second Tuesday": "01-13 00:00, 01-14 00:00, 02-10 00:00, 02-11 00:00",
    "fifth Sunday": "03-29 00:00, 03-30 00:00, 05-31 00:00, 06-01 00:00",
    "last Friday": "01-30 00:00, 01-31 00:00, 02-27 00:00, 02-28 00:00",
    "fourth Thursday of November": "11-26 00:00, 11-27 00:00, 11-25 00:00, 11-26 00:00",
    "last Monday of May": "05-25 00:00, 05-26 00:00, 05-31 00:00, 06-01 00:00",
    "12-25": "12-25 00:00, 12-26 00:00, 12-25 00:00, 12-26 00:00",
    "12-18 to 01-03": "01-04 00:00, 12-18 00:00, 01-04 00:00, 12-18 00:00",
    "02-29": "02-29 00:00, 03-01 00:00, 02-29 00:00, 03-01 00:00",
    "2026-12-25": "12-25 00:00, 12-26 00:00",
}


@pytest.mark.parametrize(("text", "expected"), RECURRING.items(), ids=RECURRING)
def test_days_are_said_in_words(text: str, expected: str) -> None:
    """Of each week, each month, each year, or once."""
    assert expected == changes(days(text), 2026)


def test_times_may_be_given_in_any_form() -> None:
    """Texts, dates and datetimes that say the same make equal windows."""
    end = datetime(2027, 1, 4, tzinfo=UTC)
    window = between("2026-12-18", "2027-01-04 00:00Z", zone=BERLIN)

    assert window == between(date(2026, 12, 18), end, zone=BERLIN)
    assert window == between("20261218T000000", end.astimezone(ZoneInfo(BERLIN)), zone=BERLIN)
    assert window != between("2026-12-18", "2027-01-04", zone=BERLIN)
    assert "between('2026-12-18', '2027-01-04 00:00+00:00', zone='Europe/Berlin')" == repr(window)
    assert "since('2026-12-18 09:30:05')" == repr(since("2026-12-18T09:30:05"))


def test_a_repr_has_the_brackets_that_it_needs() -> None:
    """`~` binds before `&`, and `&` before `|`."""
    a, b, c = days("Friday"), days("Saturday to Monday"), days("Sunday")

    assert "(days('Friday') | days('Sunday')) & ~days('Friday')" == repr((a | c) & ~a)
    assert "days('Friday') | days('Saturday to Monday') & days('Sunday')" == repr(a | (b & c))
    assert "~(days('Friday') | days('Sunday'))" == repr(~(a | c))
    assert "~(days('Saturday to Monday') & days('Sunday'))" == repr(~(b & c))


@pytest.mark.parametrize("window", [since("2038-12-31"), days("2038-12-31")], ids=repr)
def test_changes_are_looked_for_12_years_ahead(window: Window) -> None:
    """What is farther away is as good as never."""
    now = datetime(2026, 12, 1, tzinfo=UTC)

    assert window.next_change(now) is window.opens(now) is None
    assert window.next_change(now + timedelta(days=30)) is not None


def test_business_hours_are_days_like_others() -> None:
    """They are Monday to Friday, nine to five, unless given."""
    assert business_hours(BERLIN) == days(
        "Monday to Friday", begins="09:00", ends="17:00", zone=BERLIN
    )
    assert business_hours("UTC", days="Friday", begins="10:00", ends="12:00") == days(
        "Friday", begins="10:00", ends="12:00"
    )


HOURS = business_hours(BERLIN) & ~between("2026-12-18", "2027-01-04")

TOLD: dict[str, tuple[Window, str]] = {
    "2026-11-20 20:00": (HOURS, "opens Monday 09:00 (Europe/Berlin)"),
    "2026-11-23 07:59": (HOURS, "opens Monday 09:00 (Europe/Berlin)"),
    "2026-11-23 08:00": (HOURS, "is open until Monday 17:00 (Europe/Berlin)"),
    "2026-12-17 12:00": (HOURS, "is open until Thursday 17:00 (Europe/Berlin)"),
    "2026-12-18 11:00": (
        business_hours(BERLIN) & ~between("2026-12-18 12:00", "2027-01-04"),
        "is open until Friday 12:00 (UTC)",
    ),
    "2026-12-17 17:00": (HOURS, "opens Monday 4 January 2027 09:00 (Europe/Berlin)"),
    "2026-12-14 12:00": (~days("2026-12-21"), "is open until Monday 21 December 2026 00:00 (UTC)"),
    "2026-12-15 12:00": (~days("2026-12-21"), "is open until Monday 00:00 (UTC)"),
    "2026-12-31 23:59": (since("2027-01-01 00:00:30"), "opens Friday 00:00:30 (UTC)"),
    "2027-02-01 12:00": (~since("2027-01-01"), "doesn't open within 12 years"),
    "2026-02-01 12:00": (~days("2020-01-01"), "is open, and doesn't close within 12 years"),
    "2026-02-01 13:00": (days("Monday to Sunday"), "is open, and doesn't close within 12 years"),
}


@pytest.mark.parametrize(("at", "told"), TOLD.items(), ids=TOLD)
def test_a_window_says_when_it_opens(at: str, told: tuple[Window, str]) -> None:
    """By weekday and time, in the zone of the part that opens; with the date, if it isn't near."""
    window, expected = told

    assert f"the window {expected}" == window.explain(datetime.fromisoformat(f"{at}Z"))


# What is refused

FORMS = (
    'give days such as "Monday", "Monday to Friday", "second Tuesday", "last Friday of November",'
    ' "12-25", "12-24 to 01-01" or "2026-12-25"'
)
TIMES = "give a date, such as 2026-12-18, or a datetime, of the years 1970 to 2199"
TIME_OF_DAY = 'give a time of day, such as "09:00"'
OVERNIGHT = "let it end after it begins; to go on over midnight, join two windows with `|`"
IANA = "give a zone of the IANA database, such as Europe/Berlin"
AFTER = "let it end after it begins, "
SUNDAYS = days("Sunday")

NO_ZONES: list[Any] = ["Europe/Berln", "", "../UTC", "Europe", "zone.tab", "a\0b", 5, None]
NO_DATES: list[Any] = ["2026-13-01", "soon", "", "1969-12-31", "2200-01-01", None, 5, float("inf")]
NO_DAYS: list[Any] = [
    *("monday", "Mon", "Monday to", "sixth Monday", "last day", "first Monday of Mai", ""),
    *("02-30", "12-24 to 02-30", "13-01", "2026-02-29", "2200-01-01", 5, None, ("Monday",)),
]
NO_TIMES: list[Any] = ["9:00", "24:01", "09:60", "nine", "", 9, None]
ENDLESS = datetime.max  # noqa: DTZ901 - refused
REFUSED: dict[str, tuple[Callable[[], object], str, str]] = {
    **{
        f"the zone {zone!r}": (partial(since, "2026-12-18", zone=zone), "zone", IANA)
        for zone in NO_ZONES
    },
    "days in no zone": (lambda: days("Monday", zone="Mars"), "zone", IANA),
    **{f"the time {time!r}": (partial(since, time), "begin", TIMES) for time in NO_DATES},
    "an infinite time": (lambda: between("2026-12-18", ENDLESS), "end", TIMES),
    "an infinite date": (lambda: between("2026-12-18", date.max), "end", TIMES),
    "an instant at the end": (
        lambda: since(datetime.max.replace(tzinfo=timezone(-timedelta(hours=9)))),
        "begin",
        TIMES,
    ),
    "no end": (
        lambda: between("2026-12-18", ANY),
        "end",
        "give a date, or say since(...) for what has no end",
    ),
    "an end before the begin": (
        lambda: between("2026-12-18", "2026-12-17"),
        "end",
        AFTER + "2026-12-18 00:00:00",
    ),
    "an end at the begin": (
        lambda: between("2026-12-18", "2026-12-18"),
        "end",
        AFTER + "2026-12-18 00:00:00",
    ),
    "a span that is skipped": (
        lambda: between("2026-03-29 02:00", "2026-03-29 03:00", zone=BERLIN),
        "end",
        AFTER + "2026-03-29 02:00:00",
    ),
    "no days": (days, "days", FORMS),
    "nothing for days": (lambda: Days(ANY), "days", "give a tuple"),
    **{f"the days {text!r}": (partial(days, "Monday", text), "days", FORMS) for text in NO_DAYS},
    **{
        f"the begin {time!r}": (
            partial(days, "Monday", begins=time),
            "begins",
            TIME_OF_DAY,
        )
        for time in NO_TIMES
    },
    "an end of no time": (lambda: days("Monday", ends=ANY), "ends", TIME_OF_DAY),
    "over midnight": (lambda: days("Monday", begins="22:00", ends="06:00"), "ends", OVERNIGHT),
    "no time at all": (lambda: days("Monday", begins="09:00", ends="09:00"), "ends", OVERNIGHT),
    "only the end": (lambda: days("Monday", begins="24:00"), "ends", OVERNIGHT),
    "a day that was left out": (
        lambda: days("2011-12-30", zone="Pacific/Apia"),
        "window",
        NEVER,
    ),
    "a time that is skipped": (lambda: berlin("03-29", "02:15", "02:45"), "window", NEVER),
    "two different days": (lambda: days("Monday") & days("Tuesday"), "window", NEVER),
    "a date that is another day": (lambda: days("2026-12-25") & SUNDAYS, "window", NEVER),
    "a span of other days": (
        lambda: between("2026-12-18", "2026-12-20") & SUNDAYS,
        "window",
        NEVER,
    ),
    "what it is not": (lambda: SUNDAYS & ~SUNDAYS, "window", NEVER),
    "never": (lambda: ~(SUNDAYS | ~SUNDAYS), "window", NEVER),
    "a freeze of everything": (
        lambda: between("2026-12-18", "2026-12-24") & ~since("2026-12-01"),
        "window",
        NEVER,
    ),
    "one part": (lambda: Union((SUNDAYS,)), "parts", "give two different windows, or more"),
    "the same twice": (
        lambda: Intersection((SUNDAYS, SUNDAYS)),
        "parts",
        "give two different windows, or more",
    ),
    "no parts": (lambda: Union(ANY), "parts", "give two different windows, or more"),
    "a part that is none": (lambda: SUNDAYS & ANY, "parts", "give a Window"),
    "not a window": (lambda: windows.Complement(ANY), "window", "give a Window"),
}


@pytest.mark.parametrize(("make", "field", "mend"), REFUSED.values(), ids=REFUSED)
def test_what_can_be_no_window_is_refused(
    make: Callable[[], object], field: str, mend: str
) -> None:
    """Where it is made, with the field and what to give instead."""
    with pytest.raises(DefinitionError) as refused:
        make()

    assert (field, mend) == (refused.value.field, refused.value.mend)


@pytest.mark.parametrize(
    "at",
    [datetime(2026, 1, 1), datetime.max.replace(tzinfo=UTC), None],  # noqa: DTZ001 - refused
)
@pytest.mark.parametrize("window", [SUNDAYS, since("2026-12-18"), ~SUNDAYS, HOURS], ids=repr)
def test_a_question_needs_an_instant(window: Window, at: Any) -> None:
    """A time without a zone is no instant, and is refused, whatever is asked."""
    for ask in (window.contains, window.next_change, window.opens, window.explain):
        with pytest.raises(DefinitionError) as refused:
            ask(at)
        assert "at" == refused.value.field


@contextmanager
def no_zones() -> Iterator[None]:
    """Take away what is known of zones, for a while."""
    known = zoneinfo.TZPATH
    try:
        zoneinfo.reset_tzpath(())
        ZoneInfo.clear_cache()
        yield
    finally:
        zoneinfo.reset_tzpath(known)


def test_without_time_zone_data_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """UTC needs no data; any other zone is refused with the name of the package that has it."""
    for name in {"tzdata", *(each for each in sys.modules if each.startswith("tzdata."))}:
        monkeypatch.setitem(sys.modules, name, None)
    with no_zones():
        assert days("Sunday") == SUNDAYS
        with pytest.raises(DefinitionError, match="install the package tzdata"):
            business_hours(BERLIN)
