"""Cases played with real daemons under test, side by side as they mostly wait, and daemons that die of a fault."""

import os
import signal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.bench.beside import Beside
from harness.bench.catalogue import Entry, catalogue
from harness.bench.pool import played
from harness.bench.run import Bench, Settings
from harness.bench.stage import LinkKind
from harness.case import Case, Elapse, Findings, Initiator, Provoke, Script, Trace, that
from harness.codes import ProfileName, Trigger
from harness.record import CaseResult, Finding, Verdict
from harness.target.contract import TargetUnavailable
from harness.target.daemon import IkeDaemon
from harness.target.daemon_target import DaemonTarget
from harness.target.namespaces import wait_until
from harness.target.probe import probe
from harness.wire import v2

GONE_S = 10.0
AT_A_TIME = 8
CASES = {entry.id: entry for entry in catalogue()}


@dataclass(frozen=True)
class Play:
    """A case, judged strict, of a daemon that is set up as `profile`."""

    kind: type[IkeDaemon]
    entry: Entry
    profile: ProfileName = ProfileName.STRICT
    target: type[DaemonTarget] = DaemonTarget


def strict(kind: type[IkeDaemon], case: str) -> Play:
    """One that is to be silent."""
    return Play(kind, CASES[case])


def two_way(kind: type[IkeDaemon], case: str) -> Play:
    """One that starts whatever it can."""
    return Play(kind, CASES[case], ProfileName.TWO_WAY)


class Mortal(DaemonTarget):
    """A daemon that dies of a fault when it is to boot."""

    def victim(self, daemon: IkeDaemon) -> int:
        """The process that the fault is in."""
        return daemon.pid

    def provoke(self, trigger: Trigger) -> str:
        """The fault is SIGSEGV, in a process that this target started."""
        if trigger is not Trigger.BOOT:
            return super().provoke(trigger)
        daemon, _ = self._running
        os.kill(self.victim(daemon), signal.SIGSEGV)
        wait_until(self.crashed, GONE_S, "the crash")
        return "SIGSEGV"


class DiesOfIt(Case):
    """A trigger that starts nothing."""

    requirements = ("CISCO-RO-39",)

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="made")
        yield Provoke(Trigger.BOOT)
        yield Elapse(0.5)
        yield Provoke(Trigger.RELOAD)

    def judge(self, trace: Trace) -> Findings:
        yield that(trace.reply_to("made").find(v2.Authentication), "the IKE SA").is_present()


def dies(kind: type[IkeDaemon], target: type[DaemonTarget] = Mortal) -> Play:
    """One that does not outlive its play."""
    return Play(kind, Entry("own/x/dies-of-it", "own", Path(__file__), DiesOfIt), target=target)


def results_of(plays: Iterable[Play], tmp_path_factory: pytest.TempPathFactory) -> Mapping[Play, CaseResult]:
    """What became of each; the test is skipped where daemons can't be run."""
    plays = tuple(plays)
    try:
        for kind in {play.kind for play in plays}:
            probe(DaemonTarget(kind))
    except TargetUnavailable as why:
        pytest.skip(str(why))

    def made(play: Play, beside: Beside) -> tuple[Bench, Entry]:
        place = tmp_path_factory.mktemp(play.profile)
        settings = Settings(place, link=LinkKind.UDP, configured_as=play.profile)
        return Bench(play.target(play.kind), settings, beside=beside), play.entry

    return dict(played(plays, AT_A_TIME, made))


def failed(result: CaseResult) -> dict[str, tuple[int, ...]]:
    """The frames of each rule that failed."""
    return {each.rule: tuple(each.frames) for each in result.findings if each.verdict is Verdict.FAIL}


def crash(result: CaseResult) -> Finding:
    """What INV-16 says of the target's death."""
    (finding,) = [each for each in result.findings if each.rule == "INV-16" and "crashed" in each.says]
    return finding
