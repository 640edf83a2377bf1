"""The reference as a target: its configuration told in JSON, its process started, provoked and ended."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.bench.catalogue import catalogue
from harness.bench.grounds import own_loopback
from harness.bench.run import Bench, Settings
from harness.bench.stage import LinkKind
from harness.codes import ProfileName, Trigger
from harness.profile import DEFAULT, Dpd, Identity, Peer, Selector
from harness.profile.toml import read_json, show_json
from harness.record import Verdict
from harness.target.contract import Crashes, InProcess, Provokes, ShowsSas, TargetUnavailable, endpoint
from harness.target.named import NoSuchTarget, named
from harness.target.reference import Reference
from harness.wire.datagram import Endpoint

HERE = replace(DEFAULT, local_address=own_loopback(0))
NOBODY = Endpoint(own_loopback(1), 40_000)


@pytest.fixture
def target() -> Iterator[Reference]:
    """A reference responder that is ended in any case."""
    reference = Reference()
    yield reference
    reference.stop()


def test_a_configuration_survives_json() -> None:
    """What a child process is told is what it was meant to be told."""
    configuration = replace(
        DEFAULT,
        profile=ProfileName.P1_ONLY,
        dpd=Dpd(10.0),
        remote_id=None,
        second_selector=Selector("198.51.100.0/25", "203.0.113.0/25"),
        psk=b"\x00\xff",
        further_peers=(Peer(Identity("fqdn", "bob.example"), None, b"\xfe"),),
    ).with_lifetimes(child_hard=9.0)

    assert read_json(show_json(configuration)) == configuration


@pytest.mark.parametrize(
    "plain", [{"speed": 9}, {"profile": "lazy"}, {"lifetimes": 7}, {"psk": {"hex": "no hex"}}, {"peer": 5}]
)
def test_a_configuration_that_is_none_is_refused(plain: dict[str, object]) -> None:
    """A misspelled field or value is a ValueError, not a default."""
    with pytest.raises(ValueError, match=r"\S"):
        read_json(json.dumps(plain))


def test_it_can_what_the_contract_names() -> None:
    """It has every optional ability that the contract describes and it needs."""
    assert all(isinstance(Reference(), ability) for ability in (InProcess, Provokes, ShowsSas, Crashes))


def test_its_process_starts_is_provoked_and_ends(target: Reference) -> None:
    """A process of its own listens, obeys its control socket, and is gone after `stop`."""
    where = target.start(replace(HERE, profile=ProfileName.TWO_WAY), NOBODY)

    outcome = target.provoke(Trigger.BOOT)
    shown = target.show_sas()
    crashed = target.crashed()
    target.stop()

    assert where.ike.address == where.natt.address == own_loopback(0)
    assert outcome.startswith("sent 1 datagram")
    assert [sa["ike"] for sa in shown] == [2]
    assert crashed is None


def test_a_process_that_can_not_start_says_why(target: Reference) -> None:
    """The child's own sentence is passed on."""
    with pytest.raises(TargetUnavailable, match=r"192\.0\.2\.77 is no address of this machine"):
        target.start(replace(DEFAULT, local_address="192.0.2.77"), NOBODY)


def test_a_case_over_real_sockets_has_the_verdict_of_the_virtual_link(tmp_path: Path) -> None:
    """The first case of the catalogue passes on both links, with real keys in the evidence of both."""
    entry = catalogue()[0]
    virtual = Bench(Reference(), Settings(pcaps=tmp_path / "v"))
    real = Bench(Reference(), Settings(pcaps=tmp_path / "u", link=LinkKind.UDP))

    verdicts = [bench.play(entry).verdict for bench in (virtual, real)]
    real.close()

    assert verdicts == [Verdict.PASS, Verdict.PASS]


def test_targets_are_known_by_name_or_file(tmp_path: Path) -> None:
    """A kind, a deviant, and a target file each name a target."""
    file = tmp_path / "edge.toml"
    file.write_text('[target]\nkind = "reference"\n')

    assert [named(name).name for name in ("reference", "deviant:mute", str(file))] == [
        "reference",
        "deviant:mute",
        "reference",
    ]


@pytest.mark.parametrize("name", ["nosuch", "deviant:nosuch", "/nonexistent/edge.toml"])
def test_a_name_that_means_nothing_is_wrong(name: str) -> None:
    """The sentence says what names there are, or what is wrong with the file."""
    with pytest.raises(NoSuchTarget, match=r"name|they are"):
        named(name)


@pytest.mark.parametrize(
    ("text", "address"), [("192.0.2.1:500", "192.0.2.1"), ("[2001:db8::1]:4500", "2001:db8::1")]
)
def test_an_endpoint_is_read_as_it_is_written(text: str, address: str) -> None:
    """Both families, and back again."""
    assert endpoint(text).address == address
    assert str(endpoint(text)) == text
