"""Debian's packages of a daemon, unpacked under a directory of their own: nothing is installed, nothing is started.

What the packages need and the machine lacks comes along, so what lies in a prefix is meant for this machine as it is.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.target.contract import TargetUnavailable

PACKAGES: Mapping[str, tuple[str, ...]] = {
    "strongswan": (
        *("strongswan-charon", "strongswan-swanctl", "libstrongswan-standard-plugins"),
        *("libstrongswan-extra-plugins", "libcharon-extra-plugins", "libcharon-extauth-plugins"),
    ),
    "libreswan": ("libreswan",),
    "openiked": ("openiked",),
    "vpnc": ("vpnc",),
}
"""What each daemon is made of; recommended packages stay away, they bring services along."""

LAID_OVER = ("usr", "etc", "var")
"""The directories of a prefix that have something in them for the machine's directories of that name."""

_MERGED = ("bin", "sbin", "lib", "lib64")
"""Older packages fill these; on the machine they are links into /usr."""
_VERSION_LINE = "${Package} ${Version}\n"
_STATUS = Path("/var/lib/dpkg/status")


@dataclass(frozen=True, slots=True)
class Prefix:
    """Where a daemon lies, and the version of each package there."""

    name: str
    root: Path
    versions: Mapping[str, str]

    @property
    def version(self) -> str:
        """The version of the package that gives the daemon its name, without Debian's revision."""
        return self.versions[PACKAGES[self.name][0]].partition("-")[0]


def default_cache() -> Path:
    """Where prefixes are kept if nobody says otherwise, by the XDG Base Directory Specification."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "ike-harness" / "targets"


def fetch(name: str, cache: Path | None = None) -> Prefix:
    """The prefix of that daemon, from the cache or fetched now; TargetUnavailable says why it can't be had."""
    if name not in PACKAGES:
        raise TargetUnavailable(f"no packages are known for {name!r}, only for {', '.join(PACKAGES)}")
    cache = (cache or default_cache()).resolve()
    if cache.is_relative_to("/usr") or cache.is_relative_to("/etc") or cache.is_relative_to("/var"):
        raise TargetUnavailable(f"{cache} lies in a directory that a prefix is laid over; name another cache")
    for word in ("apt-get", "dpkg", "dpkg-deb"):
        if shutil.which(word) is None:
            raise TargetUnavailable(f"{word} is not installed: packages are fetched on Debian alone")
    try:
        with _locked(cache):
            root = cache / f"{name}-{_digest(PACKAGES[name])}"
            if not root.exists():
                _make(root, PACKAGES[name])
    except OSError as why:
        raise TargetUnavailable(f"{cache} can't be used as a cache: {why.strerror}") from why
    return Prefix(name, root, {**_installed(PACKAGES[name]), **_versions(root)})


def _make(root: Path, packages: Sequence[str]) -> None:
    """A prefix that was not finished is never found under its name."""
    work = root.with_suffix(".partial")
    shutil.rmtree(work, ignore_errors=True)
    archives, files = work / "apt" / "archives", work / "root"
    for directory in (archives / "partial", work / "apt" / "lists" / "partial", files):
        directory.mkdir(parents=True)
    _apt(work, "update")
    _apt(work, "--yes", "--no-install-recommends", "--download-only", "install", *packages)
    versions = []
    for archive in sorted(archives.glob("*.deb")):
        _run("dpkg", "--extract", str(archive), str(files))
        versions.append(_run("dpkg-deb", "--show", "--showformat", _VERSION_LINE, str(archive)))
    for name in _MERGED:
        if (files / name).is_dir():
            shutil.copytree(files / name, files / "usr" / name, symlinks=True, dirs_exist_ok=True)
            shutil.rmtree(files / name)
    for name in LAID_OVER:
        (files / name).mkdir(exist_ok=True)
    (files / "versions").write_text("".join(versions), encoding="utf-8")
    files.rename(root)
    shutil.rmtree(work)


def _apt(work: Path, *words: str) -> None:
    """apt-get with lists and archives of its own, so that it needs no rights and leaves the machine's alone."""
    settings = (
        f"Dir::State::lists={work}/apt/lists",
        f"Dir::Cache={work}/apt",
        f"Dir::Cache::archives={work}/apt/archives",
        "Debug::NoLocking=1",
        f"APT::Sandbox::User={'root' if os.geteuid() == 0 else ''}",
        "Acquire::Retries=2",
        "APT::Update::Error-Mode=any",
    )
    _run("apt-get", "-qq", *(word for each in settings for word in ("--option", each)), *words)


def _run(*words: str) -> str:
    """What a command printed; TargetUnavailable repeats the first error that it told of."""
    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env=os.environ | {"LC_ALL": "C"},
    )
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith(("E:", "dpkg"))]
        why = (errors or done.stderr.splitlines() or [f"status {done.returncode}"])[0]
        raise TargetUnavailable(f"{words[0]}: {why.removeprefix('E: ')}")
    return done.stdout


def _digest(packages: Sequence[str]) -> str:
    """Tells apart what is wanted and the machine it is wanted for: what is installed needs no fetching."""
    told = hashlib.sha256("\n".join(packages).encode())
    told.update(_STATUS.read_bytes())
    return told.hexdigest()[:12]


def _versions(root: Path) -> dict[str, str]:
    return _told((root / "versions").read_text(encoding="utf-8"))


def _installed(packages: Sequence[str]) -> dict[str, str]:
    """The versions of those that the machine has already, and that were not fetched for that reason."""
    asked = ("dpkg-query", "--show", "--showformat", _VERSION_LINE, *packages)
    return _told(subprocess.run(asked, capture_output=True, text=True, check=False).stdout)


def _told(lines: str) -> dict[str, str]:
    pairs = (line.split(" ", 1) for line in lines.splitlines())
    return {name: version for name, version in pairs if version}


@contextmanager
def _locked(cache: Path) -> Iterator[None]:
    """One run fetches; another waits and finds what it fetched."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
