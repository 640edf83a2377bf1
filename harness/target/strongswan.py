"""A strongSwan process in namespaces of its own: started, told what to do, asked what it has, ended by its id."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

from harness.profile import Configuration
from harness.profile.strongswan import CHILD, WAYS, Way, initiate_command, strongswan_conf, swanctl_conf
from harness.target.contract import TargetUnavailable
from harness.target.namespaces import End, end_process, last_line, wait_until

CHARON = Path("/usr/lib/ipsec/charon")
PLACE = "/run"
"""Where its files lie, in the mount namespace of its end."""
START_S = 10.0
_SHIM = f"{PLACE}/xfrmfake.so"


class Strongswan:
    """One charon and the commands that drive it; `fake_esp` where the kernel has no ESP."""

    def __init__(self, end: End, configuration: Configuration, *, fake_esp: bool = False) -> None:
        self._end = end
        self._configuration = configuration
        self._fake_esp = fake_esp
        self._process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        """The id of the running daemon."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and load the connections of every way; TargetUnavailable says why that failed."""
        missing = self.missing(fake_esp=self._fake_esp)
        if missing is not None:
            raise TargetUnavailable(missing)
        self._write("strongswan.conf", strongswan_conf(PLACE))
        self._write("swanctl.conf", swanctl_conf(self._configuration, ways=WAYS))
        preload = {"LD_PRELOAD": self._shim()} if self._fake_esp else {}
        self._process = self._end.spawn(
            str(CHARON),
            environment={"STRONGSWAN_CONF": f"{PLACE}/strongswan.conf", **preload},
            output=subprocess.DEVNULL,
            errors=subprocess.DEVNULL,
        )
        wait_until(self._listens, START_S, "strongSwan's control socket")
        self._swanctl("--load-all", "--noprompt", "--file", f"{PLACE}/swanctl.conf")

    def stop(self) -> int | None:
        """End it; its exit status, None if it did not run."""
        process, self._process = self._process, None
        return None if process is None else end_process(process)

    def initiate(self, way: Way) -> None:
        """Bring up the IKE SA and the child of `way`."""
        _, *words = initiate_command(way)
        self._swanctl(*words)

    def rekey_child(self, way: Way) -> None:
        """Begin to replace the child of `way`."""
        self._swanctl("--rekey", "--child", CHILD, "--ike", way)

    def rekey_ike(self, way: Way) -> None:
        """Begin to replace the IKE SA of `way`; in version 1 that is a new phase 1."""
        self._swanctl("--rekey", "--ike", way)

    def terminate(self, way: Way) -> None:
        """Delete the IKE SA of `way` and what hangs on it."""
        self._swanctl("--terminate", "--ike", way, "--timeout", "8")

    def sas(self) -> list[dict[str, Any]]:
        """The IKE SAs, as `swanctl --list-sas` tells them: names and text, a section a dict."""
        told = self._swanctl("--list-sas", "--raw")
        return [sa for event in re.findall(r"^list-sa event (.*)$", told, re.M) for sa in _sections(event)]

    def log(self) -> str:
        """What it logged since its start."""
        return self._end.path(f"{PLACE}/charon.log").read_text(encoding="utf-8", errors="replace")

    @staticmethod
    def missing(*, fake_esp: bool = False) -> str | None:
        """What is not installed, in words; None if nothing is missing."""
        if not CHARON.exists():
            return "strongSwan's charon is not installed (Debian: strongswan-charon)"
        for word in ("swanctl", *(("gcc",) if fake_esp else ())):
            if shutil.which(word) is None:
                return f"{word} is not installed"
        return None

    def _listens(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise TargetUnavailable(f"strongSwan ended with status {self._process.returncode}")
        return self._end.path(f"{PLACE}/charon.vici").is_socket()

    def _write(self, name: str, text: str) -> None:
        path = self._end.path(f"{PLACE}/{name}")
        path.touch(0o600)
        path.write_text(text, encoding="utf-8")

    def _shim(self) -> str:
        """The library that stands in for ESP, built where only this end sees it."""
        source = resources.files("harness.target").joinpath("shim", "xfrmfake.c").read_text(encoding="utf-8")
        self._end.run("gcc", "-x", "c", "-shared", "-fPIC", "-O1", "-o", _SHIM, "-", "-ldl", given=source)
        return _SHIM

    def _swanctl(self, *words: str) -> str:
        uri = f"unix://{PLACE}/charon.vici"
        try:
            return self._end.run(
                *("env", f"STRONGSWAN_CONF={PLACE}/strongswan.conf", f"SWANCTL_DIR={PLACE}/swanctl"),
                *("swanctl", words[0], "--uri", uri, *words[1:]),
            )
        except TargetUnavailable as why:
            raise TargetUnavailable(f"swanctl {words[0]}: {last_line(str(why))}") from why


_WORD = re.compile(r"[{}\[\]]|[^\s{}\[\]]+")


def _sections(text: str) -> list[dict[str, Any]]:
    """The sections in what `--raw` prints: `{name {key=value list=[a b] inner {…}}}`, each with its name."""
    body = _body(iter(_WORD.findall(text.strip()[1:])))
    return [{"name": name, **section} for name, section in body.items() if isinstance(section, dict)]


def _body(words: Iterator[str]) -> dict[str, Any]:
    """The values up to the brace that closes; a list's name ends with its equals sign."""
    found: dict[str, Any] = {}
    name = ""
    for word in words:
        if word == "}":
            break
        if word == "{":
            found[name] = _body(words)
        elif word == "[":
            found[name] = list(iter(lambda: next(words, "]"), "]"))
        else:
            name, equals, value = word.partition("=")
            if equals:
                found[name] = value
    return found
