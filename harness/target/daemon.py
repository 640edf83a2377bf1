"""A foreign IKE daemon at one end: its packages laid over, started, told what to do, ended by its id."""

import shutil
import signal
import socket
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

from harness.codes import Trigger
from harness.profile import Configuration
from harness.profile.switches import Switch
from harness.profile.unsaid import unsaid
from harness.profile.ways import Way
from harness.target.contract import NotApplicable, TargetUnavailable
from harness.target.namespaces import End, end_process, wait_until
from harness.target.packages import Prefix

PLACE = "/run"
"""Where a daemon's files lie that no compiled-in path puts elsewhere, in the mount namespace of its end."""
EXPIRY = f"{PLACE}/expiry"
"""The socket on which what stands in for the kernel's SAs is told to let them expire."""
START_S = 10.0
_BUILD = ("gcc", "-x", "c", "-shared", "-fPIC", "-O1")


@dataclass(frozen=True, slots=True)
class ChildSa:
    """A Child SA or a pair of IPsec SAs, by its SPIs of eight hexadecimal digits."""

    spi_in: str
    spi_out: str


@dataclass(frozen=True, slots=True)
class IkeSa:
    """An IKE SA or ISAKMP SA that stands, in the eyes of a daemon."""

    name: str
    """Its SPIs or its number: what this daemon tells its IKE SAs apart by."""
    children: tuple[ChildSa, ...]
    """Those in use, oldest first."""


class IkeDaemon(ABC):
    """One daemon; `fake_esp` where the kernel has no ESP, `further` lines go into its files as the printer says.

    One that is `under_test` takes any peer that proves itself, and starts by itself what its profile allows;
    any other starts nothing unless it is told to. With `own` text of a user's, that stands in the file of its
    connections, in place of what is printed.
    """

    kind: ClassVar[str]
    """Its name among the packages."""
    shims: ClassVar[tuple[str, ...]] = ()
    """What stands in for the kernel's SAs: the names of sources in `shim`."""
    abilities: ClassVar[frozenset[str]] = frozenset()
    """What a case may need of it as responder, beyond what every daemon can."""
    says: ClassVar[frozenset[str]] = frozenset()
    """The settings that its files have words for."""
    orders: ClassVar[frozenset[Trigger]] = frozenset()
    """The triggers that are caused by orders to it."""
    shim_orders: ClassVar[frozenset[Trigger]] = frozenset()
    """Those that can be caused where something stands in for the kernel's SAs."""
    shim_hides: ClassVar[frozenset[Trigger]] = frozenset()
    """Those that a kernel would tell it of, and what stands in for the kernel's SAs does not."""
    limits_volume: ClassVar[bool] = True
    """Whether it tells the kernel of limits by volume; of one that does not, every SA is taken to have reached them."""

    def __init__(
        self,
        end: End,
        prefix: Prefix,
        *,
        fake_esp: bool = False,
        under_test: bool = False,
        own: str | None = None,
        further: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> None:
        self.end = end
        self.further = further
        self.under_test = under_test
        self.own = own
        self._prefix = prefix
        self._fake_esp = fake_esp
        self._process: subprocess.Popen[str] | None = None

    @property
    def version(self) -> str:
        """What its package says."""
        return self._prefix.version

    @property
    def pid(self) -> int:
        """The id of the running daemon."""
        assert self._process is not None
        return self._process.pid

    @classmethod
    def look_for_tools(cls, *, fake_esp: bool) -> None:
        """TargetUnavailable names what is not installed and it can't be run without."""
        if fake_esp and cls.shims and shutil.which(_BUILD[0]) is None:
            raise TargetUnavailable(
                f"{_BUILD[0]} is not installed, and the kernel has no ESP: a stand-in must be built"
            )

    @classmethod
    def unfit(cls, configuration: Configuration) -> str:
        """What of a configuration it can't be as responder, in words; empty if it can be all of it."""
        missing = unsaid(configuration, cls.says)
        return f"it has no words for {', '.join(missing)}" if missing else ""

    def switches(self) -> tuple[Switch, ...]:
        """What in its files decides what it starts by itself; nothing is known of a user's own."""
        return ()

    def order(self, trigger: Trigger) -> str:
        """Cause one of its orders; what came of it, in words."""
        raise NotApplicable(f"{self.kind} has no order for {trigger}")

    def expire(self, trigger: Trigger) -> str:
        """Let the soft or the hard limit by volume be reached, in the eyes of what stands in for the kernel."""
        limit = "soft" if trigger is Trigger.SOFT_EXPIRY else "hard"
        order = limit if self.limits_volume else f"{limit}*"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as talker:
            talker.sendto(order.encode(), str(self.path(EXPIRY)))
        which = " that has one" if self.limits_volume else ""
        return f"every Child SA{which} reached its {limit} limit by volume"

    def boot(self, configuration: Configuration) -> None:
        """End it and start it again, as the machine would that it runs on."""
        self.stop()
        self.start(configuration)

    def start(self, configuration: Configuration) -> None:
        """Start it as `configuration`. TargetUnavailable says why that failed."""
        self.end.lay_over(self._prefix.root)
        self.prepare(configuration)
        self.spawn()
        wait_until(self.is_up, START_S, f"the readiness of {self.kind}")
        self.load()

    def spawn(self) -> None:
        """Let the process begin."""
        built = [self._built(shim) for shim in self.shims] if self.needs_shim() else []
        preload = {"LD_PRELOAD": ":".join(built), "EXPIRY_ORDERS": EXPIRY} if built else {}
        self.path("output").touch(0o600)
        with self.path("output").open("w") as output:
            self._process = self.end.spawn(
                *self.command(),
                environment={**self.environment(), **preload},
                output=output.fileno(),
                errors=output.fileno(),
            )

    @property
    def runs(self) -> bool:
        """Whether it was started and not stopped."""
        return self._process is not None

    def stop(self) -> int | None:
        """End it; its exit status, None if it did not run."""
        process, self._process = self._process, None
        return None if process is None else end_process(process)

    def crashed(self) -> str | None:
        """How it died, in words; None while it runs."""
        status = None if self._process is None else self._process.poll()
        if status is None:
            return None
        how = f"by {signal.Signals(-status).name}" if status < 0 else f"with status {status}"
        return f"{self.kind} ended {how}"

    @abstractmethod
    def command(self) -> tuple[str, ...]:
        """What is run in the foreground."""

    @abstractmethod
    def prepare(self, configuration: Configuration) -> None:
        """Write its files."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Whether it takes orders."""

    @abstractmethod
    def load(self) -> None:
        """Make it know its connections."""

    @abstractmethod
    def initiate(self, way: Way) -> None:
        """Bring up the IKE SA and the child of `way`."""

    @abstractmethod
    def rekey_child(self, way: Way) -> None:
        """Begin to replace the child of `way`."""

    @abstractmethod
    def rekey_ike(self, way: Way) -> None:
        """Begin to replace the IKE SA of `way`; in version 1 that is a new phase 1."""

    @abstractmethod
    def terminate(self, way: Way) -> None:
        """Delete the IKE SA of `way` and what hangs on it."""

    @abstractmethod
    def listing(self) -> str:
        """Its SAs in its own words."""

    @abstractmethod
    def sas(self) -> list[IkeSa]:
        """The IKE SAs that stand, oldest first."""

    @abstractmethod
    def log(self) -> str:
        """What it logged since its start."""

    def environment(self) -> Mapping[str, str]:
        """What is added to its environment."""
        return {}

    def needs_shim(self) -> bool:
        """Whether something has to stand in for the kernel's SAs."""
        return self._fake_esp

    def path(self, name: str) -> Path:
        """A file of its own, or with a leading slash any, seen from outside."""
        return self.end.path(name if name.startswith("/") else f"{PLACE}/{name}")

    def answers(self, name: str) -> bool:
        """Whether somebody listens on this socket of the file system."""
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.path(name))) == 0

    def write(self, name: str, content: str | bytes, mode: int = 0o600) -> None:
        """Write a file; by default its owner alone can read it."""
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode)
        path.chmod(mode)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def read(self, name: str) -> str:
        """The text of a file; nothing if there is none yet."""
        try:
            return self.path(name).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""

    def is_up(self) -> bool:
        """Whether it takes orders; TargetUnavailable tells what it said last if it died."""
        died = self.crashed()
        if died is not None:
            raise TargetUnavailable(f"{died}: {self.read('output').strip()[-500:]}")
        return self.is_ready()

    def _built(self, shim: str) -> str:
        """A library that stands in for the kernel, built where only this end sees it."""
        source = resources.files("harness.target").joinpath("shim", f"{shim}.c").read_text(encoding="utf-8")
        built = f"{PLACE}/{shim}.so"
        self.end.run(*_BUILD, "-o", built, "-", "-ldl", "-lpthread", given=source)
        return built
