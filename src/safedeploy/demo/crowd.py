"""The crowd: clients that order one cart after another, and count what they get."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Generator
from contextlib import closing, contextmanager
from http import HTTPStatus
from http.client import HTTPConnection
from random import Random
from threading import Event, Lock, Thread

import attrs

from safedeploy.clocks import SystemClock
from safedeploy.demo.shop import HOST

CLIENTS = 8

TIMEOUT = 30.0
"""Seconds that a client waits for an answer, on however busy a machine."""

THINK = 0.005
"""Seconds between two orders of a client. Without it, a halt would come too soon to be watched."""

CUSTOMERS = 1_000_000
"""So many that hardly anybody orders twice: health counts customers, not requests."""


@attrs.frozen
class Answer:
    """Hold what a client saw of one answer.

    Attributes:
        version: which handler gave it.
        status: the HTTP status.
        late: whether the request began after that version had been withdrawn.
    """

    version: str
    status: int
    late: bool = False

    @property
    def is_failure(self) -> bool:
        """Whether the customer bought nothing."""
        return self.status != HTTPStatus.OK

    @property
    def is_harm(self) -> bool:
        """Whether a defect is to blame, not the customer's bank."""
        return self.status == HTTPStatus.INTERNAL_SERVER_ERROR


class Crowd:
    """Order from the shop, a cart at a time for each client.

    Args:
        yen: the share of carts that pay in yen, 0..1.
        seconds: how long each client goes on at most.

    Attributes:
        withdrawn: the version that nobody should get any more; empty where there is none.
    """

    def __init__(self, *, yen: float, seconds: float) -> None:
        self.withdrawn = ""
        self._yen = yen
        self._seconds = seconds
        self._clock = SystemClock()
        self._lock = Lock()
        self._seen: Counter[Answer] = Counter()
        self._stopped = Event()

    @property
    def seen(self) -> Counter[Answer]:
        """How often each answer came, so far."""
        with self._lock:
            return self._seen.copy()

    @contextmanager
    def ordering(self, port: int) -> Generator[None]:
        """Order from the shop at a port of loopback while the block lasts."""
        clients = [Thread(target=self._order, args=(port, seed)) for seed in range(CLIENTS)]
        for client in clients:
            client.start()
        try:
            yield
        finally:
            self._stopped.set()
            for client in clients:
                client.join()

    def _order(self, port: int, seed: int) -> None:
        random = Random(seed)  # noqa: S311 - carts, not secrets
        end = self._clock.monotonic() + self._seconds
        with closing(HTTPConnection(HOST, port, timeout=TIMEOUT)) as shop:
            while not self._stopped.wait(THINK) and self._clock.monotonic() < end:
                self._buy(shop, json.dumps(self._cart(random)).encode())

    def _buy(self, shop: HTTPConnection, cart: bytes) -> None:
        withdrawn = self.withdrawn
        shop.request("POST", "/checkout", cart)
        response = shop.getresponse()
        version = json.loads(response.read())["version"]
        with self._lock:
            self._seen[Answer(version, response.status, version == withdrawn)] += 1

    def _cart(self, random: Random) -> dict[str, object]:
        return {
            "customer": f"customer-{random.randrange(CUSTOMERS)}",
            "currency": "JPY" if random.random() < self._yen else random.choice(("EUR", "USD")),
            "prices": [random.randrange(1, 100) for _ in range(3)],
            "card": random.getrandbits(32),
        }
