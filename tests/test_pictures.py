"""Pictures: a rollout's rings over time."""

from __future__ import annotations

import math
from xml.etree import ElementTree as ET

import attrs
from hypothesis import given
from hypothesis import strategies as st

from safedeploy.forecasts.pictures import (
    HEIGHT,
    LEAST,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Bar,
    draw,
)
from safedeploy.forecasts.shapes import percentage, printable

times = st.floats(min_value=1, max_value=1e7)
bars = st.builds(
    Bar,
    name=st.text(min_size=1),
    share=st.floats(min_value=0.0005, max_value=1),
    takes=times,
    waits=st.just(0.0) | times | st.just(math.inf),
    over=st.just("1 h"),
    label=st.text(),
)
Rectangle = tuple[float, float, float, float]


def drawn(given: list[Bar]) -> ET.Element:
    picture = draw(given, title="a title", takes="taking", waits="waiting")
    return ET.fromstring(picture)  # noqa: S314 - what is parsed was made here


def boxes(picture: ET.Element) -> list[list[Rectangle]]:
    """Return the two rectangles of each bar: left, top, width, height."""
    groups = (group for group in picture if group.tag.endswith("}g"))
    return [[_box(it) for it in group if it.tag.endswith("rect")] for group in groups]


def _box(rectangle: ET.Element) -> Rectangle:
    left, top, width, height = (
        float(rectangle.attrib[key]) for key in ("x", "y", "width", "height")
    )
    return left, top, width, height


@given(st.lists(bars, min_size=1, max_size=8))
def test_rings_fill_the_width_in_order(given: list[Bar]) -> None:
    """Bars follow each other without a gap, as wide as they are long, and none is a sliver."""
    picture = boxes(drawn(given))
    reached = next((n for n, bar in enumerate(given, 1) if math.isinf(bar.waits)), len(given))
    assert reached == len(picture)
    x = float(LEFT)
    for (left, _, width, _), (middle, _, rest, _) in picture:
        assert abs(left - x) < 0.2
        assert abs(middle - left - width) < 0.2
        x = middle + rest
        assert x - left >= min(LEAST, (WIDTH - LEFT - RIGHT) / reached) - 0.2
    assert abs(x - (WIDTH - RIGHT)) < 0.2


@given(st.lists(bars, min_size=1, max_size=8))
def test_who_exposes_more_stands_higher(given: list[Bar]) -> None:
    """A larger share is never drawn lower, every bar shows, and all stand on one ground."""
    picture = boxes(drawn(given))
    tall = [height for [(_, _, _, height), _] in picture]
    for bar, height in zip(given, tall, strict=False):
        assert 10 < height <= HEIGHT + 0.1
        for other, another in zip(given, tall, strict=False):
            assert bar.share > other.share or height <= another
    assert all(abs(y + height - TOP - HEIGHT) < 0.2 for [(_, y, _, height), _] in picture)


@given(st.lists(bars, min_size=1, max_size=8))
def test_everything_is_told_to_who_listens(given: list[Bar]) -> None:
    """The title and the description say what is seen, also of rings that are never reached."""
    picture = drawn(given)
    told = {element.tag.rpartition("}")[2]: element.text or "" for element in picture}
    assert "a title" == told["title"]
    for bar in given:
        assert printable(f"{bar.name}: {bar.label}") in told["desc"]


def test_time_is_to_scale_where_nothing_is_too_narrow() -> None:
    """A ring of twice the time is twice as wide, and its wait is apart."""
    first = Bar(name="a", share=0.1, takes=1, waits=1, over="2 h", label="")
    second = Bar(name="b", share=1, takes=4, waits=0, over="6 h", label="")
    [(_, _, bakes, _), (_, _, waits, _)], [(_, _, all_of_it, _), (_, _, none, _)] = boxes(
        drawn([first, second])
    )
    assert abs(bakes - waits) < 0.2
    assert abs(all_of_it - 4 * bakes) < 0.5
    assert 0 == none


def test_names_stand_on_the_stairs_where_all_fit() -> None:
    """A stair that has no room for a name has its share alone, and then so have all."""
    short = [Bar(name=name, share=0.5, takes=1, waits=0, over="", label="") for name in "ab"]
    long = attrs.evolve(short[0], name="those who live in the north of the country, by the sea")
    assert "a, 50 %" in [it.text for it in drawn(short).iter()]
    found = [it.text for it in drawn([long, *short]).iter()]
    assert "50 %" in found
    assert "a, 50 %" not in found


def test_a_long_name_is_cut_in_its_row_alone() -> None:
    """A row has room for so many letters; hovering tells the whole name."""
    name = "everybody who lives in the north and the south"
    texts = [
        it.text or ""
        for it in drawn(
            [Bar(name=name, share=1, takes=0, waits=math.inf, over="never", label="x")]
        ).iter()
    ]
    assert "everybody who lives i…" in texts
    assert f"{name}: x" in texts


def test_shares_are_told_as_percentages() -> None:
    """Three digits are enough for people."""
    assert ["0.1 %", "1 %", "33.3 %", "100 %"] == [*map(percentage, (0.001, 0.01, 1 / 3, 1))]
