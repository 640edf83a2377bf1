"""Two ends joined by a cable, each in network and mount namespaces of its own, which vanish with whoever made them.

The namespaces have no names: a process holds each pair, and the kernel ends it, and all that was started in
them, when the thread that made them dies, however it dies.
"""

import contextlib
import ctypes
import os
import select
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from harness.clock import WallClock
from harness.target.contract import TargetUnavailable

T = TypeVar("T")

INTERFACE = "v0"
"""What either end calls its side of the cable."""
COMMAND_S = 20.0
"""How long a command at an end may take."""
STOP_S = 5.0
"""How long a process may take to end before it is killed."""
_NEEDED = ("ip", "mount", "nsenter", "setpriv", "unshare")
_LEASH = ("setpriv", "--pdeathsig", "KILL", "--")
"""Ends the process with its parent."""


def wait_until(condition: Callable[[], T], seconds: float, what: str, every_s: float = 0.02) -> T:
    """The first true value of `condition`; TargetUnavailable says that `what` did not come about in time."""
    clock = WallClock()
    deadline = clock.now() + seconds
    while not (value := condition()):
        if clock.now() > deadline:
            raise TargetUnavailable(f"{what} did not come about within {seconds:.0f} s")
        select.select([], [], [], every_s)
    return value


def last_line(text: str) -> str:
    """The last line that says something."""
    return text.strip().rpartition("\n")[2]


def end_process(process: subprocess.Popen[Any]) -> int:
    """Ask a process to end, kill it if it does not; its exit status."""
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()
    return process.returncode


class End:
    """One end: an address, and a /run of its own; of the file system it shares all over which nothing is laid."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._laid: set[Path] = set()
        self._holder = subprocess.Popen(
            [*_LEASH, "unshare", "--net", "--mount", "--", "cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            self._wait_for_holder()
            self.run("mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", "/run")
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """The process that holds the namespaces."""
        return self._holder.pid

    def path(self, inside: str) -> Path:
        """Where a file of this end, such as one under /run, is found from outside."""
        return Path(f"/proc/{self.pid}/root{inside}")

    def command(self, *words: str) -> list[str]:
        """The command that runs `words` here, in our directory, and ends with its parent."""
        here = f"--wdns={Path.cwd()}"
        entered = ("nsenter", "--target", str(self.pid), "--net", "--mount", here, "--")
        return [*_LEASH, *entered, *words]

    def run(self, *words: str, given: str = "", seconds: float = COMMAND_S) -> str:
        """Run a command to its end; what it printed. TargetUnavailable says why it failed."""
        try:
            done = subprocess.run(
                self.command(*words),
                input=given,
                capture_output=True,
                text=True,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise TargetUnavailable(f"{words[0]} did not end within {seconds:.0f} s") from None
        if done.returncode:
            why = last_line(done.stderr) or last_line(done.stdout) or f"status {done.returncode}"
            raise TargetUnavailable(f"{words[0]}: {why}")
        return done.stdout

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """Sockets that this thread opens in this context are of this end, and remain so after it."""
        paths = Path("/proc/thread-self/ns/net"), Path(f"/proc/{self.pid}/ns/net")
        with paths[0].open() as ours, paths[1].open() as theirs:
            _enter(theirs.fileno())
            try:
                yield
            finally:
                _enter(ours.fileno())

    def spawn(
        self,
        *words: str,
        environment: Mapping[str, str] | None = None,
        output: int = subprocess.PIPE,
        errors: int = subprocess.PIPE,
    ) -> subprocess.Popen[str]:
        """Start a process here; `environment` is added to ours."""
        added = [f"{name}={value}" for name, value in (environment or {}).items()]
        return subprocess.Popen(
            self.command(*(("env", *added) if added else ()), *words),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            text=True,
        )

    def lay_over(self, root: Path) -> None:
        """Lay the directories in `root` over the machine's, as only this end sees it and as long as it stands."""
        if root in self._laid:
            return
        for name in sorted(each.name for each in root.iterdir() if each.is_dir()):
            upper, work = f"/run/over/{len(self._laid)}/{name}", f"/run/over/{len(self._laid)}/.{name}"
            self.run("mkdir", "--parents", upper, work)
            layers = f"lowerdir={root}/{name}:/{name},upperdir={upper},workdir={work}"
            self.run("mount", "-t", "overlay", "overlay", "-o", layers, f"/{name}")
        self._laid.add(root)

    def close(self) -> None:
        """Let go of the namespaces; they end with the last process in them."""
        end_process(self._holder)

    def _wait_for_holder(self) -> None:
        """`cat` can answer only after the namespaces are made."""
        assert self._holder.stdin is not None
        assert self._holder.stdout is not None
        assert self._holder.stderr is not None
        with contextlib.suppress(BrokenPipeError):
            self._holder.stdin.write(b"\n")
            self._holder.stdin.flush()
        if self._holder.stdout.read(1) != b"\n":
            why = last_line(self._holder.stderr.read().decode(errors="replace"))
            raise TargetUnavailable(f"namespaces can't be made: {why}")


class Network:
    """Two ends, `near` and `far`, and the cable between them."""

    def __init__(self, near: str = "10.9.0.1", far: str = "10.9.0.2") -> None:
        if os.geteuid() != 0:
            raise TargetUnavailable("network namespaces are for root")
        missing = [word for word in _NEEDED if shutil.which(word) is None]
        if missing:
            raise TargetUnavailable(f"{missing[0]} is not installed")
        with contextlib.ExitStack() as made:
            self.near = End(near)
            made.callback(self.near.close)
            self.far = End(far)
            made.callback(self.far.close)
            self.near.run(
                *("ip", "link", "add", INTERFACE, "type", "veth"),
                *("peer", "name", INTERFACE, "netns", str(self.far.pid)),
            )
            for end in (self.near, self.far):
                end.run("ip", "-batch", "-", given=_set_up(end.address))
            self._made = made.pop_all()

    def __enter__(self) -> "Network":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of both ends; harmless if that was done."""
        self._made.close()

    def lacks_esp(self) -> bool:
        """Whether the kernel refuses SAs of ESP, found out by asking for one."""
        what = ("src", self.near.address, "dst", self.far.address, "proto", "esp", "spi", "0x100")
        try:
            self.near.run("ip", "xfrm", "state", "add", *what, *_ANY_KEYS)
        except TargetUnavailable:
            return True
        self.near.run("ip", "xfrm", "state", "delete", *what)
        return False


def _enter(namespace: int) -> None:
    """Put the calling thread into a network namespace (setns(2); Python has it from 3.12 on)."""
    if _LIBC.setns(namespace, _CLONE_NEWNET) != 0:
        why = os.strerror(ctypes.get_errno())
        raise TargetUnavailable(f"a network namespace can't be entered: {why}")


_LIBC = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x4000_0000
_ANY_KEYS = ("mode", "tunnel", "auth", "hmac(sha1)", "0x" + "00" * 20, "enc", "cbc(aes)", "0x" + "00" * 16)


def _set_up(address: str) -> str:
    """The commands that give an end its address; whether an IPv6 address is taken is not asked first."""
    network = f"{address}/64 nodad" if ":" in address else f"{address}/24"
    lines: Sequence[str] = (
        "link set lo up",
        f"addr add {network} dev {INTERFACE}",
        f"link set {INTERFACE} up",
    )
    return "".join(f"{line}\n" for line in lines)
