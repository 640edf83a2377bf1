"""A daemon's control socket: JSON lines from its owner, each answered by one line; nobody is waited for."""

import json
import selectors
import socket
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from harness.bench.links import BIGGEST, LinkRefused

LONGEST_LINE = 65_536
MOST = 32
"""How many may talk to it at a time; another one is hung up on at once."""
Obey = Callable[[Mapping[str, Any]], dict[str, Any]]
"""What is done with an order, and the answer to it."""


class Control:
    """The listening UNIX socket and those who talk to it."""

    def __init__(self, path: Path, selector: selectors.BaseSelector, obey: Obey) -> None:
        self._path = path
        self._selector = selector
        self._obey = obey
        self._listening = open_control(path)
        self._talkers = 0
        selector.register(self._listening, selectors.EVENT_READ, self._accept)

    def close(self) -> None:
        """Nobody can talk to it any more; its path is gone."""
        self._path.unlink(missing_ok=True)

    def _accept(self) -> None:
        try:
            opened, _ = self._listening.accept()
        except OSError:  # whoever called has gone, or the process may open no more files
            return
        if self._talkers >= MOST:
            opened.close()
            return
        self._talkers += 1
        opened.setblocking(False)
        talker = Talker(opened, self._obey)
        self._selector.register(opened, selectors.EVENT_READ, partial(self._turn, talker))

    def _turn(self, talker: "Talker") -> None:
        """Let one talker go on; while his answer waits for him to read it, nothing more is heard from him."""
        talker.go_on()
        if talker.gone:
            self._selector.unregister(talker.opened)
            talker.opened.close()
            self._talkers -= 1
            return
        wanted = selectors.EVENT_WRITE if talker.unsaid else selectors.EVENT_READ
        if self._selector.get_key(talker.opened).events != wanted:
            self._selector.modify(talker.opened, wanted, partial(self._turn, talker))


class Talker:
    """One connection: what was heard of a line so far, and what is still to be said."""

    def __init__(self, opened: socket.socket, obey: Obey) -> None:
        self.opened = opened
        self.unsaid = b""
        self.gone = False
        self._heard = bytearray()
        self._obey = obey

    def go_on(self) -> None:
        """Say what is unsaid; with nothing unsaid hear more, and answer the lines that are whole."""
        try:
            if not self.unsaid:
                self._hear()
            if self.unsaid:
                self.unsaid = self.unsaid[self.opened.send(self.unsaid) :]
        except BlockingIOError:
            return
        except OSError:
            self.gone = True

    def _hear(self) -> None:
        octets = self.opened.recv(BIGGEST)
        self._heard += octets
        while b"\n" in self._heard:
            line, _, rest = bytes(self._heard).partition(b"\n")
            self._heard[:] = rest
            self.unsaid += json.dumps(self._answer(line)).encode() + b"\n"
        self.gone = not octets or len(self._heard) > LONGEST_LINE

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            order = json.loads(line)
        except (ValueError, RecursionError):
            return {"ok": False, "why": "that is no line of JSON"}
        if not isinstance(order, dict):
            return {"ok": False, "why": "an order is an object of JSON"}
        return self._obey(order)


def open_control(path: Path) -> socket.socket:
    """A listening UNIX socket that only its owner can reach; one that a dead daemon left behind is replaced."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.is_socket() and not _answers(path):
            path.unlink()
        listening.bind(str(path))
        path.chmod(0o600)
        listening.listen()
    except OSError as why:
        listening.close()
        raise LinkRefused(f"the control socket {path} can't be made: {why.strerror or why}") from why
    return listening


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(str(path)) == 0
