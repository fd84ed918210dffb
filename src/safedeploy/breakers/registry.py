"""The registry: breakers by name, with defaults, and by key: one for each tenant, say."""

# pyright: reportPrivateUsage=false
# What a breaker keeps to itself, its hands may take.

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Sequence
from typing import Unpack

import attrs

from safedeploy.breakers.breaker import CircuitBreaker
from safedeploy.breakers.core import Observer
from safedeploy.circuits import Closed, Options, Settings
from safedeploy.clocks import Clock, SystemClock
from safedeploy.errors import DefinitionError
from safedeploy.forks import at_fork

_LOOKS = 32
"""At how many breakers a new key may look for one to forget. The next key goes on from there."""


AT_MOST = 10_000
"""So many breakers of keys are kept, unless somebody says otherwise."""


class Breakers:
    """Keep breakers by name, and have a name's trouble with one key leave the others alone.

    Args:
        at_most: how many breakers of keys are kept. When there are more, the one that wasn't asked
            for longest is forgotten, if it is closed and nobody has a call under way. If there is
            none to forget, new keys share the breaker that has the name alone.
        clock: the machine's, unless given.
        observers: called with each breaker and what happened to it.
        defaults: see `safedeploy.circuits.Settings`; of every name that `define` doesn't know.

    Raises:
        DefinitionError: with the field, the value and the mend.
    """

    def __init__(
        self,
        *,
        at_most: int = AT_MOST,
        clock: Clock | None = None,
        observers: Sequence[Observer] = (),
        **defaults: Unpack[Options],
    ) -> None:
        self._begin(at_most, clock or SystemClock(), observers, Settings(**defaults))

    @classmethod
    def of(
        cls, defaults: Settings, *, clock: Clock, observers: Sequence[Observer] = ()
    ) -> Breakers:
        """Return a registry of defaults that somebody else has made."""
        breakers = cls.__new__(cls)
        breakers._begin(AT_MOST, clock, observers, defaults)
        return breakers

    def _begin(
        self, at_most: int, clock: Clock, observers: Sequence[Observer], defaults: Settings
    ) -> None:
        if isinstance(at_most, bool) or not isinstance(at_most, int) or at_most < 1:
            raise DefinitionError("at_most", at_most, "give a whole number of 1 or more")
        self._at_most = at_most
        self._clock = clock
        self._observers = tuple(observers)
        self._defaults = defaults
        self._settings: dict[str, Settings] = {}
        self._named: dict[str, CircuitBreaker] = {}
        self._keyed: OrderedDict[tuple[str, str], CircuitBreaker] = OrderedDict()
        self._lock = threading.Lock()
        at_fork(self._in_child)

    def define(self, name: str, **options: Unpack[Options]) -> None:
        """Give a name settings of its own, over the defaults, before it is first asked for.

        Raises:
            DefinitionError: the name has been asked for, or its settings are wrong.
        """
        settings = attrs.evolve(self._defaults, **options)
        with self._lock:
            if name in self._named:
                raise DefinitionError("name", name, "define it before its breaker is asked for")
            self._settings[name] = settings

    def __getitem__(self, name: str) -> CircuitBreaker:
        """Return the breaker of a name, always the same one."""
        return self.breaker(name)

    def breaker(self, name: str, *, key: str | None = None) -> CircuitBreaker:
        """Return the breaker of a name, or of a name for one key.

        Args:
            name: what is called: one of a few, since all of them are kept.
            key: for whom: a tenant, a shard, a host. Ask anew for each call: a breaker that is held
                is never forgotten. It appears in no error and no notice.
        """
        with self._lock:
            named = self._named.get(name) or self._name(name)
            if key is None:
                return named
            found = self._keyed.pop((name, key), None) or self._new(named)
            if found is not named:
                self._keyed[name, key] = found  # the latest
            return found

    def _name(self, name: str) -> CircuitBreaker:
        settings = self._settings.get(name, self._defaults)
        named = CircuitBreaker.of(name, settings, clock=self._clock, observers=self._observers)
        self._named[name] = named
        return named

    def _new(self, named: CircuitBreaker) -> CircuitBreaker:
        """Return a new breaker like the one of the name; that one, if there is no room."""
        if len(self._keyed) >= self._at_most and not self._forget():
            return named
        return CircuitBreaker.of(
            named.name, named.settings, clock=self._clock, observers=self._observers
        )

    def _forget(self) -> bool:
        """Forget the breaker that wasn't asked for longest, of those that are closed and idle."""
        for _ in range(min(_LOOKS, len(self._keyed))):
            key, found = self._keyed.popitem(last=False)
            if isinstance(found._held[0].state, Closed):
                seen = weakref.ref(found)
                del found
                if (held := seen()) is None:  # nobody else had it, so nothing was under way
                    return True
                found = held
            self._keyed[key] = found
        return False

    def _in_child(self) -> None:
        self._lock = threading.Lock()
