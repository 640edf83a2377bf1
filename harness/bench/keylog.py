"""Writes the keys of a running daemon as they come into being, for Wireshark and for `audit --keys`."""

import contextlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from harness.capture.wireshark import TABLES, tables

EVIDENCE = "keys.jsonl"
"""The file that holds each key whole, one JSON object a line."""


class KeyLog:
    """Four files of mode 0600 in one directory, which Wireshark takes for its own if told so.

    `WIRESHARK_CONFIG_DIR=DIRECTORY` finds the tables there under the names it looks for; that of ESP it uses once
    its preferences bid it decrypt ESP. What the files held before stays. OSError if the directory or a file can't be made.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._files = {name: _private(directory / name) for name in (*TABLES, EVIDENCE)}
        self._told: set[tuple[object, ...]] = set()

    def write(self, secrets: Iterable[Mapping[str, Any]]) -> None:
        """Add those keys that were not written yet; they are on file when this returns, as far as the disk has room."""
        for secret in secrets:
            name = tuple(
                secret.get(part) for part in ("ike", "spi_i", "spi_r", "sk_d", "cky_i", "cky_r", "esp")
            )
            if name not in self._told:
                with contextlib.suppress(
                    OSError
                ):  # a full disk is no reason to stop answering; next time it may fit
                    self._add(secret)
                    self._told.add(name)

    def close(self) -> None:
        """Close the files."""
        for descriptor in self._files.values():
            os.close(descriptor)
        self._files.clear()

    def _add(self, secret: Mapping[str, Any]) -> None:
        for name, lines in (*tables((secret,)).by_name, (EVIDENCE, (json.dumps(secret),))):
            for line in lines:
                os.write(self._files[name], f"{line}\n".encode())


def _private(path: Path) -> int:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    os.fchmod(descriptor, 0o600)
    return descriptor
