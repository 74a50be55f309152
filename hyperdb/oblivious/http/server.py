"""The service on a socket: uvicorn on a thread of its own.

Theory: the socket is bound before anything else, so that a taken port is an error of whoever asked for it. Invariant: there is
no access log, and headers do not say what runs here.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from pathlib import Path

import uvicorn

from hyperdb import _native
from hyperdb.errors import AddressError, InvalidError
from hyperdb.oblivious.epochs import Source
from hyperdb.oblivious.http.patience import PatientProtocol
from hyperdb.oblivious.http.publisher import Publisher
from hyperdb.oblivious.http.service import Oblivious, Settings
from hyperdb.oblivious.http.work import MOST_BITS, Tickets
from hyperdb.values import Publishing

_BACKLOG = 512
_CONNECTIONS = 1024
_KEEP_ALIVE = 75
_START = 10.0
_LONGEST_WINDOW = 1.0


def oblivious(store: _native.Store, publishing: Publishing) -> Oblivious:
    """The service of a store.

    Raises:
        InvalidError: no app is named, or a number is out of bounds.
    """
    if not 0 <= publishing.work_bits <= MOST_BITS:
        raise InvalidError(f"work is 0 to {MOST_BITS} bits, not {publishing.work_bits}")
    if publishing.retained < 0:
        raise InvalidError("epochs may keep a number of bytes")
    if publishing.every <= 0 or not 0 <= publishing.window <= _LONGEST_WINDOW or publishing.threads < 1:
        raise InvalidError(f"epochs follow each other after some seconds, a window is 0 to {_LONGEST_WINDOW} seconds")
    publisher = Publisher(
        Source.of(store),
        publishing.apps,
        clock=time.monotonic,
        every=publishing.every,
        threads=publishing.threads,
        retained=publishing.retained,
    )
    tickets = Tickets(publishing.work_bits, secrets.token_bytes(32), os.urandom, time.time)
    return Oblivious(publisher, tickets, Settings(publishing.window))


class HttpServer:
    """A running service. Stop it with `stop`."""

    def __init__(self, service: Oblivious, address: tuple[str, int], tls: tuple[Path, Path] | None = None) -> None:
        """Listens at host and port; `tls` are files of a certificate chain and its key (PEM).

        Raises:
            AddressError: it cannot listen there.
        """
        self._service = service
        host, port = address
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((host, port))
        except OSError as error:
            self._socket.close()
            raise AddressError(f"cannot listen at {host}:{port}: {error.strerror or error}") from error
        self.address: tuple[str, int] = self._socket.getsockname()[:2]
        config = uvicorn.Config(
            service.app,
            lifespan="off",
            loop="uvloop",
            http=PatientProtocol,
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            limit_concurrency=_CONNECTIONS,
            timeout_keep_alive=_KEEP_ALIVE,
            backlog=_BACKLOG,
            ssl_certfile=None if tls is None else str(tls[0]),
            ssl_keyfile=None if tls is None else str(tls[1]),
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), name="hyperdb-http", daemon=True)
        self._thread.start()
        service.publisher.start()
        ends = time.monotonic() + _START
        while not self._server.started and self._thread.is_alive() and time.monotonic() < ends:
            time.sleep(0.005)
        if not self._server.started:
            self.stop()
            raise AddressError(f"the service did not start at {host}:{port}")

    @property
    def publisher(self) -> Publisher:
        """What makes the epochs."""
        return self._service.publisher

    def stop(self) -> None:
        """Closes connections and ends the threads. A second call does nothing."""
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join()
        self._socket.close()
        self._service.publisher.stop()
        self._service.close()
