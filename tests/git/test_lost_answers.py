"""Pushes that are cut off: nobody says whether they arrived, and they count exactly once all the same."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

import pytest

from generator.errors import NetworkError
from tests.git.remotes import Remote, proposing, run


def test_a_push_cut_off_after_the_server_took_it_is_recognised(remote: Remote, daemon: str) -> None:
    with _Proxy(daemon) as proxy:
        # Everything arrives there, nothing comes back: the answer of a push is what gets lost.
        proxy.mute_pushes = True
        result = run(proxy.url, proposing({"a": "a"}))
    assert result.pushed
    assert result.head == remote.head()
    assert remote.subjects() == ["first", "change"]


def test_a_push_cut_off_and_built_upon_by_others_is_recognised(remote: Remote, daemon: str) -> None:
    with _Proxy(daemon) as proxy:
        proxy.mute_pushes = True
        proxy.after_push = lambda: [remote.write({f"theirs-{n}": "t"}, "theirs") for n in range(3)]
        result = run(proxy.url, proposing({"a": "a"}))
    assert result.pushed
    assert result.attempts == 1
    assert remote.subjects() == ["first", "change", "theirs", "theirs", "theirs"]


def test_a_push_that_never_arrives_is_tried_again(remote: Remote, daemon: str) -> None:
    with _Proxy(daemon) as proxy:
        proxy.drop_pushes = 2
        result = run(proxy.url, proposing({"a": "a"}))
    assert (result.pushed, result.attempts) == (True, 3)
    assert remote.subjects() == ["first", "change"]


def test_when_nobody_can_tell_whether_it_arrived_that_is_said(remote: Remote, daemon: str) -> None:
    with _Proxy(daemon) as proxy:
        proxy.mute_pushes = True
        proxy.after_push = proxy.refuse
        with pytest.raises(NetworkError) as failure:
            run(proxy.url, proposing({"a": "a"}))
    assert remote.head() in failure.value.not_done
    assert "is not known" in failure.value.not_done


class _Proxy:
    """Sits between us and a git daemon, and loses what it is told to lose."""

    def __init__(self, daemon: str) -> None:
        self._port = int(daemon.split(":")[2].split("/")[0])
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = daemon.replace(str(self._port), str(self._server.getsockname()[1]))
        self.mute_pushes = False
        self.drop_pushes = 0
        self.after_push: Callable[[], object] = lambda: None

    def __enter__(self) -> _Proxy:
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.refuse()
        self._thread.join()

    def refuse(self) -> None:
        if self._server.fileno() >= 0:
            self._server.shutdown(socket.SHUT_RDWR)
            self._server.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            with client:
                self._one(client)

    def _one(self, client: socket.socket) -> None:
        first = client.recv(65536)
        while len(first) < 4 or len(first) < int(first[:4], 16):
            more = client.recv(65536)
            if not more:
                return
            first += more
        push = b"git-receive-pack" in first
        if push and self.drop_pushes:
            self.drop_pushes -= 1
            return
        with socket.create_connection(("127.0.0.1", self._port)) as server:
            server.sendall(first)
            up = threading.Thread(target=self._copy, args=(client, server))
            up.start()
            if push and self.mute_pushes:
                client.sendall(self._advertisement(server))
                while server.recv(65536):
                    pass
                self.after_push()
            else:
                self._copy(server, client)
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
            up.join()

    @staticmethod
    def _advertisement(server: socket.socket) -> bytes:
        data = b""
        while not data.endswith(b"0000"):
            data += server.recv(65536)
        return data

    @staticmethod
    def _copy(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
