import io
import json
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any

import attrs
import pytest

from safedeploy import explanations, screens, status
from safedeploy.__main__ import main
from safedeploy.audiences import Group
from safedeploy.changes import Change, ChangeKind
from safedeploy.engine import Engine
from safedeploy.events import (
    Aborted,
    Alerted,
    Answered,
    Applied,
    Assessed,
    Defined,
    Event,
    Killed,
    RecoveryStarted,
    Resumed,
    Started,
    Unknown,
    Withdrawn,
    Woken,
)
from safedeploy.flags import FeatureFlag
from safedeploy.gates import Answer
from safedeploy.health import HealthModel
from safedeploy.journals import Journal, Lease, MemoryJournal, SqliteJournal
from safedeploy.rollouts import begin, fold, following
from safedeploy.signals import Criteria, Health, Usage
from safedeploy.states import Rollout
from safedeploy.testing import FakeClock
from safedeploy.verdicts import Finding, Measurement, Verdict
from tests.laws.histories import EVERY, START, assessed, plan, promoted, started
from tests.laws.test_reloading import PLAN

ZEROS = 64 * "0"
NOW = START + timedelta(minutes=5)
SOON, HOUR = START + timedelta(minutes=1), timedelta(hours=1)
SHOP = FeatureFlag.boolean("shop")
REVIEWED = Answered(START, "reviewed", Answer.OPENS)
APPLIED = Applied(START, "canary", 1)


class Colour(Enum):
    RED = 1
    BLUE = 2


@attrs.frozen
class Mood:
    """A host's own signal, which remembers the canary's exposures."""

    name = "mood"
    spends_alpha = False

    def start(self) -> Colour:
        return Colour.RED

    def enter(self, memory: Colour) -> Colour:
        return memory

    def observe(self, memory: Colour, measurement: Measurement, progress: float) -> Colour:
        return memory

    def judge(self, memory: Colour, health: Health, criteria: Criteria) -> Finding:
        return Finding(self.name, Verdict.NO_DATA, "nobody smiles", remaining=3)

    def can_notice(self, criteria: Criteria) -> bool:
        return True


def judged(*events: Event, verdict: Verdict, **changed: Any) -> Assessed:
    """Make the assessment that comes after some events."""
    rollout = fold([started(), *events])
    event = assessed(rollout, verdict, rollout.at + EVERY)
    return attrs.evolve(event, evidence=attrs.evolve(event.evidence, **changed))


def passed(rollout: Rollout) -> Assessed:
    return assessed(rollout, Verdict.PASS, rollout.at + EVERY)


def completed(first: Started) -> list[Event]:
    """Make the shortest stream that completes."""
    rollout, events = begin(first), list[Event]([first])
    gates = [check.name for number in range(3) for check in rollout.plan.gates(number)]
    opened: list[Callable[[Rollout], Event]] = [
        lambda it, gate=gate: Answered(it.at, gate, Answer.OPENS)  # type: ignore[misc]
        for gate in gates
    ]
    for step in [
        opened[0],
        lambda it: Applied(it.at, "canary", 1),
        passed,
        passed,
        passed,
        *opened[1:],
        lambda it: Applied(it.at, "half", 2),
        passed,
        passed,
        passed,
        lambda it: Applied(it.at, "everyone", 3),
        passed,
        passed,
        passed,
    ]:
        events.append(step(rollout))
        rollout = following(rollout, events[-1])
    return events


def painted(now: str, then: str) -> list[Event]:
    """Make a stream full of a host's own classes: its fourth event is without data."""
    flag = FeatureFlag("paint", {"red": Colour.RED, "blue": Colour.BLUE}, now)
    model, definition = HealthModel(Mood(), Usage(at_least=1)), flag.serve(then)
    hosts = attrs.evolve(plan(), health=model)
    events = completed(Started(START, definition.change(), hosts, definition=definition))
    rollout = fold(events[:3])
    findings = model.judge(rollout.health, rollout.plan.criteria(0, START))
    judgement = assessed(rollout, Verdict.NO_DATA, START + EVERY)
    evidence = attrs.evolve(judgement.evidence, findings=findings)
    return [*events[:3], attrs.evolve(judgement, evidence=evidence), *events[3:]]


def keep(journal: Journal, *streams: list[Event]) -> Journal:
    """Append streams that each begin with a start, or hold kills."""
    for number, events in enumerate(streams):
        first = events[0]
        name = begin(first).id if isinstance(first, Started) else f"kills/{number}"
        journal.append(name, events, expected=0)
    return journal


def told(*streams: list[Event], at: datetime = NOW) -> dict[str, Any]:
    return status.summarize(keep(MemoryJournal(), *streams), at)


def release(version: str, at: datetime = START) -> Started:
    return attrs.evolve(started(), at=at, change=Change.code("shop", version=version))


def flagged() -> Started:
    return attrs.evolve(started(), change=Change(ChangeKind.FLAG, "shop", "1"))


def kill(at: datetime) -> list[Event]:
    return [Killed(at, "shop", "user-7", "it burns")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal with a rollout that waits for a gate."""
    made = tmp_path / "rollouts.db"
    keep(SqliteJournal(made), [started()])
    return made


def failed(arguments: list[str], capsys: pytest.CaptureFixture[str], end: int = 1) -> str:
    """Run a status that fails, and return the one line that it says."""
    assert end == main(["status", *arguments])

    said = capsys.readouterr()
    assert ("", 1) == (said.out, said.err.count("\n"))
    return said.err


# What a rollout waits for


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (
            [],
            ["for reviewed", "until 2026-01-01 01:00:00 UTC (in 55 min): then a person is called"],
        ),
        (
            [REVIEWED],
            [
                "for the next tick: it applies ring canary",
                "until 2026-01-01 01:00:00 UTC (in 55 min): then a person is called",
            ],
        ),
        (
            [REVIEWED, APPLIED],
            [
                "for 20 s of its 20 s of bake, as last recorded",
                "for the first assessment of this ring",
                "until 2026-01-01 01:00:00 UTC (in 55 min): then a person is called",
            ],
        ),
        (
            [REVIEWED, APPLIED, judged(REVIEWED, APPLIED, verdict=Verdict.NO_DATA)],
            [
                "for 10 s of its 20 s of bake, as last recorded",
                "for made up: because",
                "until 2026-01-01 01:00:00 UTC (in 55 min): then a person is called",
            ],
        ),
        (
            [Woken(START + timedelta(hours=1))],
            ["for reviewed", "for a person: look why {id} is late in ring canary"],
        ),
        (
            [Alerted(START, by_user=False, reason="it hurts")],
            [
                "for a person: decide whether {id} goes on: it hurts",
                "until 2026-01-01 01:00:00 UTC (in 55 min): then it halts",
            ],
        ),
        ([Aborted(START, "user-7", "no")], ["for the next tick: it begins the recovery"]),
        (
            [Aborted(START, "user-7", "no"), RecoveryStarted(START, "at once")],
            ["for the next tick: it withdraws the change"],
        ),
        (
            [
                Aborted(START, "user-7", "no"),
                RecoveryStarted(START, "at once"),
                Withdrawn(START),
            ],
            [],
        ),
    ],
)
def test_what_a_rollout_waits_for_follows_from_its_state(
    events: list[Event], expected: list[str]
) -> None:
    """Gates, bake, evidence, people, ticks, and the deadline last."""
    rollout = fold([started(), *events])

    texts = [wait["text"] for wait in explanations.waits(rollout, NOW)]
    assert [text.format(id=rollout.id) for text in expected] == texts


def test_evidence_says_what_is_worst_and_how_much_is_lacking() -> None:
    """Of what signals found, the worst is waited for, with the units that are still needed."""
    findings = (
        Finding("errors", Verdict.INCONCLUSIVE, "too few", remaining=40),
        Finding("usage", Verdict.PASS, "used"),
    )
    judgement = judged(REVIEWED, APPLIED, verdict=Verdict.PASS, findings=findings)
    rollout = fold([started(), REVIEWED, APPLIED, judgement])

    [found] = [it for it in explanations.waits(rollout, NOW) if it["kind"] == "evidence"]
    assert {"kind": "evidence", "text": "for errors: too few", "units": 40} == found


def test_what_a_person_has_accepted_is_not_waited_for() -> None:
    """But the silence about which somebody was called is."""
    findings = (
        Finding("reports", Verdict.INVESTIGATE, "one"),
        Finding("usage", Verdict.INVESTIGATE, "nobody", was=Verdict.NO_DATA),
    )
    judgement = judged(REVIEWED, APPLIED, verdict=Verdict.PASS, findings=findings)
    paused = fold([started(), REVIEWED, APPLIED, judgement])
    rollout = following(paused, Resumed(NOW, "7", "we know"))

    [found] = [it for it in explanations.waits(rollout, NOW) if it["kind"] == "evidence"]
    assert "for usage: nobody" == found["text"]


def test_who_has_baked_waits_for_the_last_assessment() -> None:
    """Nothing is wrong and nothing lacks: what comes next moves it on."""
    rollout = fold([attrs.evolve(started(), plan=plan(bake=timedelta(0))), REVIEWED, APPLIED])
    [finding] = judged(REVIEWED, APPLIED, verdict=Verdict.PASS).evidence.findings
    unused = attrs.evolve(assessed(rollout, Verdict.PASS, START).evidence, findings=(finding,))

    [first, _] = explanations.waits(attrs.evolve(rollout, evidence=unused), NOW)
    assert "assessment" == first["kind"]


def test_who_was_promoted_waits_for_the_next_assessment() -> None:
    """And for no bake."""
    rollout = fold([started(), REVIEWED, APPLIED])
    rollout = following(rollout, promoted(rollout, rollout.at))

    assert "assessment" == next(iter(explanations.waits(rollout, NOW)))["kind"]


def test_what_passes_waits_for_its_bake_alone() -> None:
    """Evidence that nothing is worse isn't waited for."""
    judgement = judged(REVIEWED, APPLIED, verdict=Verdict.PASS)
    rollout = fold([started(), REVIEWED, APPLIED, judgement])

    kinds = [wait["kind"] for wait in explanations.waits(rollout, NOW)]
    assert ["bake", "deadline"] == kinds


def test_a_ring_that_waits_for_gates_is_not_waiting_for_evidence() -> None:
    """While the next ring is pending, health is watched, but only a halt would matter."""
    rollout = fold(completed(release("2"))[:6])

    kinds = [wait["kind"] for wait in explanations.waits(rollout, NOW)]
    assert ["gate", "gate", "deadline"] == kinds


def test_a_deadline_that_has_passed_says_so() -> None:
    """Where nobody ticks, a deadline lies in the past."""
    [_, last] = explanations.waits(fold([started()]), START + timedelta(hours=50))

    expected = "until 2026-01-01 01:00:00 UTC (2 d 1 h ago): then a person is called"
    assert expected == last["text"]


# What people read


def test_people_read_it_at_a_glance() -> None:
    """Each rollout is a block, the newest last; then come kills, the driver and the head."""
    journal = keep(
        MemoryJournal(),
        [release("1"), Alerted(START, by_user=True, reason="it hurts")],
        [release("2"), REVIEWED, APPLIED, judged(REVIEWED, APPLIED, verdict=Verdict.NO_DATA)],
        kill(START),
    )
    journal.claim("4242-1a2b", after=Lease())

    assert f"""\
service:shop@1/{plan().digest[:12]}/1
  state   halted, ring canary (1 of 3), 0 % exposed
  since   2026-01-01 00:00:00 UTC (5 min ago)
  why     it hurts
  waits   for the next tick: it begins the recovery

service:shop@2/{plan().digest[:12]}/1
  state   baking, ring canary (1 of 3), 1 % exposed
  since   2026-01-01 00:00:00 UTC (5 min ago)
  waits   for 10 s of its 20 s of bake, as last recorded
          for made up: because
          until 2026-01-01 01:00:00 UTC (in 55 min): then a person is called

killed  shop, since 2026-01-01 00:00:00 UTC (5 min ago): it burns
driver  4242-1a2b
head    {journal.head()}""" == screens.render(status.summarize(journal, NOW))


def test_an_empty_journal_has_no_rollouts() -> None:
    """Nothing is said of rollouts where there are none, and nobody drives."""
    expected = f"There are no rollouts.\n\ndriver  nobody\nhead    0:{ZEROS}"
    assert expected == screens.render(told())


def test_what_moves_a_cursor_is_not_printed() -> None:
    """A reason is one line of text, whatever is in it."""
    halted: list[Event] = [started(), Aborted(START, "user-7", "red\x1b[31m\nforged: line")]

    assert "  why     red?[31m?forged: line" in screens.render(told(halted)).splitlines()


def test_nobody_is_named() -> None:
    """Who released, aborted, recovered or killed stays in the journal."""
    change = attrs.evolve(started().change, author="user-7")
    halted: list[Event] = [
        attrs.evolve(started(), change=change),
        Aborted(START, "user-7", "no"),
        RecoveryStarted(START, "because (user-7)"),
    ]
    facts = told(halted, kill(START))

    assert "user-7" not in screens.render(facts) + json.dumps(facts, default=str)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0 s"),
        (1.25, "1.2 s"),
        (59, "59 s"),
        (60, "1 min"),
        (61, "1 min 1 s"),
        (3600, "1 h"),
        (3661, "1 h 1 min"),
        (90_000, "1 d 1 h"),
        (86_401, "1 d"),
    ],
)
def test_a_length_of_time_has_two_units_at_most(seconds: float, expected: str) -> None:
    """What is small beside the rest isn't said."""
    at = START + timedelta(seconds=seconds)
    block = screens.render(told([started()], at=at)).splitlines()

    assert f"  since   2026-01-01 00:00:00 UTC ({expected} ago)" == block[2]


# What settled a flag


def test_a_completed_rollout_has_everybody() -> None:
    """A rollout that completed last is what everybody gets."""
    [facts] = told(completed(release("1")))["rollouts"]

    assert ("completed", 100.0, None) == (
        facts["state"],
        facts["exposed_percent"],
        facts["replaced_by"],
    )
    assert () == facts["waits"]


def test_a_later_release_replaces_an_earlier_one() -> None:
    """Nobody has what another completed release has replaced."""
    later = completed(release("2", at=START + timedelta(days=1)))
    facts = told(completed(release("1")), later)

    expected = [(0.0, "release"), (100.0, None)]
    assert expected == [(it["exposed_percent"], it["replaced_by"]) for it in facts["rollouts"]]
    assert "  state   completed, then replaced by a release" in screens.render(facts).splitlines()


def test_a_kill_replaces_what_has_completed() -> None:
    """A kill at or after the completion takes the change from everybody."""
    events = completed(flagged())
    facts = told(events, kill(fold(events).state.since))

    [rollout] = facts["rollouts"]
    assert (0.0, "kill") == (rollout["exposed_percent"], rollout["replaced_by"])
    assert ["it burns"] == [each["reason"] for each in facts["killed"]]


def test_a_kill_of_a_flag_replaces_no_service_of_its_name() -> None:
    """They are two subjects."""
    events = completed(release("1"))
    [rollout] = told(events, kill(fold(events).state.since))["rollouts"]
    assert (100.0, None) == (rollout["exposed_percent"], rollout["replaced_by"])


def test_a_completion_lifts_an_earlier_kill() -> None:
    """A flag isn't killed any more once a later release of it has completed."""
    facts = told(kill(START), completed(flagged()))

    [rollout] = facts["rollouts"]
    assert (100.0, None) == (rollout["exposed_percent"], rollout["replaced_by"])
    assert [] == facts["killed"]


def operated() -> Engine:
    """Return an engine whose operators have been busy."""
    engine = Engine(clock=FakeClock(START), journal=MemoryJournal())
    engine.reload([SHOP, FeatureFlag.boolean("other")], plan=PLAN)
    engine.override(SHOP, "on", audience=Group("user-7"), until=NOW + HOUR, by="7", reason="look")
    engine.override(SHOP, "off", audience=Group("x"), until=SOON, by="7", reason="over")
    return engine


def facts_of(engine: Engine, at: datetime = NOW) -> dict[str, Any]:
    """Return what its journal says."""
    assert engine._journal is not None
    return status.summarize(engine._journal, at)


def test_overrides_that_stand_are_shown() -> None:
    """With their end and their reason; not for whom, which may be personal."""
    facts = facts_of(operated())
    [override] = facts["overrides"]
    assert {
        "override": "shop#1",
        "flag": "shop",
        "variant": "on",
        "until": NOW + HOUR,
        "reason": "look",
    } == override
    text = screens.render(facts)
    assert re.search(r"^override +shop#1: on, until .* \(in 1 h\): look$", text, re.MULTILINE)
    assert "user-7" not in text + json.dumps(facts, default=str)


def test_overrides_that_a_halt_has_ended_are_not_shown() -> None:
    """Nor those that were given to somebody before a kill."""
    engine = operated()
    rollout = engine.release(SHOP.serve("on"), PLAN)
    assert 1 == len(facts_of(engine)["overrides"])
    engine.abort(rollout, by="7", reason="better not")
    assert [] == facts_of(engine)["overrides"]


def test_what_was_defined_without_a_release_is_shown() -> None:
    """The latest, and how often; all of it to programs. It replaces what has completed."""
    engine = operated()
    text = screens.render(facts_of(engine))
    told = r"^defined +2 flags without a release, .* ago\): the first definitions of this journal$"
    assert re.search(told, text, re.MULTILINE)
    engine.reload([SHOP.serve("on")], unguarded="it burns", by="7")
    facts = facts_of(engine)
    assert [["shop", "other"], ["shop"]] == [each["flags"] for each in facts["defined"]]
    assert "ago), the last of 2 times: it burns" in screens.render(facts)


def test_a_reload_replaces_what_has_completed() -> None:
    """Nobody has by the release what everybody was given for a reason."""
    events = completed(flagged())
    since = fold(events).state.since
    flag = FeatureFlag.boolean(fold(events).change.name)
    before, after = (Defined(since + it, (flag,), "7", "it burns") for it in (-HOUR, HOUR))
    for event, by in ((before, None), (after, "reload")):
        [rollout] = told(events, [event])["rollouts"]
        assert by == rollout["replaced_by"]


# What this version can't read


def test_what_a_later_version_recorded_is_said() -> None:
    """Where one event can't be read, the state is told with a doubt."""
    time = '{"$":"time","is":"2026-01-01T00:00:00+00:00"}'
    later = Unknown(START, "Postponed", f'{{"$":"Postponed","at":{time}}}')
    facts = told([started(), later])

    [rollout] = facts["rollouts"]
    assert (1, "pending") == (rollout["unread_events"], rollout["state"])
    block = screens.render(facts).splitlines()
    place = "pending, ring canary (1 of 3), 0 % exposed, as far as it can be read"
    assert f"  state   {place}" in block
    assert "  unread  1 of 2 events, recorded by a later version" in block
    assert "          the last is Postponed, 2026-01-01 00:00:00 UTC (5 min ago)" in block


@pytest.mark.parametrize("text", ['{"$":"Started"}', '{"$":"Started","plan":{"health":1}}'])
def test_a_beginning_that_cannot_be_read_leaves_the_state_open(text: str) -> None:
    """Without its beginning, a rollout is listed by its id and its last event."""
    journal = MemoryJournal()
    journal.append("service:shop@2/abc/1", [Unknown(START, "Started", text), REVIEWED], expected=0)
    facts = status.summarize(journal, NOW)

    [rollout] = facts["rollouts"]
    assert (None, "Answered") == (rollout["state"], rollout["last_event"]["kind"])
    assert screens.render(facts).startswith("service:shop@2/abc/1\n  state   can't be told\n")


def test_a_kill_that_cannot_be_read_is_counted() -> None:
    """What a later version recorded beside the rollouts isn't passed over."""
    facts = told([Unknown(START, "Killed", '{"$":"Killed"}')])

    assert (1, []) == (facts["unread_events"], facts["killed"])
    assert "unread  1 events besides" in screens.render(facts).splitlines()


def test_a_record_that_makes_no_sense_spoils_no_other() -> None:
    """A forged event may be of the right kind and hold anything: the rest is shown."""
    nonsense: Any = 7
    forged = attrs.evolve(judged(REVIEWED, APPLIED, verdict=Verdict.PASS), evidence=nonsense)
    streams: list[list[Event]] = [[release("1"), REVIEWED, APPLIED, forged], [release("2")]]

    assert [None, "pending"] == [it["state"] for it in told(*streams)["rollouts"]]


def test_times_without_a_zone_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host's own clock may have told no zone: its times are taken for UTC, wherever it is."""
    naive = START.replace(tzinfo=None)
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        text = screens.render(told([release("1", at=naive)], kill(naive)))
    time.tzset()

    assert 2 == text.count("2026-01-01 00:00:00 UTC (5 min ago)")


def test_a_hosts_own_classes_are_not_needed(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where a rollout stands doesn't depend on the host's signals and values of flags."""
    journal = SqliteJournal(path, kinds=[Mood, Colour])
    keep(journal, painted("red", "blue"), painted("blue", "red")[:4])

    assert 0 == main(["status", str(path), "--json"])
    _, done, begun = json.loads(capsys.readouterr().out)["rollouts"]
    assert [("completed", 0), ("baking", 0)] == [
        (each["state"], each["unread_events"]) for each in (done, begun)
    ]
    assert journal.streams()[2] == begun["id"]
    assert "for mood: nobody smiles" in [wait["text"] for wait in begun["waits"]]


def test_a_person_is_told_the_name_of_a_rollout_with_a_hosts_classes(path: Path) -> None:
    """What a person has to do names the rollout as the journal has it."""
    journal = SqliteJournal(path, kinds=[Mood, Colour])
    keep(journal, [painted("red", "blue")[0], Alerted(START, by_user=False, reason="it hurts")])

    _, facts = status.summarize(SqliteJournal(path, read_only=True), NOW)["rollouts"]
    duty = f"for a person: decide whether {journal.streams()[1]} goes on: it hurts"
    assert duty == facts["waits"][0]["text"]


# The command line


def test_json_has_the_same_facts(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--json` prints one object with stable names."""
    assert 0 == main(["status", str(path), "--json"])

    facts = json.loads(capsys.readouterr().out)
    assert re.fullmatch("1:[0-9a-f]{64}", facts["head"])
    assert [
        "journal",
        "kept_head",
        "at",
        "rollouts",
        "killed",
        "overrides",
        "defined",
        "unread_events",
        "driver",
        "head",
    ] == list(facts)
    [rollout] = facts["rollouts"]
    gate, deadline = rollout.pop("waits")
    first, *_ = rollout.pop("steps")
    ahead = {"ring": "canary", "percent": 1.0, "state": "pending", "bake": 20.0, "baked": None}
    assert ahead == first
    assert {"kind": "gate", "text": "for reviewed", "gate": "reviewed"} == gate
    assert ("deadline", "2026-01-01T01:00:00+00:00") == (deadline["kind"], deadline["at"])
    assert {
        "id": fold([started()]).id,
        "state": "pending",
        "events": 1,
        "unread_events": 0,
        "last_event": {"kind": "Started", "at": "2026-01-01T00:00:00+00:00"},
        "ring": "canary",
        "ring_number": 1,
        "rings": 3,
        "exposed_percent": 0.0,
        "since": "2026-01-01T00:00:00+00:00",
        "reason": None,
        "replaced_by": None,
    } == rollout


def test_a_kept_head_is_looked_for(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was appended since a head was kept leaves it valid; another journal's isn't."""
    kept = str(SqliteJournal(path).head())
    keep(SqliteJournal(path), [release("3")])
    assert 0 == main(["status", str(path), "--head", kept])
    capsys.readouterr()

    for foreign in (f"1:{ZEROS}", f"7{kept}", f"{10**17}:{ZEROS}"):
        said = failed([str(path), "--head", foreign], capsys)
        assert f"{foreign} isn't in it: this entry was altered or is missing: restore" in said


@pytest.mark.parametrize(
    "head", ["", "1", f"-1:{ZEROS}", f"1:{ZEROS}0", "1:" + 64 * "A", f"{10**18}:{ZEROS}"]
)
def test_what_is_no_head_is_a_misuse(head: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A head that can't be one ends with status 3 and says what to give."""
    with pytest.raises(SystemExit) as ended:
        main(["status", "rollouts.db", f"--head={head}"])

    assert 3 == ended.value.code
    assert "give POSITION:DIGEST" in capsys.readouterr().err


def test_a_path_that_is_none_is_a_misuse(capsys: pytest.CaptureFixture[str]) -> None:
    """In memory there is nothing to look at."""
    assert 3 == main(["status", ":memory:"])
    assert "give the path of a file" in capsys.readouterr().err


def test_a_missing_file_is_said_and_not_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Looking creates nothing."""
    assert "there is no such file" in failed([str(tmp_path / "none.db")], capsys, 2)
    assert [] == list(tmp_path.iterdir())


def test_a_foreign_file_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither a text nor another application's database is a journal."""
    text, database = tmp_path / "notes.txt", tmp_path / "other.db"
    text.write_text("not a database, but long enough to be looked at\n" * 50)
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE notes(text)")
    connection.close()

    assert "it isn't a journal, or is damaged" in failed([str(text)], capsys)
    assert "it is another application's" in failed([str(database)], capsys)


def test_an_altered_entry_is_said(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A journal that was tampered with isn't shown."""
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE entries SET event = replace(event, 'canary', 'everybody')")
    connection.close()

    assert "position=1: this entry was altered or is missing" in failed([str(path)], capsys)


def test_a_locked_journal_is_said(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Who can't read now is told to try again."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")

    assert "somebody has locked it: try again" in failed([str(path)], capsys, 2)
    other.close()


def test_looking_changes_nothing(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A live journal can be looked at, and its file stays as it was."""
    journal = SqliteJournal(path)
    lease = journal.claim("4242-1a2b", after=Lease())
    mark, before = journal.watch(), path.read_bytes()

    assert 0 == main(["status", str(path)])
    assert "\ndriver  4242-1a2b\n" in capsys.readouterr().out
    assert (mark, before, lease) == (journal.watch(), path.read_bytes(), journal.lease())


def test_what_a_terminal_cannot_show_is_escaped(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A terminal that knows ASCII alone doesn't end it."""
    keep(SqliteJournal(path), [release("3"), Aborted(START, "user-7", "langsam, träge")])
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", terminal)

    assert 0 == main(["status", str(path)])
    terminal.seek(0)
    assert "langsam, tr\\xe4ge" in terminal.read()


def test_what_comes_meanwhile_is_left_for_the_next_look() -> None:
    """The head that is shown names all that is shown."""

    class Live(MemoryJournal):
        def lease(self) -> Lease:
            self.append("service:late@1/abc/1", [started()], expected=0)
            return super().lease()

    assert [] == status.summarize(Live(), NOW)["rollouts"]


def test_the_program_starts_without_sqlite() -> None:
    """Who keeps no journal doesn't wait for what reads one."""
    code = "import sys, safedeploy.__main__; sys.exit('sqlite3' in sys.modules)"

    assert 0 == subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode
