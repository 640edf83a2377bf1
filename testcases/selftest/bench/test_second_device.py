"""A second real device on the line: what crosses when both ends are two-way, and what does not under responder-only."""

from pathlib import Path

import pytest

from harness.bench.catalogue import Entry, catalogue
from harness.bench.run import Bench, Performed, Settings
from harness.bench.stage import LinkKind
from harness.capture import read
from harness.codes import Exchange, ProfileName
from harness.observe import Trace, observe
from harness.record import Verdict
from harness.target.reference import Reference
from harness.wire import v1, v2

CASES = {entry.id: entry for entry in catalogue() if "both-ends-converge" in entry.id}
VERSION_2 = CASES["responder_only/e/both-ends-converge"]
VERSION_1 = CASES["responder_only/e/both-ends-converge-in-main-mode"]
TWO_WAY = ProfileName.TWO_WAY


def played(entry: Entry, place: Path, profile: ProfileName | None = None, **settings: object) -> Performed:
    """The case's evidence, with the target set up as this profile."""
    bench = Bench(Reference(), Settings(place, configured_as=profile, **settings))
    try:
        return bench.perform(entry)
    finally:
        bench.close()


def trace_of(performed: Performed) -> Trace:
    """What the evidence file says, and nothing else."""
    capture = read(performed.path)
    return observe(capture, capture.devices)


def children(trace: Trace) -> list[bool]:
    """For each Child SA or pair of IPsec SAs that was agreed, whether the target is who agreed to it."""
    asked: set[int] = set()
    agreed = []
    for seen in trace.ike:
        offered = any(isinstance(p, v1.SecurityAssociation | v2.SecurityAssociation) for p in seen.payloads)
        if seen.exchange == Exchange.IKE_AUTH and offered and not seen.is_request:
            agreed.append(seen.from_target)
        if seen.exchange == Exchange.QUICK_MODE and offered and seen.header is not None:
            if seen.header.message_id in asked:
                agreed.append(seen.from_target)
            asked.add(seen.header.message_id)
    return agreed


@pytest.mark.parametrize("entry", [VERSION_1, VERSION_2], ids=["version-1", "version-2"])
def test_two_two_way_devices_make_duplicate_sas(entry: Entry, tmp_path: Path) -> None:
    """Routes that converge at both ends at once: each device answers the other's call, and two tunnels stand."""
    trace = trace_of(played(entry, tmp_path, TWO_WAY))

    assert sorted(children(trace)) == [False, True]


@pytest.mark.parametrize("entry", [VERSION_1, VERSION_2], ids=["version-1", "version-2"])
def test_a_responder_makes_no_duplicate(entry: Entry, tmp_path: Path) -> None:
    """The same event with responder-only at one end: the other end's call is answered, and one tunnel stands."""
    trace = trace_of(played(entry, tmp_path))

    assert children(trace) == [True]


@pytest.mark.parametrize(
    ("profile", "verdict"), [(ProfileName.STRICT, Verdict.PASS), (TWO_WAY, Verdict.FAIL)]
)
def test_the_verdict_tells_them_apart(profile: ProfileName, verdict: Verdict, tmp_path: Path) -> None:
    """Judged strict, the responder passes and the two-way device fails, by its own IKE_SA_INIT."""
    bench = Bench(Reference(), Settings(tmp_path, configured_as=profile))

    result = bench.play(VERSION_2)

    assert result.verdict is verdict
    assert {finding.rule for finding in result.findings if finding.verdict is Verdict.FAIL} <= {
        "INV-01",
        "INV-03",
    }


def test_the_second_device_is_woken(tmp_path: Path) -> None:
    """Its call is repeated when its own timer says so: with half the datagrams lost it gets through all the same."""
    lossy = [played(VERSION_2, tmp_path / str(seed), link=LinkKind.LOSSY, seed=seed) for seed in range(12)]

    assert all(children(trace_of(performed)) for performed in lossy)


def test_what_happens_to_the_second_device_is_on_record(tmp_path: Path) -> None:
    """The evidence says which device was provoked, and what came of it."""
    trace = trace_of(played(VERSION_2, tmp_path))
    (noted,) = trace.observations("provoke device").value or ()

    assert noted.outcome == {
        "device": "bob",
        "trigger": "route_convergence",
        "outcome": "sent 1 datagram; sent ike-sa",
    }


def test_it_plays_on_real_sockets(tmp_path: Path) -> None:
    """Over UDP the second device has sockets of its own, and the verdict is that of the virtual link."""
    bench = Bench(Reference(), Settings(tmp_path, link=LinkKind.UDP))
    result = bench.play(VERSION_2)
    bench.close()

    assert result.verdict is Verdict.PASS
