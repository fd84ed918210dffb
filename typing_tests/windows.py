"""What type checkers know of windows: dates in any form, and one type for whatever is made of them.

Nothing here is run. mypy and pyright, both strict, must agree with every `assert_type`.
"""

from datetime import UTC, date, datetime
from typing import assert_type

from safedeploy import Window, between, business_hours, days, since

hours = business_hours("Europe/Berlin", begins="10:00")
freeze = between("2026-12-18", date(2027, 1, 4)) | since(datetime(2027, 6, 30, tzinfo=UTC))
now = datetime(2026, 12, 17, tzinfo=UTC)

assert_type(hours & ~freeze | days("second Tuesday", zone="Asia/Tokyo"), Window)
assert_type(hours.contains(now), bool)
assert_type(hours.next_change(now), datetime | None)
assert_type(hours.opens(now), datetime | None)
assert_type(hours.explain(now), str)
