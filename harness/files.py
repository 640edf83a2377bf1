"""Files that somebody else wrote, read no further than they can be meant."""

import errno
from pathlib import Path

MOST = 4 << 20
"""Octets of the longest file that is taken for a configuration, a table or a key."""


def octets_of(path: Path) -> bytes:
    """All that a file holds; OSError where it can't be read, or is longer than MOST."""
    with path.open("rb") as file:
        octets = file.read(MOST + 1)
    if len(octets) > MOST:
        raise OSError(errno.EFBIG, f"it is longer than {MOST >> 20} MiB", str(path))
    return octets


def text_of(path: Path) -> str:
    """The same as text in UTF-8; UnicodeDecodeError where it is none."""
    return octets_of(path).decode("utf-8-sig").replace("\r\n", "\n")
