"""A device known by its address alone is tested as it stands: what it is told, what it is asked, and what is claimed of it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.bench.catalogue import Entry, catalogue, select
from harness.bench.ending import FAREWELL, WHOLE
from harness.bench.grounds import own_loopback
from harness.bench.run import Bench, Settings
from harness.bench.stage import LinkKind
from harness.bench.windows import SHORTEST_S
from harness.capture import read
from harness.case import (
    Case,
    Elapse,
    Findings,
    Initiator,
    Note,
    Provoke,
    Script,
    Send,
    Silence,
    Trace,
    Trigger,
    Watch,
    given,
)
from harness.codes import ProfileName
from harness.profile import DEFAULT, Configuration, Peer
from harness.record import CaseResult, Verdict
from harness.target.file import read as read_file
from harness.target.remote import Leave, Remote
from harness.wire.datagram import Endpoint
from testcases.selftest.bench.double import (
    DEVICE,
    PEER,
    PSK,
    STRANGER,
    STRANGERS_PSK,
    Double,
    start,
)

SIMPLE = "ikev2/1.2/initial-exchanges"
LEAVE = Leave(commands=True)
ANYBODYS = "8.8.8.8"
Make = Callable[..., Double]


class Told(Case):
    """A device that is told something starts nothing."""

    trigger = Trigger.MATCHING_TRAFFIC

    def script(self, alice: Initiator) -> Script:
        yield Note("waits", alice.name)
        yield Provoke(self.trigger, times=3)
        yield Elapse(0.5)

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.observations("provoke"), f"the trigger {self.trigger}").is_present()


class Traffic(Told):
    """Traffic starts nothing."""

    needs = frozenset({"matching_traffic"})


class Reload(Told):
    """A reload starts nothing."""

    needs = frozenset({"reload"})
    trigger = Trigger.RELOAD


class Astray(Told):
    """A peer that was told of another gateway speaks to it."""

    needs = frozenset()

    def script(self, alice: Initiator) -> Script:
        yield Send(b"anything", alice.local, Endpoint(ANYBODYS, 500))

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.observations("spared"), "an address that is spared").is_present()


class BootInMainMode(Told):
    """A device whose calls would be in Main Mode boots."""

    needs = frozenset({"boot", "v1-main"})
    trigger = Trigger.BOOT
    settings = staticmethod(lambda stands: replace(stands, initiate_version=1))


class Outlived(Case):
    """A Child SA that ends is not made again."""

    settings = staticmethod(lambda stands: stands.with_lifetimes(child_hard=1.0))
    outlasts = "child"
    silence = Silence.RENEWAL

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="made")
        yield Watch()

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.reply_to("made"), "the tunnel").is_present()


def own(kind: type[Case]) -> Entry:
    """A case of this file in the catalogue."""
    return Entry(f"responder_only/e/{kind.__name__.lower()}", "responder_only", Path(__file__), kind)


TRAFFIC, RELOAD, BOOT, OUTLIVED, ASTRAY = map(own, (Traffic, Reload, BootInMainMode, Outlived, Astray))


def configuration(**changes: object) -> Configuration:
    """What the double is set up to be."""
    own = replace(
        DEFAULT, local_id=DEVICE, remote_id=PEER, psk=PSK, local_address=own_loopback(150), peer=None
    )
    return replace(own, **changes)


@pytest.fixture
def double(tmp_path: Path) -> Iterator[Make]:
    """Makes a double on a loopback address and high ports."""
    made: list[Double] = []

    def make(**changes: object) -> Double:
        listening = ("--listen", own_loopback(150), "--port", "0", "--nat-port", "0")
        made.append(start(configuration(**changes), tmp_path, *listening))
        return made[-1]

    yield make
    for each in made:
        each.kill()


def case(name: str | Entry) -> Entry:
    """The case, or the one of the catalogue that has this id."""
    if isinstance(name, Entry):
        return name
    (entry,) = (each for each in select(catalogue(), (name,)) if each.id == name)
    return entry


def bench(file: Path, leave: Leave = LEAVE, **settings: object) -> Bench:
    """A bench for the device of that file."""
    link = Settings(pcaps=file.parent / "pcaps", link=LinkKind.UDP, **settings)
    return Bench(Remote(read_file(file), leave), link)


def play(file: Path, name: str | Entry, leave: Leave = LEAVE, **settings: object) -> CaseResult:
    """What comes of a case on it."""
    return bench(file, leave, **settings).play(case(name))


def test_an_honest_device_passes(double: Make) -> None:
    """Both ends have what the file says, though nobody told the device anything for the case."""
    assert play(double().file(), SIMPLE).verdict is Verdict.PASS


def test_peers_send_from_the_ports_of_the_file(double: Make) -> None:
    """The first peer at an address has them."""
    file = double().file(peers=f'addresses = ["{own_loopback(152)}"]\nport = 20500\nnat_port = 24500\n')
    opening = read(Path(play(file, SIMPLE).capture)).opening

    assert opening["cast"]["alice"] == [f"{own_loopback(152)}:20500", f"{own_loopback(152)}:24500"]


@pytest.mark.slow
def test_a_wrong_key_is_no_pass(double: Make) -> None:
    """A file that is not true of the device is no ground for a PASS."""
    file = double().file(identity=f'local_id = "fqdn:{DEVICE}"\nremote_id = "fqdn:{PEER}"\npsk = "wrong"\n')

    assert play(file, SIMPLE).verdict is not Verdict.PASS


def test_the_evidence_says_what_was_declared(double: Make) -> None:
    """Profile, limits and patience are those of the file; of limits that it does not name nothing is said."""
    device = double()
    about = device.about
    file = device.file(target=about + "t_resp_s = 7.0\n", lifetimes="child_hard = 600\n")
    opening = read(Path(play(file, SIMPLE, configured_as=ProfileName.TWO_WAY).capture)).opening

    assert opening["configured_as"] == "strict"
    assert (opening["lifetimes"], opening["t_resp_s"]) == ({"child_hard": 600.0}, 7.0)


def test_peers_take_leave_of_a_device_that_runs_on(double: Make) -> None:
    """After a case the device holds nothing of it, so the next one finds it as this one did."""
    device = double()
    result = play(device.file(), SIMPLE)

    assert result.verdict is Verdict.PASS
    assert any(f"mark: {FAREWELL}" in frame.comments for frame in read(Path(result.capture)).frames)
    assert [sa for sa in device.sas() if sa.get("state") == "established"] == []


def test_a_stranger_that_it_knows_makes_a_whole_handshake(double: Make) -> None:
    """With [identity.control] the control exchange shows that the device still authenticates."""
    further = Peer(STRANGER, None, STRANGERS_PSK, remote_subnets=("203.0.113.0/24",))
    device = double(further_peers=(further,))
    known = f'remote_id = "fqdn:{STRANGER}"\npsk = "{STRANGERS_PSK.decode()}"\n'
    result = play(device.file(**{"identity.control": known}), SIMPLE)

    frames = read(Path(result.capture)).frames
    assert result.verdict is Verdict.PASS
    assert any(f"mark: {WHOLE}" in frame.comments for frame in frames)


def test_a_trigger_is_caused_by_the_command_of_the_file(double: Make) -> None:
    """With leave the command is run, and what it printed is in the evidence."""
    device = double()
    result = play(device.file(provoke=f'matching_traffic = "{device.tell("matching_traffic")}"\n'), TRAFFIC)

    closing = read(Path(result.capture)).closing
    assert result.verdict is Verdict.PASS
    assert closing["triggers"] == ["matching_traffic"]
    assert [each["what"] for each in closing["observations"]].count("provoke") == 3


def test_nothing_is_run_without_leave(double: Make) -> None:
    """Without leave the case is INCONCLUSIVE, says why, and the command's mark is not made."""
    device = double()
    mark = device.place / "mark"
    result = play(device.file(provoke=f'matching_traffic = "touch {mark}"\n'), TRAFFIC, Leave())

    assert result.verdict is Verdict.INCONCLUSIVE
    assert "--allow-commands" in result.why
    assert not mark.exists()


def test_a_trigger_that_nobody_can_cause_is_inconclusive(double: Make) -> None:
    """It is neither PASS nor NOT_APPLICABLE, and the sentence says what to add."""
    result = play(double().file(), TRAFFIC)

    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.why.endswith("edge.toml names no command for matching_traffic: add one")


def test_a_command_that_fails_leaves_no_pass(double: Make) -> None:
    """The trigger did not come about: the evidence says so, once, and any judge of it comes to the same."""
    device = double()
    tester = bench(device.file(provoke='matching_traffic = "echo no such host; exit 2"\n'))
    performed = tester.perform(TRAFFIC)
    told = tester.judge(TRAFFIC, performed)

    observed = read(performed.path).closing["observations"]
    assert told.verdict is Verdict.INCONCLUSIVE
    assert "ended with status 2 and said: no such host" in told.own[0].says
    assert [each["what"] for each in observed if "provoke" in each["what"]] == ["not provoked"]
    assert read(performed.path).closing["triggers"] == []


@pytest.mark.slow
def test_a_device_that_dies_is_found_out(double: Make) -> None:
    """Its silence to the stranger, and its owner's word that it does not live, are a FAIL by INV-16."""
    device = double()
    file = device.file(
        provoke=f'reload = "kill -9 {device.process.pid}"\n', probe=f'alive = "{device.alive}"\n'
    )
    result = play(file, RELOAD)

    broken = [each for each in result.findings if each.rule == "INV-16" and each.verdict is Verdict.FAIL]
    assert result.verdict is Verdict.FAIL
    assert "does not live, says [probe] alive" in broken[0].says
    assert "no longer answers" in broken[1].says


@pytest.mark.slow
def test_a_device_that_is_not_there_is_no_failure_of_it(double: Make) -> None:
    """What never answered was not met: ERROR, and the sentence says what to look for."""
    device = double()
    file = device.file()
    device.kill()
    tester = bench(file)

    results = [tester.play(case(SIMPLE)) for _ in range(2)]

    assert [each.verdict for each in results] == [Verdict.ERROR, Verdict.ERROR]
    assert "answers no first message at" in results[0].why


def test_a_case_that_wants_another_configuration_says_which(double: Make) -> None:
    """A device elsewhere is not set up for a case; what would have to be otherwise is named."""
    result = play(double().file(), BOOT)

    assert result.verdict is Verdict.NOT_APPLICABLE
    assert result.why.endswith("would have to be configured otherwise: initiate_version")


def test_a_case_finds_the_configuration_that_it_wants(double: Make) -> None:
    """A device that is set up as the case has it needs no setting up."""
    device = double()
    file = device.file(configuration="initiate_version = 1\n", provoke=f'boot = "{device.tell("boot")}"\n')

    assert play(file, BOOT).verdict is Verdict.PASS


def test_a_device_of_version_1_meets_no_case_of_version_2(double: Make) -> None:
    """What a device does not speak it can't fail; its version 1 is tested, and ends with a stranger of version 1."""
    device = double(versions=(1,))
    about = device.about
    file = device.file(target=about.replace('"v2", ', ""))

    assert play(file, SIMPLE).verdict is Verdict.NOT_APPLICABLE
    assert play(file, "ikev1/5.4/main-mode").verdict is Verdict.PASS


def test_nothing_is_sent_to_anybodys_address(double: Make) -> None:
    """What a device, or a stranger, makes a peer say to a global address is not sent, and the evidence says so."""
    result = play(double().file(), ASTRAY)
    sent = {
        frame.datagram.destination.address for frame in read(Path(result.capture)).frames if frame.datagram
    }

    assert result.verdict is Verdict.PASS
    assert ANYBODYS not in sent


@pytest.mark.slow
def test_an_attack_needs_consent(double: Make) -> None:
    """A case with the shape of a known defect is not played on a device whose owner did not consent."""
    device = double()
    attack = next(each for each in catalogue() if "cve" in each.kind.also and each.kind.settings is None)
    about = device.about
    agreed = {"target": about + 'authorised = "own lab"\n', "consent": 'owner = "me"\nuntil = 2099-01-01\n'}

    assert play(device.file(), attack.id).verdict is Verdict.NOT_APPLICABLE
    assert play(device.file(**agreed), attack.id).verdict is Verdict.PASS


def test_declared_lifetimes_are_waited_for(double: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A case that wants a short lifetime takes the one that was declared, and its window outlasts it."""
    monkeypatch.setitem(SHORTEST_S, Silence.RENEWAL, 0.5)
    monkeypatch.setattr("harness.bench.windows.PAST_S", 0.5)
    monkeypatch.setattr("harness.bench.windows.SOON_S", 0.0)
    monkeypatch.setattr("harness.bench.windows.MARGIN_S", 0.0)
    device = double(lifetimes=replace(DEFAULT.lifetimes, child_soft=1.0, child_hard=2.0))
    file = device.file(lifetimes="child_hard = 2\n")

    assert play(file, OUTLIVED, longest_wait_s=1.0).verdict is Verdict.NOT_APPLICABLE
    result = play(file, OUTLIVED)
    assert result.verdict is Verdict.PASS
    assert read(Path(result.capture)).closing["window_s"] == pytest.approx(2.8, abs=0.2)
