"""A target file in pieces, for tests that bend one of them."""

from collections.abc import Mapping
from pathlib import Path

from harness.target.file import TargetFile, read

ABOUT = """\
name = "edge-1"
kind = "remote"
address = "192.0.2.1"
configured_as = "strict"
authorised = "own laboratory"
ike = ["v2", "v1-main"]
"""
IDENTITY = """\
local_id = "fqdn:edge.example"
remote_id = "fqdn:tester.example"
psk = "sesame"
"""
CONSENT = """\
owner = "Ada"
until = 2031-12-31
"""


def text(**tables: str) -> str:
    """The text of a file with these tables in place of its own, `identity_control` being `[identity.control]`."""
    whole = {"target": ABOUT, "identity": IDENTITY, **tables}
    return "\n".join(
        f"[{name.replace('_', '.')}]\n{body}" for name, body in whole.items() if body is not None
    )


def written(place: Path, **tables: str) -> Path:
    """Such a file."""
    file = place / "edge.toml"
    file.write_text(text(**tables), encoding="utf-8")
    return file


def told(place: Path, environment: Mapping[str, str] | None = None, **tables: str) -> TargetFile:
    """What such a file says."""
    return read(written(place, **tables), environment or {})
