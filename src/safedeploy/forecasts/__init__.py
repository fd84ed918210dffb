"""Forecasts: what a plan will see, how long it will take, and what harm it lets happen."""

from safedeploy.forecasts.rings import RingForecast
from safedeploy.forecasts.whole import Forecast

__all__ = ["Forecast", "RingForecast"]
