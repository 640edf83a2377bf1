"""tshark sees the class of every message as the observer does: exchange, direction, who began the SA, Message ID, SPIs."""

import hashlib
import shutil
from pathlib import Path

import pytest

from harness.bench.catalogue import Entry, catalogue, select
from harness.bench.run import Bench, Settings
from harness.capture import read
from harness.observe import Seen, observe
from harness.target.reference import Reference
from testcases.selftest.observe.classes import in_udp, of_ours, of_tshark

pytestmark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is the second reader here")

GOLDEN = Path(__file__).parents[3] / "pcaps" / "golden"
SEED = 7
OF_A_SUITE = 20


def observed(path: Path) -> tuple[Seen, ...]:
    """Every message of a run's evidence, those that passed the target by among them."""
    capture = read(path)
    trace = observe(capture, capture.devices)
    return (*trace.seen, *trace.elsewhere)


@pytest.mark.parametrize("name", sorted(path.name for path in GOLDEN.glob("*.pcap")))
def test_golden_captures(name: str) -> None:
    """In the conversations of real daemons the two readers see the same messages in the same frames."""
    told = of_ours(observe(read(GOLDEN / name), ["10.9.0.1"]).seen)

    assert told
    assert told == of_tshark(GOLDEN / name)


@pytest.mark.slow
@pytest.mark.parametrize("suite", ["ikev2", "ikev1", "responder_only"])
def test_evidence_of_runs(suite: str, tmp_path: Path) -> None:
    """In what the harness captures itself the two readers see the same: so many cases of a suite, drawn by the seed."""
    drawn = sorted(select(catalogue(), [f"{suite}/"]), key=_lot)[:OF_A_SUITE]
    evidence = {entry.id: played(entry, tmp_path) for entry in drawn}
    ours = {
        name: of_ours(each for each in observed(path) if not each.over_tcp) for name, path in evidence.items()
    }

    assert len(drawn) == OF_A_SUITE
    assert ours == {name: of_tshark(path) for name, path in evidence.items()}


@pytest.mark.slow
def test_messages_of_streams(tmp_path: Path) -> None:
    """What came over TCP (RFC 9329) is the same to both readers, message by message."""
    for entry in select(catalogue(), ["ikev2/rfc9329-6/"]):
        streamed = tuple(each for each in observed(played(entry, tmp_path)) if each.over_tcp)
        told = of_tshark(in_udp(streamed, tmp_path / "in-udp.pcapng"))

        assert streamed
        assert list(told.values()) == list(of_ours(streamed).values())


def played(entry: Entry, place: Path) -> Path:
    """The evidence of a case that the reference responder was put to."""
    return Bench(Reference(), Settings(pcaps=place, seed=SEED)).perform(entry).path


def _lot(entry: Entry) -> bytes:
    return hashlib.sha256(f"{SEED} {entry.id}".encode()).digest()
