"""A team's own deployer on the pure core: the whole shell in one screen, without an engine.

A rollout is a value: `transition` takes it and an event, and returns the next value and commands.
This shell appends each event to a journal first and acts on the commands after, so when the power
fails in between, what is still owed can be read from the journal. In the end, the journal's fold is
the rollout, to the last field.
"""

from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from safedeploy import (
    Change,
    Check,
    Completed,
    ErrorRate,
    HealthModel,
    MemoryJournal,
    Plan,
    Ring,
    Rollout,
    Usage,
    exposure,
    fold,
    pending,
    transition,
)
from safedeploy.assessments import assess
from safedeploy.commands import Apply, Ask, Assess, Command, Wake
from safedeploy.events import Answered, Applied, Event, Started
from safedeploy.gates import Answer
from safedeploy.verdicts import Counts, Measurement

EVERY = timedelta(minutes=10)
PLAN = Plan(
    before=(Check("reviewed"),),
    rings=(
        Ring("canary", percent=5, bake=timedelta(minutes=30)),
        Ring("everyone", percent=100, bake=timedelta(hours=1)),
    ),
    health=HealthModel(ErrorRate(tolerate=1.25), Usage(at_least=100)),
    must_see=5,  # a ring isn't left before five times the failures would have been noticed
    assess_every=EVERY,
)


class World:
    """Stand in for what a team has: a cluster, a scheduler, and the events that they send back."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.inbox: deque[Event] = deque()
        self.deployed: dict[str, str] = {}
        self.watched = ""
        self.alarm = now

    def act(self, command: Command) -> None:
        """Carry out a command; what comes of it is in the inbox."""
        match command:
            case Ask(gate=gate):
                self.inbox.append(Answered(self.now, gate, Answer.OPENS, "by two people"))
            case Apply(id=key, change=change, ring=ring, epoch=epoch):
                self.deployed[key] = f"{change.version} to {ring}"  # idempotent by the key
                self.inbox.append(Applied(self.now, ring, epoch))
            case Assess(ring=ring):
                self.watched = ring
            case Wake(at=at):
                self.alarm = at
            case _:
                pass  # a later version may add commands

    def measure(self, share: float) -> Measurement:
        """Return ten minutes of 100,000 requests, of which one in a thousand fails everywhere."""
        canary = round(1000 * share)
        arms = [Counts(n, units=n, failures=n // 1000, fresh=n) for n in (canary, 100_000 - canary)]
        return Measurement(self.now - EVERY, self.now, arms[0], arms[1], source="our own monitor")


def drive(rollout: Rollout, world: World, journal: MemoryJournal) -> Rollout:
    """Apply the events that have come in, and those that acting on them brings about."""
    while world.inbox:
        event = world.inbox.popleft()
        rollout, commands = transition(rollout, event)
        journal.append(rollout.id, [event], expected=rollout.version - 1)  # save, then act
        show(rollout, event)
        for command in commands:
            world.act(command)
    return rollout


def resume(stream: Sequence[Event], world: World, journal: MemoryJournal) -> Rollout:
    """Go on from what a journal says: carry out whatever is still owed."""
    rollout = fold(stream)
    for command in pending(rollout):
        world.act(command)
    return drive(rollout, world, journal)


def show(rollout: Rollout, event: Event) -> None:
    """Print where a rollout stands, and what share of the traffic the router gives it."""
    share, name = exposure(rollout).percent, type(event).__name__
    print(f"{event.at:%H:%M}  {name:8}  {rollout.state.label:9} {share:5g} %  {event.reason}")


def lose_power_after_saving(world: World, journal: MemoryJournal) -> str:
    """Save that a gate has opened, and do nothing of what that asks for. Return the stream."""
    started = Started(world.now, Change.code("checkout", version="4.2.0"), PLAN)
    answered = Answered(world.now, "reviewed", Answer.OPENS, "by two people")
    name = fold([started]).id
    journal.append(name, [started, answered], expected=0)
    return name


def main() -> None:
    """Deploy a service ring by ring, in spite of a power failure at the start."""
    journal, world = MemoryJournal(), World(datetime(2026, 1, 1, 9, tzinfo=UTC))
    name = lose_power_after_saving(world, journal)
    assert not world.deployed
    rollout = resume(journal.read(name), world, journal)
    assert list(world.deployed.values()) == ["4.2.0 to canary"]
    while rollout.in_flight:
        world.now += EVERY
        measured = world.measure(exposure(rollout).percent)
        world.inbox.append(assess(rollout, measured, world.now, EVERY))
        rollout = drive(rollout, world, journal)

    assert isinstance(rollout.state, Completed)
    assert world.watched == "everyone"
    assert list(world.deployed.values()) == ["4.2.0 to canary", "4.2.0 to everyone"]
    assert exposure(rollout).percent == 100
    assert fold(journal.read(name)) == rollout
    print(f"{rollout.change}: {len(journal.read(name))} events fold to the same rollout")


if __name__ == "__main__":
    main()
