"""Whether evidence lies as its run left it: the journal has a SHA-256 of each file. That tells accidents, not forgery."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from harness.capture.wireshark import tables_beside


def digests(capture: Path) -> dict[str, str]:
    """The SHA-256 of a file of evidence and of each table beside it, by their names."""
    return {path.name: _sha256(path) for path in (capture, *tables_beside(capture))}


def changes(capture: Path, kept: Mapping[str, str]) -> Iterator[str]:
    """A sentence for each of the files that is gone, or is not what `kept` says of it."""
    for name, expected in kept.items():
        path = capture.with_name(name)
        try:
            found = _sha256(path)
        except OSError as why:
            yield f"{path} can't be read ({why.strerror}); the journal has its SHA-256 as {expected}"
            continue
        if found != expected:
            yield f"{path} was changed: its SHA-256 is {found}, the journal has {expected}"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
