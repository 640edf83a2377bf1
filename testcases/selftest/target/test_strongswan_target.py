"""A real strongSwan under test: silent where it is set up so, convicted where it is not, and never excused by its death."""

import os
import signal
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from harness.capture import read
from harness.observe import observe
from harness.profile import DEFAULT
from harness.record import CaseResult, Verdict
from harness.target.contract import NotApplicable, TargetUnavailable
from harness.target.daemon_target import DEVICE, DaemonTarget
from harness.target.namespaces import wait_until
from harness.target.probe import probe
from harness.target.strongswan import Strongswan
from harness.wire import v2
from harness.wire.datagram import Endpoint
from testcases.selftest.target.plays import (
    GONE_S,
    Play,
    crash,
    dies,
    failed,
    results_of,
    strict,
    two_way,
)

pytestmark = pytest.mark.daemon

PEER = Endpoint("192.0.2.2", 500)


@pytest.fixture(scope="module")
def able() -> None:
    """The machine can do this; if not, the test is skipped."""
    try:
        probe(DaemonTarget(Strongswan))
    except TargetUnavailable as why:
        pytest.skip(str(why))


@pytest.fixture
def target(able: None) -> Iterator[DaemonTarget]:
    """One that ends with the test."""
    made = DaemonTarget(Strongswan)
    yield made
    made.stop()


SILENT = (
    "ikev2/1.2/initial-exchanges",
    "ikev2/1.3/rekey-of-the-ike-sa",
    "ikev1/5.5/without-forward-secrecy",
    "responder_only/e/boot",
    "responder_only/e/matching-traffic",
    "responder_only/e/second-selector",
    "responder_only/f/peer-deletes-the-child",
)


CONVICTED = {
    "responder_only/e/boot": "INV-01",
    "responder_only/e/matching-traffic": "INV-01",
    "responder_only/e/matching-traffic-in-main-mode": "INV-04",
    "responder_only/e/second-selector": "INV-02",
    "responder_only/f/peer-deletes-the-child": "INV-02",
    "responder_only/b/child-at-its-volume-limit": "INV-02",
}


EXPIRES = strict(Strongswan, "responder_only/b/child-at-its-hard-limit")
DIES = dies(Strongswan)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Mapping[Play, CaseResult]:
    """All plays."""
    silent, convicted = partial(strict, Strongswan), partial(two_way, Strongswan)
    return results_of([*map(silent, SILENT), *map(convicted, CONVICTED), EXPIRES, DIES], tmp_path_factory)


@pytest.mark.parametrize("case", SILENT)
def test_set_up_strictly_it_passes(results: Mapping[Play, CaseResult], case: str) -> None:
    """It answers what is asked, and local events start nothing."""
    result = results[strict(Strongswan, case)]
    assert (result.verdict, result.why, failed(result)) == (Verdict.PASS, "", {})


@pytest.mark.parametrize("case", CONVICTED)
def test_set_up_two_way_it_is_convicted_by_a_frame(results: Mapping[Play, CaseResult], case: str) -> None:
    """The same events make it start something, and the finding names the frame."""
    result = results[two_way(Strongswan, case)]
    assert result.verdict is Verdict.FAIL
    assert failed(result)[CONVICTED[case]]


def test_a_child_is_deleted_at_its_hard_limit(results: Mapping[Play, CaseResult]) -> None:
    """What stands in for the kernel tells of the limit; this version then makes the child again, and is convicted."""
    result = results[EXPIRES]
    trace = observe(read(Path(result.capture)), [DEVICE])
    deletes = trace.from_target().among(v2.Delete)

    assert deletes.present
    assert list(failed(result)) == ["INV-02"]


def test_a_crash_is_a_fail_by_inv_16_with_the_last_frames(results: Mapping[Play, CaseResult]) -> None:
    """Silence of the dead is no obedience, nor is what can't be provoked any more an error of ours."""
    result = results[DIES]
    finding = crash(result)

    assert result.verdict is Verdict.FAIL
    assert "SIGABRT" in finding.says
    assert tuple(finding.frames) == (1, 2, 3, 4)


def test_its_log_lies_beside_the_capture(results: Mapping[Play, CaseResult]) -> None:
    """As private as the capture is."""
    result = results[strict(Strongswan, SILENT[0])]
    log = Path(result.capture).with_suffix(".log")

    assert "IKE_SA v2" in log.read_text()
    assert log.stat().st_mode & 0o077 == 0


def test_the_evidence_says_by_which_settings_it_is_set_up(results: Mapping[Play, CaseResult]) -> None:
    """They are those of the profile that it is configured as."""
    opening = read(Path(results[two_way(Strongswan, "responder_only/e/boot")].capture)).opening or {}
    settings = opening["switches"].keys()

    assert {"children.net.start_action = trap", "children.net.close_action = start"} <= settings


def test_its_sas_are_shown(target: DaemonTarget) -> None:
    """Nothing stands before a peer came."""
    target.start(replace(DEFAULT, local_address=DEVICE), PEER)
    assert target.show_sas() == []


def test_it_starts_again_after_its_death(target: DaemonTarget) -> None:
    """A restart leaves its configuration as it was."""
    target.start(replace(DEFAULT, local_address=DEVICE), PEER)
    daemon, _ = target._running
    os.kill(daemon.pid, signal.SIGKILL)
    assert wait_until(target.crashed, GONE_S, "its death") == "strongswan ended by SIGKILL"

    target.restart()
    assert target.crashed() is None


def test_what_it_has_no_words_for_does_not_apply(target: DaemonTarget) -> None:
    """Nothing is started for it."""
    with pytest.raises(NotApplicable, match=r"no words for lifetimes\.idle"):
        target.start(DEFAULT.with_lifetimes(idle=5.0), PEER)
    assert target.crashed() is None
