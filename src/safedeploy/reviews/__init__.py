"""Reviews: what is weak in a plan, practice by practice, and pictures of the plan itself."""

from safedeploy.reviews.lints import Lint, Severity, Subject, Weakness
from safedeploy.reviews.table import LINTS
from safedeploy.reviews.whole import Review, Reviewed, Score

__all__ = ["LINTS", "Lint", "Review", "Reviewed", "Score", "Severity", "Subject", "Weakness"]
