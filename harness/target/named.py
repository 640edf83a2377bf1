"""A target by the name or file that a user gives."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from harness.codes import ProfileName
from harness.record import printable
from harness.responder.deviant import unknown
from harness.responder.deviants import DEVIANTS
from harness.target import file
from harness.target.contract import Target
from harness.target.daemon import IkeDaemon
from harness.target.daemon_target import DaemonTarget
from harness.target.libreswan import Libreswan
from harness.target.openiked import OpenIked
from harness.target.reference import Reference
from harness.target.remote import Leave, Remote
from harness.target.strongswan import Strongswan

DEVIANT = "deviant:"
REMOTE = "remote"
"""The kind of a device that was set up by somebody else: a target file alone can name one."""
NO_LEAVE = Leave()


def profile_of(configured_as: str | None) -> ProfileName | None:
    """The profile that a user names as that of the target's configuration; None if it is a file, or nothing is named."""
    return ProfileName(configured_as) if configured_as in list(ProfileName) else None


def own_file_of(configured_as: str | None) -> Path | None:
    """The file that a user names as the target's configuration; None if it is a profile, or nothing is named."""
    return Path(configured_as) if configured_as and profile_of(configured_as) is None else None


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
"""What a target file may say after `kind =` besides "remote"; each makes the target from the file's content."""


def named(name: str, leave: Leave = NO_LEAVE, own: Path | None = None) -> Target:
    """The target of that name: a kind, `deviant:NAME`, or the path of a target file; a daemon may have a user's `own` file."""
    if own is not None:
        return _by_own_file(name, own)
    if name.startswith(DEVIANT):
        return _deviant(name.removeprefix(DEVIANT))
    if name in KINDS:
        return KINDS[name]({})
    if name.endswith(".toml"):
        return _from_file(Path(name), leave)
    raise NoSuchTarget(
        f"no target is called {name!r}: name one of {', '.join(KINDS)}, {DEVIANT}NAME, or a file that ends in .toml"
    )


def _by_own_file(name: str, own: Path) -> Target:
    kind = next((each for each in DAEMONS if each.kind == name), None)
    if kind is None:
        known = ", ".join(each.kind for each in DAEMONS)
        raise NoSuchTarget(f"{name} can't be configured as {own} says: files of their own words have {known}")
    return DaemonTarget(kind, own)


def _deviant(name: str) -> Target:
    if name not in DEVIANTS:
        raise NoSuchTarget(unknown(name))
    return Reference(name)


def _from_file(path: Path, leave: Leave) -> Target:
    try:
        tables = file.load(path)
        about = tables.get("target")
        kind = about.get("kind") if isinstance(about, Mapping) else None
        if kind == REMOTE:
            return _permitted(Remote(file.read(path), leave), leave)
    except file.TargetFileError as why:
        raise NoSuchTarget(str(why)) from why
    if kind not in KINDS:
        known = ", ".join((*KINDS, REMOTE))
        raise NoSuchTarget(printable(f"{path}: [target] needs kind = one of {known}, not {kind!r}"))
    return KINDS[kind](tables)


def _permitted(device: Remote, leave: Leave) -> Remote:
    """The device, if it may be sent anything at all."""
    if device.told.is_global and device.address not in leave.addresses:
        raise NoSuchTarget(
            f"{device.told.path}: {device.address} is an address that anybody's device may have; if you may test it, "
            f"say so: --i-may-test {device.address}"
        )
    return device
