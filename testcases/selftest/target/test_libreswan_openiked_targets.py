"""A real Libreswan and a real OpenIKED under test: silent, convicted where they are two-way, never excused by death."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from harness.profile import DEFAULT
from harness.profile.libreswan import ipsec_conf
from harness.profile.openiked import iked_conf
from harness.record import CaseResult, Verdict
from harness.target.contract import TargetUnavailable
from harness.target.daemon import IkeDaemon
from harness.target.daemon_target import DEVICE, DaemonTarget
from harness.target.libreswan import Libreswan
from harness.target.openiked import OpenIked
from harness.target.probe import probe
from harness.wire.datagram import Endpoint
from testcases.selftest.target.plays import Mortal, Play, crash, dies, failed, results_of, strict, two_way

pytestmark = pytest.mark.daemon


class LosesAProcess(Mortal):
    """An OpenIKED whose process for IKEv2 dies; the one that was started ends in good order then."""

    def victim(self, daemon: IkeDaemon) -> int:
        assert isinstance(daemon, OpenIked)
        return next(number for number, title in daemon.processes.items() if "ikev2" in title)


SILENT = [
    (Libreswan, "ikev2/1.2/initial-exchanges"),
    (Libreswan, "ikev2/1.3/rekey-of-the-ike-sa"),
    (Libreswan, "ikev1/5.5/without-forward-secrecy"),
    (Libreswan, "responder_only/e/boot"),
    (Libreswan, "responder_only/e/matching-traffic"),
    (Libreswan, "responder_only/e/operator-initiates"),
    (Libreswan, "responder_only/b/child-at-its-hard-limit"),
    (OpenIked, "ikev2/1.2/initial-exchanges"),
    (OpenIked, "ikev2/1.3/rekey-of-the-ike-sa"),
    (OpenIked, "responder_only/e/boot"),
    (OpenIked, "responder_only/e/operator-initiates"),
    (OpenIked, "responder_only/f/peer-deletes-the-ike-sa"),
]
CONVICTED = [
    (Libreswan, "responder_only/e/boot", "INV-01"),
    (Libreswan, "responder_only/e/boot-in-main-mode", "INV-04"),
    (Libreswan, "responder_only/e/matching-traffic", "INV-01"),
    (Libreswan, "responder_only/e/operator-initiates", "INV-01"),
    (Libreswan, "responder_only/b/child-at-its-soft-limit", "INV-02"),
    (Libreswan, "responder_only/f/peer-deletes-the-ike-sa", "INV-01"),
    (OpenIked, "responder_only/e/boot", "INV-01"),
    (OpenIked, "responder_only/e/operator-initiates", "INV-01"),
    (OpenIked, "responder_only/b/child-at-its-soft-limit", "INV-02"),
    (OpenIked, "responder_only/b/ike-sa-at-its-soft-limit", "INV-02"),
]
DEATHS = {
    dies(Libreswan): "libreswan ended by SIGSEGV",
    dies(OpenIked): "openiked ended by SIGSEGV($|;)",
    dies(OpenIked, LosesAProcess): "openiked (ended with status 0, which it does by itself|lost iked)",
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Mapping[Play, CaseResult]:
    """All plays of both."""
    silent = [strict(kind, case) for kind, case in SILENT]
    return results_of(
        [*silent, *(two_way(kind, case) for kind, case, _ in CONVICTED), *DEATHS], tmp_path_factory
    )


@pytest.mark.parametrize(("kind", "case"), SILENT)
def test_set_up_strictly_it_passes(
    results: Mapping[Play, CaseResult], kind: type[IkeDaemon], case: str
) -> None:
    """It answers what is asked, and local events start nothing."""
    result = results[strict(kind, case)]
    assert (result.verdict, result.why, failed(result)) == (Verdict.PASS, "", {})


@pytest.mark.parametrize(("kind", "case", "rule"), CONVICTED)
def test_set_up_two_way_it_is_convicted_by_a_frame(
    results: Mapping[Play, CaseResult], kind: type[IkeDaemon], case: str, rule: str
) -> None:
    """The same events make it start something, and the finding names the frame."""
    result = results[two_way(kind, case)]
    assert result.verdict is Verdict.FAIL
    assert failed(result)[rule]


@pytest.mark.parametrize("play", DEATHS, ids=lambda play: f"{play.kind.kind}-{play.target.__name__}")
def test_a_death_is_a_fail_by_inv_16_with_the_last_frames(
    results: Mapping[Play, CaseResult], play: Play
) -> None:
    """Silence of the dead is no obedience, be the status that the daemon ends with ever so good."""
    finding = crash(results[play])

    assert results[play].verdict is Verdict.FAIL
    assert re.search(DEATHS[play], finding.says)
    assert tuple(finding.frames) == (1, 2, 3, 4)


HERE = replace(DEFAULT, local_address=DEVICE, peer="192.0.2.2")


@pytest.mark.parametrize(
    ("kind", "file", "text"),
    [
        (Libreswan, "/etc/ipsec.conf", ipsec_conf(HERE, "/run").replace("conn v2", "conn office")),
        (OpenIked, "/etc/iked.conf", f"# office\n{iked_conf(HERE)}"),
    ],
)
def test_a_users_own_file_is_what_it_reads(
    kind: type[IkeDaemon], file: str, text: str, tmp_path: Path
) -> None:
    """As it is, whatever its connections are called; and what nobody here may change is no ability of such a one."""
    own = tmp_path / "own.conf"
    own.write_text(text)
    target = DaemonTarget(kind, own)
    try:
        probe(target)
        target.start(HERE, Endpoint("192.0.2.2", 500))
    except TargetUnavailable as why:
        pytest.skip(str(why))
    daemon, _ = target._running
    try:
        assert daemon.read(file) == text
        assert target.crashed() is None
        assert kind is OpenIked or '"office": added IKEv2 connection' in target.logs()
        assert not {"configure", "two-way", "operator_initiate"} & target.abilities
    finally:
        target.stop()
