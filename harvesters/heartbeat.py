"""Says while a run goes on that its program is alive and how far it is, so that nobody else takes the run over."""

import logging
import os
import socket
from threading import Event, Thread, get_ident

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from datasets.store import runs
from datasets.store.runs import LeaseLost
from harvesters.context import Tell

EVERY_SECONDS = 2.0

logger = logging.getLogger(__name__)


class Heartbeat:
    """Beats for one run from a thread of its own while the context lasts."""

    def __init__(self, engine: Engine, run_id: int) -> None:
        self._engine = engine
        self._run_id = run_id
        self._progress: tuple[str, int, int | None] = ("begin", 0, None)
        self._lost = False
        self._over = Event()
        self._thread = Thread(target=self._beat, name=f"heartbeat of run {run_id}", daemon=True)

    def __enter__(self) -> "Heartbeat":
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._over.set()
        self._thread.join()

    def tell(self, stage: str, done: int, total: int | None) -> None:
        """How far the run is; told with the next beat."""
        self._progress = (stage, done, total)

    def beside(self, tell: Tell) -> Tell:
        """A teller that tells both this and `tell`; LeaseLost when the run is no longer ours."""

        def both(stage: str, done: int, total: int | None) -> None:
            self.check()
            tell(stage, done, total)
            self.tell(stage, done, total)

        return both

    def check(self) -> None:
        """LeaseLost when the run is no longer ours; to be asked before anything is published."""
        if self._lost:
            raise LeaseLost()

    def _beat(self) -> None:
        while not self._over.wait(EVERY_SECONDS):
            try:
                self._lost = not runs.beat(self._engine, self._run_id, *self._progress)
            except SQLAlchemyError:
                # The database may be back before the lease ends; the run itself will say if it is not.
                logger.warning("run %s could not say that it goes on", self._run_id)


def worker_name() -> str:
    """This program and thread, as a person can find them."""
    return f"{socket.gethostname()}/{os.getpid()}/{get_ident() % 10_000}"
