"""Port: Target. Where a change that isn't a flag's is applied: the host's own deployer."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import attrs

from safedeploy.changes import Change
from safedeploy.errors import DefinitionError, TargetError
from safedeploy.retries import retrying
from safedeploy.validators import NOTHING, frozen, several, text

if TYPE_CHECKING:
    from tenacity import Retrying


@attrs.frozen(kw_only=True)
class Order:
    """Say what a target is to do.

    Attributes:
        id: the same for the same thing: whoever was asked already needn't do it twice.
        change: what is released.
        ring: for which ring; when it is withdrawn, the last one that was applied there.
        percent: the share that the target's router is to send to the change; 0 when withdrawn.
        epoch: rises within a rollout with whatever happens. A target that remembers the highest may
            refuse an older one: that is of a process which was suspended and thinks that it drives.
        environment: the name of the environment; empty where there is none.
        parameters: what the target needs, of that environment. There may be secrets among them.
    """

    id: str
    change: Change
    ring: str
    percent: float
    epoch: int
    environment: str = ""
    parameters: Mapping[str, str] = attrs.field(default=NOTHING, converter=frozen, repr=False)


class Target(Protocol):
    """Apply changes, and withdraw them. `TARGET_CONTRACT` in `testing` checks what is said here.

    Each method is called in a thread of its own, and may take its time: no tick waits for it. What
    it raises is a failure; of a `TargetError` the text is recorded, else only the type.
    """

    @property
    def name(self) -> str:
        """What plans call it."""
        ...

    @property
    def needs(self) -> Collection[str]:
        """The parameters that it needs, by name."""
        ...

    def apply(self, order: Order) -> None:
        """Bring the change to the share that is ordered, and return when it is there.

        It may be called again with an order that was carried out, or half carried out: by another
        process, where this one has died in the midst.
        """
        ...

    def withdraw(self, order: Order) -> None:
        """Take the change away, whichever rings it was applied for; what was there before returns.

        It may be called again, and where the change never arrived.
        """
        ...

    def verify(self, order: Order) -> bool:
        """Tell whether the change is there, on the share that is ordered; of 0 %, on any.

        Asked after applying, when it must be, and after withdrawing, when it must not.
        """
        ...


def applied(target: Target, order: Order) -> None:
    """Apply, and verify that.

    Raises:
        TargetError: the change isn't there.
        Exception: whatever the target raises.
    """
    target.apply(order)
    if target.verify(order) is not True:
        raise TargetError("verify", target.name, "applied, and it isn't there")


def withdrawn(target: Target, order: Order) -> None:
    """Withdraw, and verify that.

    Raises:
        TargetError: the change is there still.
        Exception: whatever the target raises.
    """
    target.withdraw(order)
    if target.verify(order) is not False:
        raise TargetError("verify", target.name, "withdrawn, and it is there still")


def _several(given: Iterable[Target]) -> tuple[Target, ...]:
    return several(given)


def _regions(_: object, field: attrs.Attribute[Any], regions: Sequence[Target]) -> None:
    if not regions:
        raise DefinitionError(field.name, regions, "give one region at least")
    names = [region.name for region in regions]
    if len(set(names)) < len(names):
        raise DefinitionError(field.name, names, "give each region a name of its own")


def _at_once(_: object, field: attrs.Attribute[Any], count: int) -> None:
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise DefinitionError(field.name, count, "give a number of 1 or more")


@attrs.frozen
class Regions:
    """Make one target of several: regions, clusters or hosts that belong to one ring.

    What goes wrong in one keeps others from beginning to apply, and keeps none from withdrawing.
    Each has orders with ids of its own, so that after a crash in the midst all may be asked again.

    Args:
        name: what plans call all of them.
        regions: targets, each with a name of its own, in the order in which to apply.
        at_once: how many at a time.

    Raises:
        DefinitionError: no region, a name twice, or a number below 1.
    """

    name: str = attrs.field(validator=text)
    regions: tuple[Target, ...] = attrs.field(converter=_several, validator=_regions)
    at_once: int = attrs.field(default=1, kw_only=True, validator=_at_once)

    @property
    def needs(self) -> Collection[str]:
        """The parameters that any of them needs, by name."""
        return frozenset(name for region in self.regions for name in region.needs)

    def apply(self, order: Order) -> None:
        """Apply to all, so many at once; once one has failed, begin no other.

        Raises:
            TargetError: some have failed; it says how far each has got.
        """
        self._each(self.regions, order, applied, stops=True)

    def withdraw(self, order: Order) -> None:
        """Withdraw from all, the last one first, whichever fail.

        Raises:
            TargetError: some have failed; it says how far each has got.
        """
        self._each(self.regions[::-1], order, withdrawn, stops=False)

    def verify(self, order: Order) -> bool:
        """Tell whether the change is in all of them; where it is in some only, raise that.

        Raises:
            TargetError: it is in some of them.
        """
        found = {each.name: each.verify(self._of(each, order)) for each in self.regions}
        if len(set(found.values())) > 1:
            raise TargetError("regions", found, "the change is in some of them")
        return all(found.values())

    def _of(self, region: Target, order: Order) -> Order:
        parameters = {key: it for key, it in order.parameters.items() if key in region.needs}
        return attrs.evolve(order, id=f"{order.id}/{region.name}", parameters=parameters)

    def _each(
        self,
        regions: Sequence[Target],
        order: Order,
        work: Callable[[Target, Order], None],
        *,
        stops: bool,
    ) -> None:
        told = dict.fromkeys((region.name for region in regions), "not begun")
        failed: list[str] = []

        def ask(region: Target) -> None:
            if failed and stops:
                return
            try:
                work(region, self._of(region, order))
                told[region.name] = "done"
            except Exception as error:  # noqa: BLE001 - said of all of them together
                told[region.name] = failure(error)
                failed.append(region.name)

        with ThreadPoolExecutor(self.at_once) as pool:
            list(pool.map(ask, regions))
        if failed:
            # Nothing is cut or quoted: a secret in it is still to be found, and taken out.
            how = "; ".join(f"{name}: {each}" for name, each in told.items())
            raise TargetError("regions", sorted(failed), how)


def failure(error: BaseException) -> str:
    """Return what is recorded of an error: only its type, unless it is a `TargetError`."""
    return str(error) if isinstance(error, TargetError) else f"raised {type(error).__name__}"


class RetryingTarget:
    """Wrap a target, and try again what fails in passing: an OSError, or a `TargetError`.

    Between tries it waits, at random, up to a second, then two, and so on up to half a minute.

    Args:
        target: the target to wrap.
        attempts: how often to try, 1 or more; what the last one raises is passed on.
        sleep: what waits, in seconds.
    """

    def __init__(
        self, target: Target, *, attempts: int = 3, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.name = target.name
        self.needs = target.needs
        self._target = target
        self._attempts = attempts
        self._sleep = sleep

    def apply(self, order: Order) -> None:
        """Apply as the target does, and verify that each time."""
        self._tries()(partial(applied, self._target), order)

    def withdraw(self, order: Order) -> None:
        """Withdraw as the target does, and verify that each time."""
        self._tries()(partial(withdrawn, self._target), order)

    def verify(self, order: Order) -> bool:
        """Verify as the target does."""
        return self._tries()(self._target.verify, order)

    def _tries(self) -> Retrying:
        return retrying(
            TargetError, attempts=self._attempts, first=1, longest=30, sleep=self._sleep
        )
