"""A daemon as target before any is started: what is missing for it is told in a sentence, and what it can't do."""

from pathlib import Path

import pytest

from harness.cli import main
from harness.codes import Trigger
from harness.report.summary import WRONG_USAGE
from harness.target import daemon_target
from harness.target.contract import (
    ABILITIES,
    Crashes,
    GivesLogs,
    Grounds,
    NotApplicable,
    Prepares,
    Provokes,
    Restarts,
    ShowsSas,
    TargetUnavailable,
)
from harness.target.daemon_target import DaemonTarget
from harness.target.openiked import OpenIked
from harness.target.packages import Prefix
from harness.target.probe import probe
from harness.target.strongswan import Strongswan


@pytest.fixture
def target(monkeypatch: pytest.MonkeyPatch) -> DaemonTarget:
    """One that knows of its kernel without asking it."""
    monkeypatch.setattr(DaemonTarget, "_fake_esp", True)
    return DaemonTarget(Strongswan)


def unavailable(why: str) -> object:
    """Whatever it is called with, it is not to be had."""

    def refuse(*_: object, **__: object) -> Prefix:
        raise TargetUnavailable(why)

    return refuse


@pytest.mark.parametrize("ability", [Crashes, GivesLogs, Grounds, Prepares, Provokes, Restarts, ShowsSas])
def test_it_has_every_ability_of_the_contract(target: DaemonTarget, ability: type) -> None:
    """But that of being played in process."""
    assert isinstance(target, ability)


def test_it_promises_nothing_that_is_unknown(target: DaemonTarget) -> None:
    """Its abilities are those that cases can ask for."""
    assert target.abilities <= ABILITIES.keys()


def test_it_refuses_triggers_that_it_can_not_cause(target: DaemonTarget) -> None:
    """A failover takes two nodes."""
    assert Trigger.FAILOVER not in target.abilities
    with pytest.raises(NotApplicable, match="failover"):
        target.provoke(Trigger.FAILOVER)


def test_limits_by_volume_are_reached_only_where_something_stands_in_for_the_kernel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A kernel takes no orders."""
    monkeypatch.setattr(DaemonTarget, "_fake_esp", False)
    assert not {Trigger.SOFT_EXPIRY, Trigger.HARD_EXPIRY} & DaemonTarget(Strongswan).abilities


def test_a_missing_package_is_told_in_a_sentence(
    target: DaemonTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says which target, and what the matter is."""
    monkeypatch.setattr(daemon_target, "fetch", unavailable("apt-get: Unable to locate package"))
    with pytest.raises(TargetUnavailable, match="strongswan can't be run here: apt-get: Unable to locate"):
        probe(target)


def test_a_run_without_root_ends_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No case is played."""
    monkeypatch.setattr(daemon_target, "Network", unavailable("network namespaces are for root"))
    status = main(["run", "--target", "strongswan", "responder_only/e/boot"])

    assert status == WRONG_USAGE
    assert capsys.readouterr().err == (
        "ike-harness: strongswan can't be run here: network namespaces are for root\n"
    )


def test_a_run_on_a_virtual_link_ends_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says which link there is."""
    monkeypatch.setattr(DaemonTarget, "_fake_esp", True)
    monkeypatch.setattr(DaemonTarget, "prepare", lambda _self: None)
    status = main(["run", "--target", "strongswan", "--link", "virtual", "responder_only/e/boot"])

    assert status == WRONG_USAGE
    assert "--link udp" in capsys.readouterr().err


def test_only_a_daemon_has_a_file_in_its_own_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the reference that is said in a sentence, and so is a file that is not there."""
    own = tmp_path / "ipsec.conf"
    own.touch()

    assert main(["run", "--configured-as", str(own), "responder_only/e/boot"]) == WRONG_USAGE
    assert "files of their own words have strongswan, libreswan, openiked" in capsys.readouterr().err
    assert main(["run", "--configured-as", f"{own}.old", "responder_only/e/boot"]) == WRONG_USAGE
    assert "neither one of strict, rekey-ok, p1-only, two-way nor a file" in capsys.readouterr().err


def test_triggers_that_a_stand_in_hides_are_not_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is a kernel it tells of them."""
    monkeypatch.setattr(DaemonTarget, "_fake_esp", True)
    assert not {Trigger.MATCHING_TRAFFIC, Trigger.SECOND_SELECTOR} & DaemonTarget(OpenIked).abilities
    monkeypatch.setattr(DaemonTarget, "_fake_esp", False)
    assert {Trigger.MATCHING_TRAFFIC, Trigger.SECOND_SELECTOR} <= DaemonTarget(OpenIked).abilities
