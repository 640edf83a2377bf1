"""The evidence of one case as it comes into being: opening, keys, packets, observations, closing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.bench.taps import Tap
from harness.capture import Writer
from harness.capture.wireshark import write_tables

FORMAT = 1
NOT_CAUSED = "not provoked"
"""What is observed of a trigger that was to be caused and was not."""


def place_of(case: str, round_: int = 1) -> str:
    """The path of a case's evidence below its run: the id, brackets turned into commas; repetitions lie apart."""
    path = case.replace("[", ",").replace("]", ",").rstrip(",") + ".pcapng"
    return path if round_ == 1 else f"round-{round_}/{path}"


class Evidence:
    """A capture being made; without `keys` the file holds none, and `secrets` alone has them.

    `drops` is what the tap lost, None where nobody counts. Whatever ends the case, `finish` or `cut_off` leaves
    a whole file; only `finish` lets silence count.
    """

    def __init__(
        self, path: Path, opening: Mapping[str, Any], *, keys: bool = True, drops: int | None = 0
    ) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.secrets: list[dict[str, Any]] = []
        self._keys = keys
        self._drops: int | Mapping[int, int] | None = drops
        self._writer = Writer(path, {"format": FORMAT, **opening})
        self._triggers: list[str] = []
        self._observations: list[dict[str, Any]] = []
        self._closed = False
        self.tap = Tap(self._writer)

    def secret(self, data: dict[str, Any]) -> None:
        """Keys came into being."""
        self.secrets.append(data)
        if self._keys:
            self._writer.secret(data)

    def note(self, time: float, what: str, value: Any) -> None:
        """Something was observed that is no packet."""
        self._observations.append({"t": time, "what": what, "value": value})

    def triggered(self, trigger: str) -> None:
        """The target was given a reason to start something."""
        if trigger not in self._triggers:
            self._triggers.append(trigger)

    def finish(self, window_s: float, drops: Mapping[int, int] | None = None) -> None:
        """The script came to its end; the target was watched for `window_s` seconds.

        `drops` counts what each tap lost, by the number of its interface, where somebody counted.
        """
        self._drops = drops or self._drops
        self._close({"window_s": window_s, "finished": True})

    def cut_off(self, why: str) -> None:
        """The script did not come to its end: nothing may be claimed from silence. Harmless after `finish`."""
        self._close({"window_s": 0.0, "finished": False, "why": why})

    def _close(self, closing: Mapping[str, Any]) -> None:
        if self._closed:
            return
        self._closed = True
        told = {**closing, "triggers": self._triggers, "observations": self._observations}
        self._writer.close(told, drops=self._drops)
        if self._keys:
            write_tables(self.path, self.secrets)
