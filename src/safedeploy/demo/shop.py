"""The shop: a real HTTP service on loopback, with three versions of its checkout behind a flag."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from threading import Thread
from types import MappingProxyType
from typing import Any

import attrs

from safedeploy.contexts import Context
from safedeploy.engine import Engine
from safedeploy.flags import FeatureFlag

CHECKOUT: FeatureFlag[str] = FeatureFlag("checkout", {"v1": "v1", "v2": "v2", "v3": "v3"}, "v1")

HOST = "127.0.0.1"

ONE_CARD_IN = 100
"""How many cards there are for each one that the bank declines, whatever the version."""

MINOR_UNITS = MappingProxyType({"EUR": 100, "USD": 100})


class CardDeclinedError(Exception):
    """The bank declines the card. It happens in the best of shops."""


@attrs.frozen
class Cart:
    """Hold what a customer wants to buy, and pays with."""

    customer: str
    currency: str
    prices: Sequence[int]
    card: int


def checkout_v1(cart: Cart) -> int:
    """Charge the total in whole units of the currency."""
    return _charge(cart, sum(cart.prices))


def checkout_v2(cart: Cart) -> int:
    """Charge the total in minor units. The defect: yen have none, and nobody thought of it."""
    return _charge(cart, sum(cart.prices) * MINOR_UNITS[cart.currency])


def checkout_v3(cart: Cart) -> int:
    """Charge the total in minor units, where the currency has them."""
    return _charge(cart, sum(cart.prices) * MINOR_UNITS.get(cart.currency, 1))


def _charge(cart: Cart, amount: int) -> int:
    if cart.card % ONE_CARD_IN == 0:
        raise CardDeclinedError
    return amount


_HANDLERS: Mapping[str, Callable[[Cart], int]] = MappingProxyType(
    {"v1": checkout_v1, "v2": checkout_v2, "v3": checkout_v3}
)


class _Till(BaseHTTPRequestHandler):
    """Answer `POST /checkout`, over connections that stay open."""

    protocol_version = "HTTP/1.1"
    # A response in one piece: small ones after each other would wait for acknowledgements.
    wbufsize = -1

    def __init__(self, engine: Engine, *args: Any) -> None:
        self._engine = engine
        super().__init__(*args)  # this serves the whole connection

    def do_POST(self) -> None:
        """Check a cart out with the handler that its customer is served."""
        cart = Cart(**json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        guard = self._engine.guard(CHECKOUT, Context(cart.customer))
        try:
            with guard as served:
                charged = _HANDLERS[served.value](cart)
        except CardDeclinedError:
            self._answer(HTTPStatus.PAYMENT_REQUIRED, version=guard.value)
        except Exception as error:  # noqa: BLE001 - as web frameworks do, whatever a handler raises
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            self._answer(status, version=guard.value, error=type(error).__name__)
        else:
            self._answer(HTTPStatus.OK, version=guard.value, charged=charged)

    def _answer(self, status: HTTPStatus, **facts: str | int) -> None:
        body = json.dumps(facts).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing: there are thousands."""


@contextmanager
def open_shop(engine: Engine) -> Generator[int]:
    """Serve on a free port of loopback while the block lasts; the block gets the port."""
    # Not HTTPServer: it looks up the name of its host, and the demo needs no network.
    with ThreadingTCPServer((HOST, 0), partial(_Till, engine)) as server:
        thread = Thread(target=server.serve_forever, args=(0.05,), name="shop")
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
