"""Workers: a web server as many are deployed, whose workers share a journal and get killed."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Self

import attrs

from safedeploy import fleets
from safedeploy.clocks import POLL, SystemClock
from safedeploy.contexts import Context
from safedeploy.engine import Engine
from safedeploy.flags import FeatureFlag
from safedeploy.health import HealthModel
from safedeploy.journals import SqliteJournal
from safedeploy.leases import TERM
from safedeploy.plans import Plan, Ring
from safedeploy.signals import ErrorRate, Usage
from tests.crashes import Log, ended, forked

FLAG = FeatureFlag("checkout", {"old": "old", "new": "new"}, "old")
WORKERS = 4
CLIENTS = 4
HARM = 0.4
HOLDBACK = 10
PERCENTS = {"canary": 25, "half": 50, "everyone": 100}


def now() -> float:
    return SystemClock().now().timestamp()


@attrs.frozen
class Site:
    """Say how an application is run, and what is wrong with its new version.

    Args:
        folder: where its journal is.
        how: "preload" makes the engine before the workers are forked, "plain" after; "spawn"
            forks none.
        breaks: the rings in which the new version fails for some.
        every: how often health is assessed, in seconds.
        bake: how long a ring bakes.
        term: how long a dead holder's lease lasts.
        poll: how long ticks are apart at most.
    """

    folder: Path
    how: str = "plain"
    breaks: tuple[str, ...] = ()
    every: float = 0.2
    bake: float = 0.8
    term: float = 0.5
    poll: float = 0.1

    @property
    def journal(self) -> Path:
        return self.folder / "rollouts.db"

    @property
    def log(self) -> Log:
        return Log(self.folder / "log")

    @property
    def bound(self) -> float:
        """How late a halt may be seen anywhere: the time between two ticks, and then a tick."""
        return min(self.poll, self.every) + self.every

    @property
    def plan(self) -> Plan:
        bake = timedelta(seconds=self.bake)
        return Plan(
            rings=[Ring(name, percent=reached, bake=bake) for name, reached in PERCENTS.items()],
            health=HealthModel(ErrorRate(rare=0.05), Usage(at_least=10)),
            holdback=HOLDBACK,
            must_see=6,
            assess_every=timedelta(seconds=self.every),
        )

    def open(self) -> Engine:
        """Do what an application does when it is imported."""
        terms = {"TERM": TERM, "POLL": POLL}
        fresh = {"TERM": timedelta(seconds=self.term), "POLL": timedelta(seconds=self.poll)}
        assert fleets  # imported, so that nothing comes later with other terms
        for name, module in list(sys.modules.items()):
            for term in terms if name.startswith("safedeploy") else ():
                if hasattr(module, term):
                    setattr(module, term, fresh[term])
        engine = Engine(journal=self.journal)
        engine.release(FLAG.serve("new"), self.plan)
        engine.start()
        return engine


class Handler(BaseHTTPRequestHandler):
    """Serve a customer, or kill the flag, and tell how that went."""

    def __init__(self, engine: Engine, site: Site, *args: Any) -> None:
        self.engine, self.site = engine, site
        super().__init__(*args)

    def do_GET(self) -> None:
        began, guard = now(), self.engine.guard(FLAG, Context(self.path))
        served, status = guard.resolution, 200
        with guard:
            if served.ring in self.site.breaks and random.random() < HARM:
                guard.fail()
                status = 500
        self.answer(status, version=served.value, ring=served.ring, began=began)

    def do_POST(self) -> None:
        self.engine.kill(FLAG, by="7", reason="it burns")
        self.answer(200, version="", ring=None, began=now())

    def answer(self, status: int, **facts: Any) -> None:
        body = json.dumps({**facts, "status": status, "worker": os.getpid()}).encode()
        with suppress(ConnectionError):  # the customer has gone
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is given
        pass


def serve(site: Site, listener: socket.socket, lifeline: Connection, engine: Engine | None) -> None:
    """Be a worker, until it is killed or nobody needs it any more."""
    handler = partial(Handler, engine or site.open(), site)
    server = ThreadingHTTPServer(("", 0), handler, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    site.log.say("ready", worker=os.getpid())
    lifeline.poll(None)


def keep(site: Site, listener: socket.socket, lifeline: Connection) -> None:
    """Be the parent: keep workers running, and kill one every second, who drives first of all."""
    engine = site.open() if site.how == "preload" else None
    spawned: list[Any] = []

    def start() -> int:
        if site.how != "spawn":
            return forked(lambda: serve(site, listener, lifeline, engine))
        process = multiprocessing.get_context("spawn").Process(
            target=serve, args=(site, listener, lifeline, None)
        )
        process.start()
        spawned.append(process)
        return int(process.pid or 0)

    def end(worker: int) -> None:
        os.kill(worker, signal.SIGKILL)
        ended(worker)

    dice, workers = random.Random(1), [start() for _ in range(WORKERS)]
    while not lifeline.poll(1):
        holder = holding(site)
        if len(site.log.said("ready")) < WORKERS or not holder:
            continue
        is_first = holder in workers and not site.log.said("killed")
        victim = holder if is_first else dice.choice(workers)
        workers.remove(victim)
        end(victim)
        site.log.say("killed", worker=victim, at=now())
        workers.append(start())
    for worker in workers:
        end(worker)


def holding(site: Site) -> int:
    """Return the id of the process that holds the lease; 0 where there is none."""
    if not site.journal.exists():
        return 0
    journal = SqliteJournal(site.journal)
    try:
        return int(journal.lease().holder.partition("-")[0] or 0)
    finally:
        journal.close()


@attrs.frozen
class Answer:
    """What a customer saw: a version, in a ring, from when on, by which worker."""

    version: str
    ring: str | None
    began: float
    status: int
    worker: int


class Crowd:
    """Customers, who try again when a connection breaks."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.answers: list[Answer] = []
        self.tries = 0
        self.customers = 0
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._visit) for _ in range(CLIENTS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def ask(self, method: str, path: str) -> Answer:
        while not self._over.is_set():
            with self._lock:
                self.tries += 1
            connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
            try:
                connection.request(method, path)
                return Answer(**json.loads(connection.getresponse().read()))
            except (OSError, HTTPException, ValueError):
                continue  # its worker was killed
            finally:
                connection.close()
        return Answer("", None, 0, 0, 0)

    def _visit(self) -> None:
        while not self._over.wait(0.004):
            with self._lock:
                self.customers += 1
                path = f"/user-{self.customers}"
            self.answers.append(self.ask("GET", path))


@contextmanager
def running(site: Site) -> Iterator[Crowd]:
    """Run a server, its workers and their customers for as long as the block lasts."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=100)
    listener.setblocking(False)
    lifeline, ours = multiprocessing.Pipe(duplex=False)

    def parent() -> None:
        ours.close()
        keep(site, listener, lifeline)

    child = forked(parent)
    lifeline.close()
    port = listener.getsockname()[1]
    try:
        with Crowd(port) as crowd:
            yield crowd
    finally:
        ours.close()
        status = ended(child)
        listener.close()
    assert status == 0
