"""A target by the name or file that a user gives."""

import tomllib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from harness.responder.deviants import DEVIANTS
from harness.target.contract import Target
from harness.target.daemon import IkeDaemon
from harness.target.daemon_target import DaemonTarget
from harness.target.libreswan import Libreswan
from harness.target.openiked import OpenIked
from harness.target.reference import Reference
from harness.target.strongswan import Strongswan

DEVIANT = "deviant:"


class NoSuchTarget(Exception):
    """The name means nothing or the file is no target file; the sentence says what to do."""


def _reference(_settings: Mapping[str, Any]) -> Target:
    return Reference()


def _daemon(kind: type[IkeDaemon], _settings: Mapping[str, Any]) -> Target:
    return DaemonTarget(kind)


DAEMONS: tuple[type[IkeDaemon], ...] = (Strongswan, Libreswan, OpenIked)
KINDS: dict[str, Callable[[Mapping[str, Any]], Target]] = {
    "reference": _reference,
    **{each.kind: partial(_daemon, each) for each in DAEMONS},
}
"""What a target file may say after `kind =`; each makes the target from the file's content."""


def named(name: str) -> Target:
    """The target of that name: a kind, `deviant:NAME`, or the path of a target file."""
    if name.startswith(DEVIANT):
        return _deviant(name.removeprefix(DEVIANT))
    if name in KINDS:
        return KINDS[name]({})
    if name.endswith(".toml"):
        return _from_file(Path(name))
    raise NoSuchTarget(
        f"no target is called {name!r}: name one of {', '.join(KINDS)}, {DEVIANT}NAME, or a file that ends in .toml"
    )


def _deviant(name: str) -> Target:
    if name not in DEVIANTS:
        raise NoSuchTarget(f"no deviant is called {name!r}; they are {', '.join(sorted(DEVIANTS))}")
    return Reference(name)


def _from_file(path: Path) -> Target:
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as why:
        raise NoSuchTarget(f"{path}: can't be read ({why.strerror}); name a target file") from why
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as why:
        raise NoSuchTarget(f"{path}: no TOML: {why}") from why
    kind = settings.get("target", {}).get("kind")
    if kind not in KINDS:
        raise NoSuchTarget(f"{path}: [target] needs kind = one of {', '.join(KINDS)}, not {kind!r}")
    return KINDS[kind](settings)
