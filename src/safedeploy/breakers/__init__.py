"""Circuit breakers: the breaker machine with a lock and a clock around it."""

from safedeploy.breakers.breaker import CircuitBreaker
from safedeploy.breakers.core import Observer
from safedeploy.breakers.counts import Metrics, Totals
from safedeploy.breakers.guards import Guard
from safedeploy.breakers.registry import Breakers
from safedeploy.breakers.witnesses import witness

__all__ = ["Breakers", "CircuitBreaker", "Guard", "Metrics", "Observer", "Totals", "witness"]
