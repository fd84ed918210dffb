"""Sightings: the definitions that the code was seen to have, or to have loaded from somewhere."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from datetime import datetime
from typing import Any
from weakref import WeakValueDictionary

from safedeploy.flags import FeatureFlag


class Sightings:
    """Remember definitions, by key and by mark.

    A definition that was loaded, from a file, say, isn't what the code says, whoever asks it. What
    serves it is what the code says besides, or the off variant.

    Args:
        now: the time, for expiry dates.
        most: how many flags to remember; past it, it begins anew.
    """

    def __init__(self, now: Callable[[], datetime], most: int) -> None:
        self._now = now
        self._most = most
        self._flags: dict[str, FeatureFlag[Any]] = {}
        self._sought: set[str] = set()
        self._expired: set[str] = set()
        # By the marks' ids: a definition that nobody has any more is forgotten.
        self._loaded: WeakValueDictionary[int, FeatureFlag[Any]] = WeakValueDictionary()

    def get(self, key: str) -> FeatureFlag[Any] | None:
        """Return the definition that was asked last."""
        return self._flags.get(key)

    def coded(self, key: str) -> FeatureFlag[Any] | None:
        """Return the definition that the code has, if it was asked."""
        flag = self._flags.get(key)
        return None if flag is None or id(flag.mark) in self._loaded else flag

    def stable(self, flag: FeatureFlag[Any]) -> FeatureFlag[Any]:
        """Return what serves a flag that nothing has settled yet."""
        if id(flag.mark) not in self._loaded:
            return flag
        return self.coded(flag.key) or flag.disable()

    def find(self, key: str) -> FeatureFlag[Any] | None:
        """Return what `get` does; `see` tells when what wasn't there is seen."""
        # Sought first: if it gets known meanwhile, everything is compiled anew.
        self._sought.add(key)
        flag = self._flags.get(key)
        if flag is not None:
            self._sought.discard(key)
        return flag

    def see(self, flag: FeatureFlag[Any]) -> bool:
        """Remember a definition, and those that it requires; tell whether somebody sought one."""
        if len(self._flags) >= self._most:
            self._flags, self._sought, self._expired = {}, set(), set()
        if id(flag.mark) not in self._loaded or flag.key not in self._flags:
            self._flags[flag.key] = flag
        was_sought = flag.key in self._sought
        self._sought.discard(flag.key)
        for each in flag.prerequisites:
            if each.flag is not None and each.key not in self._flags:
                was_sought |= self.see(each.flag)
        self._warn_of_expiry(flag)
        return was_sought

    def load(self, definitions: Iterable[FeatureFlag[Any]], settled: Container[str]) -> None:
        """Take definitions for loaded ones, unless their flags are settled: then it's no matter."""
        loaded = {flag.key: flag for flag in definitions}
        left = [flag for key, flag in loaded.items() if key not in settled]
        while left:
            flag = left.pop()
            if id(flag.mark) not in self._loaded:
                self._loaded[id(flag.mark)] = flag
                required = [each.flag for each in flag.prerequisites if each.key in loaded]
                left += [it for it in required if it is not None and it.key not in settled]

    def _warn_of_expiry(self, flag: FeatureFlag[Any]) -> None:
        at = self._now() if flag.expires and flag.key not in self._expired else None
        if at and flag.expires and at.date() > flag.expires:
            from safedeploy import telemetry

            self._expired.add(flag.key)
            told = {"expired": flag.expires.isoformat(), "owner": flag.owner}
            telemetry.warn("a flag should be gone from the code", flag=flag.key, **told)
