"""Reviews: what is weak in a plan, and its pictures."""

from __future__ import annotations

import html
import re
import runpy
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import attrs
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from safedeploy import (
    Approval,
    Check,
    Component,
    ErrorRate,
    HealthModel,
    Latency,
    Objective,
    Plan,
    Ring,
    Traffic,
    Usage,
    UserReports,
    Verdict,
    Within,
    business_hours,
)
from safedeploy.errors import DefinitionError
from safedeploy.forecasts.shapes import printable
from safedeploy.reviews import LINTS, Severity, whole
from tests.test_records import plans

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TRAFFIC = Traffic(per_minute=6000, failing=0.01)
REVIEWED, SIGNED = Check("reviewed"), Approval("release managers", quorum=2)
OPEN = Within(business_hours("Europe/Berlin"), name="business hours")
ERRORS, USE = ErrorRate(), Usage(at_least=100)
LOOKED_AT = Verdict.INVESTIGATE


def model(*signals: Any, **given: Any) -> HealthModel:
    """Make a model of signals, or of those of a sound plan."""
    return HealthModel(*(signals or (ERRORS, Latency(), UserReports(), USE)), **given)


CANARY = Ring("canary", percent=5, bake=6 * HOUR)
EARLY = Ring("early", percent=25, bake=12 * HOUR, gates=(SIGNED, OPEN))
EVERYONE = Ring("everyone", percent=100, bake=DAY)
SOUND = Plan(
    before=(REVIEWED,), rings=(CANARY, EARLY, EVERYONE), health=model(), promoters={"managers"}
)


def with_ring(number: int, **changed: Any) -> dict[str, Any]:
    """Change one ring of the sound plan."""
    rings = list(SOUND.rings)
    rings[number] = attrs.evolve(rings[number], **changed)
    return {"rings": tuple(rings)}


WEAK: dict[str, list[dict[str, Any]]] = {
    "one-ring": [{"rings": (EVERYONE,)}],
    "large-first-ring": [with_ring(0, percent=10.1)],
    "large-step": [with_ring(0, percent=2.4), {"rings": (CANARY, EVERYONE)}],
    "nothing-judged": [
        {"health": model(USE)},
        {"health": model(USE, ErrorRate(shadow=True))},
    ],
    "gross": [{"must_see": 5.1}],
    "by-chance": [{"power": 0.79}],
    "time-before": [{"health": model(waive={"concurrent baseline": "one machine"})}],
    "blind-ring": [with_ring(0, bake=timedelta(minutes=5))],
    "one-sided": [
        {"health": model(USE, ERRORS)},
        {"health": model(USE, ERRORS, Latency(shadow=True))},
    ],
    "nobody-left": [{"holdback": 0, "health": model(*SOUND.health.signals, Objective(0.99))}],
    "unwatched-rest": [{"rings": (CANARY, EARLY)}],
    "rarely-watched": [{"assess_every": timedelta(minutes=11)}],
    "late-alert": [{"alert_deadline": 9 * HOUR}],
    "no-deadline": [with_ring(1, deadline=31 * DAY)],
    "always-late": [with_ring(1, deadline=11 * HOUR)],
    "no-user-reports": [
        {"health": model(ERRORS, Latency(), USE)},
        {"health": model(ERRORS, Latency(), USE, UserReports(shadow=True))},
    ],
    "false-halts": [{"health": model(alpha=0.06)}],
    "no-usage": [{"health": model(ERRORS, UserReports(), waive={"usage": "a batch"})}],
    "little-usage": [{"health": model(ERRORS, UserReports(), Usage(at_least=99))}],
    "never-halts": [{"health": model(ErrorRate(severity=LOOKED_AT), UserReports(), USE)}],
    "no-check": [{"before": ()}, {"before": (), "windows": OPEN.window}],
    "no-approval": [with_ring(1, gates=(OPEN,))],
    "anybody-promotes": [{"promoters": ()}],
    "no-bake": [with_ring(0, bake=0 * HOUR)],
    "shorter-bake": [with_ring(1, bake=5 * HOUR)],
    "brief-bake": [with_ring(2, bake=23 * HOUR)],
    "any-time": [with_ring(1, gates=(SIGNED,))],
}

JUST_SOUND: list[dict[str, Any]] = [
    with_ring(0, percent=10),
    with_ring(0, percent=2.5),
    {"rings": (attrs.evolve(CANARY, percent=10), attrs.evolve(EVERYONE, gates=EARLY.gates))},
    {"windows": OPEN.window, **with_ring(1, gates=(SIGNED,))},
    {"must_see": 5},
    {"power": 0.8},
    {"assess_every": timedelta(minutes=10)},
    {"alert_deadline": 8 * HOUR},
    with_ring(1, deadline=30 * DAY),
    with_ring(1, deadline=12 * HOUR),
    {"health": model(alpha=0.05)},
    with_ring(1, bake=6 * HOUR),
    {"rings": (CANARY, EARLY, attrs.evolve(EVERYONE, percent=50))},
    with_ring(2, bake=40 * DAY, deadline=400 * DAY),
    {"health": model(USE, UserReports(), components=[Component("db", [ErrorRate(of="db")])])},
    {"health": model(ErrorRate(severity=LOOKED_AT), Latency(), UserReports(), USE)},
]


def found(plan: Plan) -> set[str]:
    """Return the names of the lints that find something."""
    return {each.lint for each in plan.lint(TRAFFIC).weaknesses}


def test_a_sound_plan_has_no_weakness() -> None:
    """A plan that keeps every practice passes every lint, and its check."""
    review = SOUND.lint(TRAFFIC)

    assert () == review.weaknesses
    assert 1.0 == review.score.share
    assert len(LINTS) == review.score.asked
    review.check(Severity.NOTE)


@pytest.mark.parametrize("lint", [lint.name for lint in LINTS])
def test_each_lint_finds_what_it_is_for(lint: str) -> None:
    """A sound plan that is weakened in one way isn't sound any more, in just that way."""
    for changed in WEAK[lint]:
        weak = attrs.evolve(SOUND, **changed)
        assert lint in found(weak)
        places = {each.ring for each in weak.lint(TRAFFIC).weaknesses}
        assert places <= {"", *(ring.name for ring in weak.rings)}


@pytest.mark.parametrize("changed", JUST_SOUND, ids=map(str, range(len(JUST_SOUND))))
def test_a_limit_is_fine(changed: dict[str, Any]) -> None:
    """What is just at a limit is no weakness, nor is what only looks like one."""
    allowed = {"blind-ring", "unwatched-rest"} if "must_see" in changed else {"blind-ring"}

    assert found(attrs.evolve(SOUND, **changed)) <= allowed


STAGED = attrs.evolve(
    SOUND,
    rings=(
        Ring("staging", percent=100, bake=6 * HOUR, target="staging", environment="test"),
        *SOUND.rings,
    ),
    health=model(*SOUND.health.signals, Objective(0.99)),
    target="production",
)


def test_staging_may_get_all_of_it_at_once() -> None:
    """It is no step that grows, and nobody could be held back at a target."""
    assert () == STAGED.lint().weaknesses


def test_where_a_change_stays_it_grows_slowly_all_the_same() -> None:
    """A staging before it is no canary of its users, and steps at it are as large as any."""
    staging, canary, _, everyone = STAGED.rings
    sudden = attrs.evolve(STAGED, rings=(staging, attrs.evolve(everyone, gates=EARLY.gates)))
    assert {"large-first-ring"} == {each.lint for each in sudden.lint().weaknesses}
    assert "comes first to production, and exposes 100 %" in str(sudden.lint())
    large = attrs.evolve(STAGED, rings=(canary, attrs.evolve(everyone, gates=EARLY.gates)))
    assert {"large-step"} == {each.lint for each in large.lint().weaknesses}


def test_pictures_name_places() -> None:
    """Where a ring is applied, for those rings that the engine doesn't serve itself."""
    for picture in (STAGED.svg(), STAGED.mermaid()):
        assert "at staging in test" in picture
        assert "at production" in picture
    assert "at production" not in SOUND.svg() + SOUND.mermaid()


def test_lints_are_told_apart() -> None:
    """Each has a name of its own and a mend, and its practice has a title."""
    assert len(LINTS) == len({lint.name for lint in LINTS})
    assert {lint.practice for lint in LINTS} == set(whole.TITLES)
    assert all(lint.mend and (lint.test or lint.under) for lint in LINTS)


STRICTER: list[Callable[[Plan], dict[str, Any]]] = [
    lambda it: {"before": (*it.before, Check("yet another"))},
    lambda it: {"rings": [attrs.evolve(r, gates=(*r.gates, Approval("ops"))) for r in it.rings]},
    lambda it: {"rings": [attrs.evolve(r, after=(*r.after, OPEN)) for r in it.rings]},
    lambda it: {"windows": OPEN.window},
    lambda it: {"promoters": it.promoters | {"managers"}},
    lambda it: {
        "rings": [attrs.evolve(r, bake=2 * r.bake, deadline=2 * r.deadline) for r in it.rings]
    },
    lambda it: {
        "alert_deadline": it.alert_deadline / 2,
        "acknowledge_within": it.acknowledge_within and it.acknowledge_within / 2,
    },
    lambda it: {"assess_every": it.assess_every / 2},
    lambda it: {"power": (1 + it.power) / 2},
    lambda it: {"holdback": max(it.holdback, 5)},
    lambda it: {
        "health": HealthModel(
            *it.health.signals,
            UserReports(name="heard"),
            alpha=it.health.alpha / 2,
            waive=it.health.waive,
            components=it.health.components,
        )
    },
]


@given(plans(), st.sampled_from(STRICTER))
def test_what_passes_still_does_when_a_plan_gets_stricter(
    plan: Plan, stricter: Callable[[Plan], dict[str, Any]]
) -> None:
    """More gates, longer bakes, shorter deadlines and a smaller alpha weaken nothing."""
    changed = stricter(plan)
    if any(ring.deadline > 300 * DAY for ring in plan.rings):
        changed.pop("rings", None)  # twice ten years' patience is no stricter

    after = attrs.evolve(plan, **changed)

    def weak(of: Plan) -> set[tuple[str, str]]:
        return {(each.lint, each.ring) for each in of.lint().weaknesses}

    # Of a first signal that judges, lints ask more than of none.
    assume("health" not in changed or ("nothing-judged", "") not in weak(plan))
    assert weak(after) <= weak(plan)


@given(plans())
def test_scores_add_up(plan: Plan) -> None:
    """A practice passes with those of its lints that find nothing, and nothing is lost."""
    review = plan.lint()
    weak = {each.lint for each in review.weaknesses}

    assert len(LINTS) == review.score.asked + len(review.unasked)
    assert review.score.asked - len(weak) == review.score.passed
    assert [*review.weaknesses] == sorted(review.weaknesses, key=lambda it: -it.severity)


def test_without_a_traffic_what_a_ring_sees_is_left_open() -> None:
    """Nobody knows what a ring can see without knowing what it meets."""
    blind = attrs.evolve(SOUND, **WEAK["blind-ring"][0])
    review = blind.lint()

    assert ((), ("blind-ring",)) == (review.weaknesses, review.unasked)
    assert str(review).endswith("not asked without a Traffic: blind-ring")
    [weakness] = blind.lint(TRAFFIC).weaknesses
    assert weakness.detail.startswith("bakes 5 min, and needs ")
    assert "bake=timedelta(minutes=" in weakness.detail


def test_a_ring_that_never_sees_it_is_said() -> None:
    """Where no bake is long enough, none is proposed."""
    plan = attrs.evolve(SOUND, health=model(Objective(0.99), UserReports(), USE), must_see=1.01)
    told = [it.detail for it in plan.lint(TRAFFIC).weaknesses if it.lint == "blind-ring"]

    assert any("needs for ever" in each for each in told)


def test_what_is_waived_is_told_with_its_reason() -> None:
    """A waived lint counts neither way."""
    plan = attrs.evolve(SOUND, before=())
    review = plan.lint(TRAFFIC, waive={"no-check": "checked by hand"})

    assert () == review.weaknesses
    assert "P21" not in review.scores
    assert str(review).endswith("waived   no-check: checked by hand")


@pytest.mark.parametrize(
    ("waive", "mend"),
    [
        ({"no-chek": "why"}, "choose one of no-check"),
        ({"": "why"}, "choose one of one-ring, large-first-ring"),
        ({"no-check": " "}, "give a reason why no-check is fine here"),
    ],
)
def test_a_waiver_names_a_lint_and_a_reason(waive: dict[str, str], mend: str) -> None:
    """A waiver that can't be is refused, with the nearest names."""
    with pytest.raises(DefinitionError) as refused:
        SOUND.lint(waive=waive)

    assert "waive" == refused.value.field
    assert refused.value.mend.startswith(mend)


def test_a_check_refuses_what_matters() -> None:
    """What matters less than is asked for is let through."""
    plan = attrs.evolve(SOUND, before=(), **with_ring(1, gates=(OPEN,)))
    review = plan.lint(TRAFFIC)

    review.check(Severity.ERROR)
    with pytest.raises(DefinitionError) as refused:
        review.check()
    assert ["no-check"] == refused.value.value
    assert refused.value.mend.startswith("ring 'canary' begins with nothing checked: put before=")


def test_a_review_reads_well() -> None:
    """The gravest comes first, each with its practice and its mend."""
    plan = attrs.evolve(SOUND, before=(), **with_ring(2, bake=0 * HOUR))
    text = str(plan.lint(TRAFFIC))

    assert "22 of 27 lints pass, 81.5 %" == text.splitlines()[0]
    assert "P21  0 of 1  checks before a deployment" in text
    [gravest] = [line for line in text.splitlines() if line.startswith("error")]
    mend = "give it an hour at least: bake=timedelta(hours=1)"
    assert f"error    P33  no-bake: ring 'everyone' doesn't bake: {mend}" == gravest


def test_notebooks_show_reviews_and_plans() -> None:
    """What a notebook shows is the text, and of a plan its picture as well; no name is markup."""
    plan = attrs.evolve(SOUND, rings=(Ring("<b>", percent=5),))

    shown = plan.lint()._repr_html_()
    assert html.escape("ring '<b>' doesn't bake") in shown
    assert "<b>" not in shown + plan._repr_html_()
    assert plan._repr_html_().startswith("<svg")


# Pictures


def elements(plan: Plan) -> list[ET.Element]:
    return [*ET.fromstring(plan.svg()).iter()]  # noqa: S314 - what is parsed was made here


@given(plans())
def test_a_picture_is_valid_and_always_the_same(plan: Plan) -> None:
    """Whatever a plan is called, its picture is XML that tells every ring and gate."""
    [title, told] = [
        it.text or "" for it in elements(plan) if it.tag.rpartition("}")[2] in {"title", "desc"}
    ][:2]

    assert plan.svg() == plan.svg()
    assert title.startswith(f"A plan of {len(plan.rings)} rings")
    for ring in plan.rings:
        assert printable(f"{ring.name}: exposes") in told


def test_bars_are_to_scale() -> None:
    """A first bar is what is exposed of all, a second how long it bakes of the longest."""
    bars = [
        float(it.attrib["width"])
        for it in elements(SOUND)
        if it.tag.endswith("rect") and it.attrib["fill"] != "currentColor"
    ]

    assert [7.5, 37.5, 37.5, 75, 142.5, 150] == bars


def test_a_ring_that_does_not_bake_is_drawn() -> None:
    """Of nothing there is a sliver, so that there is something to see."""
    plan = attrs.evolve(SOUND, rings=(Ring("a" * 30, percent=100),))
    texts = [it.text for it in elements(plan)]

    assert "0 s" in texts
    assert f"{'a' * 23}…" in texts
    assert "1.0" in [it.attrib.get("width") for it in elements(plan)]


def test_gates_are_in_the_picture() -> None:
    """What people, time and checks open stands before its ring, or after it."""
    plan = attrs.evolve(SOUND, **with_ring(1, after=(Approval("ops"),), gates=(SIGNED & OPEN,)))
    texts = [it.text for it in elements(plan)]

    assert texts.index("before: reviewed") < texts.index("canary")
    assert "before: release managers & business hours" in texts
    assert texts.index("early") < texts.index("after: 1 approval of ops") < texts.index("everyone")
    assert "before: 2 approvals of release managers" in [it.text for it in elements(SOUND)]


def test_windows_are_told_once_for_each_ring() -> None:
    """A ring keeps to its windows before and after, and they are told before it."""
    plan = attrs.evolve(SOUND, windows=OPEN.window)
    told = [it.text for it in elements(plan) if (it.text or "").startswith("before: window")]

    assert 3 == len(told) == plan.mermaid().count("window")
    assert not any((it.text or "").startswith("after:") for it in elements(plan))


LABEL = re.compile(r'(?P<id>\w+)(?:\{\{"(?P<gate>[^"]*)"\}\}|\["(?P<ring>[^"]*)"\])')


def decoded(label: str) -> str:
    return re.sub(r"#(\d+);", lambda found: chr(int(found[1])), label)


@given(plans(), st.text(min_size=1).filter(str.strip))
def test_a_diagram_holds_any_name(plan: Plan, name: str) -> None:
    """No name gets out of its label, and each can be read from it."""
    assume(name not in {ring.name for ring in plan.rings})
    plan = attrs.evolve(plan, rings=(attrs.evolve(plan.rings[0], name=name), *plan.rings[1:]))
    lines = plan.mermaid().splitlines()
    labels = [found for line in lines if (found := LABEL.fullmatch(line.strip()))]
    rings = [each["ring"] for each in labels if each["ring"]]

    assert plan.mermaid() == plan.mermaid()
    assert len(lines) == 8 + len(labels)
    assert [printable(it.name) for it in plan.rings] == [
        decoded(it.partition("<br/>")[0]) for it in rings
    ]


def test_a_diagram_goes_from_gate_to_ring() -> None:
    """Gates stand before their rings, and after; rings are watched together."""
    plan = attrs.evolve(SOUND, **with_ring(0, after=(Approval("ops"),)))
    lines = plan.mermaid().splitlines()

    assert "flowchart TB" == lines[0]
    path = "begin --> before1 --> ring1 --> after1 --> before2 --> ring2 --> ring3 --> done"
    assert f"    {path}" in lines
    assert '    before1{{"reviewed"}}' in lines
    assert '        ring1["canary<br/>5 %<br/>bakes 6 h"]' in lines
    watched = '["watched by error rate, latency, user reports, usage"]'
    assert f"    subgraph watched {watched}" in lines


def test_components_are_told() -> None:
    """A component's signals are named with it."""
    health = model(components=[Component("db", [ErrorRate(of="db")])])

    assert "db: " in attrs.evolve(SOUND, health=health).mermaid()


# Documentation

PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "review-a-plan.md"


def block(kind: str) -> str:
    """Return the first block of its kind on the page."""
    found = re.search(rf"```{kind}\n(.*?)\n```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return found[1] if found else ""


def test_the_page_shows_what_its_plan_gives(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The review, the diagram and the picture are those of the plan on the page."""
    program = tmp_path / "page.py"
    program.write_text(block("python"), encoding="utf-8")
    plan: Plan = runpy.run_path(str(program))["plan"]

    assert block("text") == capsys.readouterr().out.rstrip("\n")
    assert block("mermaid") == plan.mermaid()
    assert plan.svg() == PAGE.with_name("plan.svg").read_text(encoding="utf-8").rstrip("\n")
