"""The target file that goes with a device's sheet: what `run --target FILE.toml` reads."""

from collections.abc import Iterator, Mapping
from typing import Any

from harness.profile.configuration import DEFAULT, Configuration
from harness.profile.profiles import PROFILES, Start
from harness.profile.toml import entries
from harness.profile.ways import Way
from harness.profile.written import write, written

_ELSEWHERE = frozenset(
    {
        "profile",
        "versions",
        "aggressive",
        "local_address",
        "peer",
        "local_id",
        "remote_id",
        "psk",
        "lifetimes",
    }
)
"""What tables other than `[configuration]` say."""
_LIMITS = ("ike_hard", "child_hard", "child_kilobytes")
_RENEWALS = {"ike_soft": Start.IKE_REKEY, "child_soft": Start.CHILD_REKEY}
AUTHORISED = '# authorised = ""    # the laboratory, ticket or contract that allows the test'


def show(made: Configuration, way: Way, psk_file: str) -> str:
    """The file for a device that is `made` and is met this way; its key lies in a file of that name."""
    tables: Mapping[str, Mapping[str, Any]] = {
        "target": {
            "name": made.local_address,
            "kind": "remote",
            "address": made.local_address,
            "configured_as": str(made.profile),
            "ike": [way],
        },
        "peers": {"addresses": [made.peer]},
        "identity": {
            "local_id": written(made.local_id, None),
            "remote_id": written(made.mirrored().local_id, None),
            "psk": {"file": psk_file},
        },
        "lifetimes": dict(_lifetimes(made)),
        "configuration": dict(_further(made)),
    }
    lines: list[str] = []
    for name, table in tables.items():
        if table:
            lines += [f"[{name}]", *entries(table), *([AUTHORISED] if name == "target" else []), ""]
    return "\n".join(lines)


def _lifetimes(made: Configuration) -> Iterator[tuple[str, Any]]:
    may = PROFILES[made.profile].may
    renewals = [name for name, start in _RENEWALS.items() if start in may]
    for name in (*_LIMITS, *renewals):
        yield name, written(getattr(made.lifetimes, name), None)


def _further(made: Configuration) -> Iterator[tuple[str, Any]]:
    """The fields that are another than the catalogue's."""
    for name, value in write(made).items():
        if name not in _ELSEWHERE and getattr(made, name) != getattr(DEFAULT, name):
            yield name, value
