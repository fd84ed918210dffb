"""Policies: what every signal of this library can be told, besides what it judges."""

from __future__ import annotations

import math

import attrs

from safedeploy.errors import DefinitionError
from safedeploy.validators import ADDED, a, real
from safedeploy.verdicts import Verdict


@attrs.frozen(kw_only=True)
class Policy:
    """Say what a signal's findings mean.

    Args:
        severity: what "worse" means: HALT, or INVESTIGATE for what a person should look at first.
        no_data: what silence means: NO_DATA holds, INVESTIGATE calls a person, HALT halts. Nothing
            lets silence pass. When a ring begins, silence only holds, until it has lasted for a
            tenth of the bake, and for three assessments.
        source_error: what a broken measurement means: SOURCE_ERROR holds, INVESTIGATE calls a
            person. It is never the change's fault, so it can't halt.
        weight: its share of the model's alpha, relative to the other signals' weights.
        shadow: True judges and records, and has no say: try a signal before you trust it.

    Raises:
        DefinitionError: another verdict, or a weight that isn't above 0.
    """

    severity: Verdict = attrs.field(default=Verdict.HALT, metadata=ADDED)
    no_data: Verdict = attrs.field(default=Verdict.NO_DATA, metadata=ADDED)
    source_error: Verdict = attrs.field(default=Verdict.SOURCE_ERROR, metadata=ADDED)
    weight: float = attrs.field(default=1.0, converter=real, validator=a(float), metadata=ADDED)
    shadow: bool = attrs.field(default=False, validator=a(bool), metadata=ADDED)

    def __attrs_post_init__(self) -> None:
        _check("severity", self.severity, Verdict.INVESTIGATE, Verdict.HALT)
        _check("no_data", self.no_data, Verdict.NO_DATA, Verdict.INVESTIGATE, Verdict.HALT)
        _check("source_error", self.source_error, Verdict.SOURCE_ERROR, Verdict.INVESTIGATE)
        if not 0 < self.weight < math.inf:
            raise DefinitionError("weight", self.weight, "give a number above 0, such as 1")

    def means(self, verdict: Verdict) -> Verdict:
        """Return what a verdict of the signal's own means."""
        return {
            Verdict.NO_DATA: self.no_data,
            Verdict.SOURCE_ERROR: self.source_error,
            Verdict.HALT: self.severity,
        }.get(verdict, verdict)


def _check(field: str, verdict: object, *allowed: Verdict) -> None:
    if verdict not in allowed or not isinstance(verdict, Verdict):
        names = " or ".join(f"Verdict.{each.name}" for each in allowed)
        raise DefinitionError(field, verdict, f"give {names}")
