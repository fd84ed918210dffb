"""Gates: what must be shown before a ring begins, and before it is left."""

from safedeploy.gates.algebra import AtLeast, Gate, a_quorum, at_least, leaves, refuse_twins
from safedeploy.gates.approvals import Approval
from safedeploy.gates.checks import REPORT, Answer, Check, Report, Run
from safedeploy.gates.showings import Opening, Shown, Word
from safedeploy.gates.within import Within

__all__ = [
    "REPORT",
    "Answer",
    "Approval",
    "AtLeast",
    "Check",
    "Gate",
    "Opening",
    "Report",
    "Run",
    "Shown",
    "Within",
    "Word",
    "a_quorum",
    "at_least",
    "leaves",
    "refuse_twins",
]
