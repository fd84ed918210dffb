"""Sources: what is read when, and what is said where that goes wrong."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import structlog
from structlog.testing import capture_logs

from safedeploy.audiences import Group
from safedeploy.contexts import Context
from safedeploy.engine import Engine
from safedeploy.errors import DefinitionError, JournalUnavailableError
from safedeploy.flags import FeatureFlag, Reason
from safedeploy.journals import MemoryJournal
from safedeploy.moves import Fate
from safedeploy.sources import Source
from safedeploy.testing import FakeClock
from tests.laws.histories import START
from tests.laws.test_reloading import PLAN


@pytest.fixture(autouse=True)
def structlog_as_it_was() -> Iterator[None]:
    """Leave no trace of what was captured: elsewhere, structlog isn't configured."""
    yield
    structlog.reset_defaults()


SECOND = timedelta(seconds=1)
PERSON = Context("user-17")


class File:
    """A file of JSON in which each flag has a variant that everybody gets."""

    def __init__(self, path: Path, **served: str) -> None:
        self.path = path
        self.reads = 0
        self.write(**served)

    def write(self, **served: str) -> None:
        """Let each flag serve a variant."""
        self.path.write_text(json.dumps(served), encoding="utf-8")

    def read(self, path: Path) -> Mapping[str, FeatureFlag[Any]]:
        """Return the definitions."""
        self.reads += 1
        try:
            served = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            raise DefinitionError("line 1", PERSON.key, "close the bracket") from None
        return {key: FeatureFlag(key, {"a": 1, "b": 2}, it, off="a") for key, it in served.items()}


class Host:
    """An engine that follows a file."""

    def __init__(self, file: File, journal: MemoryJournal | None = None) -> None:
        self.clock = FakeClock(START)
        self.engine = Engine(clock=self.clock, journal=journal)
        self.file = file
        self.source = self.engine.follow(file.read, file.path, plan=PLAN)

    def tick(self) -> list[str]:
        """Tick a second later, and return what was logged."""
        self.clock.advance(SECOND)
        with capture_logs() as logs:
            self.engine.tick()
        return [entry["event"] for entry in logs]

    def reason(self, key: str = "shop") -> Reason:
        """Return why somebody gets what they get."""
        return self.engine.evaluate(self.source.flags[key], PERSON).reason


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """Follow a file of one flag."""
    return Host(File(tmp_path / "flags.json", shop="a"))


def test_a_file_is_followed(host: Host) -> None:
    """What has changed in it is released."""
    assert Fate.TAKEN is host.source.reloaded.moves["shop"].fate  # type: ignore[union-attr]
    host.file.write(shop="b")
    assert [] == host.tick()
    [rollout] = host.engine.rollouts()
    assert "shop" == rollout.change.name
    assert (host.source,) == host.engine.sources()
    assert "<Source 'flags.json': 1 flags>" == repr(host.source)


def test_a_file_is_read_when_it_has_changed(host: Host) -> None:
    """And once more, for it may have changed again within a tick of its own clock; then no more."""
    for _ in range(5):
        host.tick()
    assert 2 == host.file.reads
    host.file.write(shop="a", more="a")
    for _ in range(5):
        host.tick()
    assert 4 == host.file.reads


def test_a_source_is_looked_at_every_so_often(host: Host) -> None:
    """However often the engine ticks; and the engine asks to be called that often."""
    assert SECOND == host.engine.tick()
    host.file.write(shop="b")
    host.engine.tick()
    assert () == host.engine.rollouts()
    host.tick()
    assert 1 == len(host.engine.rollouts())
    slow = Engine(clock=host.clock)
    slow.follow(host.file.read, host.file.path, plan=PLAN, every=timedelta(seconds=7))
    assert timedelta(seconds=7) == slow.tick()


def test_a_function_is_asked_each_time() -> None:
    """It reads whatever it likes; what is the same stays as it is."""
    clock, asked = FakeClock(START), list[int]()
    engine = Engine(clock=clock)

    def read() -> list[FeatureFlag[bool]]:
        asked.append(1)
        return [FeatureFlag.boolean("shop")]

    source = engine.follow(read, plan=PLAN)
    flags = source.flags
    for _ in range(3):
        clock.advance(SECOND)
        engine.tick()
    assert 4 == len(asked)
    assert flags is source.flags
    assert "test_a_function_is_asked_each_time.<locals>.read" == source.name


def test_what_has_no_name_has_that_of_its_kind(host: Host) -> None:
    """Whatever can be called may be followed."""

    class Database:
        def __call__(self) -> list[FeatureFlag[bool]]:
            return []

    assert "Database" in host.engine.follow(Database(), plan=PLAN).name


@pytest.mark.parametrize("trouble", ["broken", "gone"])
def test_a_bad_file_keeps_the_last_good_one(host: Host, trouble: str) -> None:
    """It says so, once; nothing personal is in what it says; and it recovers by itself."""
    before = host.source.flags
    text = host.file.path.read_text(encoding="utf-8")
    if trouble == "broken":
        host.file.path.write_text("{", encoding="utf-8")
    else:
        host.file.path.rename(host.file.path.with_suffix(".away"))
    assert ["definitions are stale"] == host.tick()
    assert [] == host.tick() + host.tick()
    assert before is host.source.flags
    assert (Reason.STALE, START + SECOND) == (host.reason(), host.source.since)
    assert "stale since 2" in repr(host.source)
    assert str(PERSON.key) not in repr(host.source)
    if trouble == "broken":
        assert "line 1: close the bracket" == host.source.trouble
        host.file.path.write_text(text, encoding="utf-8")
    else:
        assert "FileNotFoundError" == host.source.trouble
        host.file.path.with_suffix(".away").rename(host.file.path)
    assert ["definitions are current again"] == host.tick()
    assert (Reason.STATIC, None, "") == (host.reason(), host.source.since, host.source.trouble)


def test_a_file_that_breaks_and_is_undone_is_current_again(host: Host) -> None:
    """Even where its size and times are what they were."""
    before = host.file.path.stat()
    host.file.path.write_text('{"shop": !!}', encoding="utf-8")
    host.tick()
    assert host.source.trouble
    host.file.write(shop="a")
    os.utime(host.file.path, ns=(before.st_atime_ns, before.st_mtime_ns))
    host.tick()
    assert not host.source.trouble


def test_only_what_is_not_current_is_stale(host: Host) -> None:
    """Of another source, or of the code, an answer is as ever."""
    other = FeatureFlag.boolean("other")
    host.engine.follow(lambda: [other], plan=PLAN)
    host.file.path.write_text("{", encoding="utf-8")
    host.tick()
    assert Reason.STALE is host.reason()
    assert Reason.DISABLED is host.engine.evaluate(other, PERSON).reason


def test_a_stale_answer_explains_itself(host: Host) -> None:
    """It keeps its value, version and rule, and says what is wrong, without the details."""
    flag = host.source.flags["shop"]
    before = host.engine.evaluate(flag, PERSON)
    host.file.path.write_text("{", encoding="utf-8")
    host.tick()
    found = host.engine.evaluate(flag, PERSON)
    why = "the last known good: flags.json can't be used"
    assert (before.value, before.version, why) == (found.value, found.version, found.detail)
    assert why in host.engine.explain(flag, PERSON)
    assert 1 == host.engine.value(flag, PERSON)
    with host.engine.guard(flag, PERSON) as exposure:
        assert Reason.STALE is exposure.resolution.reason


def test_what_an_operator_says_is_never_stale(host: Host) -> None:
    """A kill and an override are of now, whatever the file says."""
    flag = host.source.flags["shop"]
    host.file.path.write_text("{", encoding="utf-8")
    host.tick()
    until, how = START + timedelta(days=1), {"by": "7", "reason": "to debug"}
    host.engine.override(flag, "b", audience=~Group("staff"), until=until, **how)
    assert Reason.OVERRIDE is host.reason()
    host.engine.kill(flag, by="7", reason="it burns")
    assert Reason.DISABLED is host.reason()


def test_a_bad_file_at_the_start_leaves_what_the_journal_knows(tmp_path: Path) -> None:
    """The last known good outlives the process; a release that completed since as well."""
    journal, file = MemoryJournal(), File(tmp_path / "flags.json", shop="a", more="b")
    Host(file, journal)
    file.path.write_text("{", encoding="utf-8")
    with capture_logs() as logs:
        host = Host(file, journal)
    assert ["definitions are stale"] == [entry["event"] for entry in logs]
    assert {"shop", "more"} == set(host.source.flags)
    assert (Reason.STALE, 2) == (
        host.reason("more"),
        host.engine.value(host.source.flags["more"], PERSON),
    )
    file.write(shop="a", more="b")
    assert ["definitions are current again"] == host.tick()


def test_a_bad_file_at_the_very_start_is_raised(tmp_path: Path) -> None:
    """There is nothing to serve, and nobody waits for an answer yet."""
    file = File(tmp_path / "flags.json")
    file.path.write_text("{", encoding="utf-8")
    with pytest.raises(DefinitionError, match="close the bracket"):
        Host(file)


def test_what_was_refused_is_tried_again(host: Host) -> None:
    """It is told once; when what stood in its way is over, it is released."""
    flag = host.source.flags["shop"]
    rollout = host.engine.release(flag.disable(), PLAN)
    host.file.write(shop="b")
    assert ["refused"] == host.tick()
    assert [] == host.tick()
    assert ("shop",) == host.source.reloaded.refused  # type: ignore[union-attr]
    host.engine.abort(rollout, by="7", reason="better not")
    host.tick()
    assert [] == host.tick()
    assert () == host.source.reloaded.refused  # type: ignore[union-attr]
    assert 2 == len(host.engine.rollouts())


def test_a_journal_that_is_away_makes_definitions_stale(tmp_path: Path) -> None:
    """What is in the file can't be brought to people; it is when the journal is back."""
    journal = MemoryJournal()
    host = Host(File(tmp_path / "flags.json", shop="a"), journal)
    host.file.write(shop="b")
    away = JournalUnavailableError("journal", "rollouts.db", "wait")
    with patch.object(journal, "append", side_effect=away):
        assert ["definitions are stale"] == host.tick()
        assert "journal: wait" == host.source.trouble
        assert Reason.STALE is host.reason()
    assert ["definitions are current again"] == host.tick()
    assert 1 == len(host.engine.rollouts())


def test_one_looks_at_a_time(host: Host) -> None:
    """While one thread reads, others tick on."""
    host.file.write(shop="b")
    with host.engine._fleet().keeper._polling:
        host.tick()
    assert () == host.engine.rollouts()
    host.engine._restart()
    host.tick()
    assert 1 == len(host.engine.rollouts())


def test_a_source_that_nobody_reads_is_none(host: Host) -> None:
    """A plan or a reason, as for any reload."""
    with pytest.raises(DefinitionError, match=r"^plan="):
        host.engine.follow(list)
    assert isinstance(host.source, Source)
