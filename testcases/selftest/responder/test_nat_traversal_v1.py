"""NAT traversal of IKEv1 in all its forms: announced, detected, and the ports that IKE goes on with."""

from dataclasses import replace
from typing import Any

import pytest

from harness.codes import Exchange, ProfileName, Trigger
from harness.profile import DEFAULT
from harness.sa.nat_traversal import FORMS, RFC_3947
from harness.wire import decode, v1
from harness.wire.datagram import Datagram, Endpoint

NAMES = [form.name.strip() for form in FORMS]
BEFORE, BEFORE_NATT = Endpoint("10.0.0.5", 500), Endpoint("10.0.0.5", 4500)
OUTSIDE, OUTSIDE_NATT = Endpoint("192.0.2.2", 12312), Endpoint("192.0.2.2", 12313)
TARGET, TARGET_NATT = Endpoint("192.0.2.1", 500), Endpoint("192.0.2.1", 4500)
TWO_WAY = replace(DEFAULT, profile=ProfileName.TWO_WAY, initiate_version=1)


class Translator:
    """A NAT between alice and the responder: her addresses outside are others than she knows."""

    def __init__(self, pair: Any) -> None:
        self.pair = pair
        pair.alice.local, pair.alice.local_natt = BEFORE, BEFORE_NATT
        self.inwards = {OUTSIDE: BEFORE, OUTSIDE_NATT: BEFORE_NATT}
        self.outwards = {inner: outer for outer, inner in self.inwards.items()}

    def play(self, script: Any) -> Any:
        """Perform a script through the NAT; the answer to the last action."""
        result = None
        while True:
            try:
                action = script.send(result)
            except StopIteration:
                return result
            result = self.act(action) if hasattr(action, "datagram") else None

    def act(self, action: Any) -> Any:
        """One action through the NAT, and its answer."""
        wanted = getattr(action, "answered_by", lambda _: False)
        return self._deliver(action.datagram, wanted)

    def _deliver(self, datagram: Datagram, wanted: Any) -> Any:
        outside = datagram._replace(source=self.outwards[datagram.source])
        step = self.pair.responder.receive(outside, self.pair.now)
        self.pair.steps.append(step)
        return self.back(step, wanted)

    def back(self, step: Any, wanted: Any = lambda _: False) -> Any:
        """What the responder sent, on its way in."""
        answer = None
        for sent in step.send:
            self.pair.sent.append(sent)
            inside = sent._replace(destination=self.inwards[sent.destination])
            received = self.pair.alice.receive(inside, self.pair.now)
            if received.message is not None and wanted(received.message):
                answer = received.message
            for reply in received.send:
                self._deliver(reply, wanted)
        return answer


@pytest.mark.parametrize("form", FORMS, ids=NAMES)
def test_the_form_announced_is_the_form_answered(pair: Any, form: Any) -> None:
    """RFC 3947 section 3.1: both ends announce it in their first messages; nothing else is announced in return."""
    answer = pair.play(pair.alice.main_mode_1(nat_t=(form,)))
    announced = {vendor.data for vendor in answer.all(v1.VendorId)} & {f.vendor_id for f in FORMS}

    assert announced == {form.vendor_id}


def test_of_several_forms_the_best_is_taken(pair: Any) -> None:
    """Where a peer announces the drafts as well, the standard is agreed."""
    pair.play(pair.alice.main_mode_1(nat_t=FORMS[::-1]))

    assert pair.sas[0].nat_t is RFC_3947


@pytest.mark.parametrize("mode", ["main_mode", "aggressive_mode"])
@pytest.mark.parametrize("form", FORMS, ids=NAMES)
def test_nat_detection_has_the_payload_number_of_its_form(pair: Any, form: Any, mode: str) -> None:
    """Payload 20 is the standard's, 130 the drafts'; without a NAT both ends see none (section 3.2)."""
    pair.play(getattr(pair.alice, mode)(nat_t=(form,)))
    kinds = {type(p) for m in pair.opened for p in m.payloads if isinstance(p, v1.NatDetection)}
    (sa,) = pair.sas

    assert kinds == {form.detection}
    assert (sa.nat_found, sa.behind_nat, pair.alice.isakmp.nat_found) == (False, False, False)
    assert sa.natt is False


@pytest.mark.parametrize("mode", ["main_mode", "aggressive_mode"])
@pytest.mark.parametrize("form", FORMS, ids=NAMES)
def test_behind_a_nat_ports_change_as_the_form_says(pairs: Any, form: Any, mode: str) -> None:
    """RFC 3947 section 4: IKE goes on on port 4500 behind the marker; drafts -00 and -01 know no second port."""
    pair = pairs(replace(DEFAULT, peer=None))
    nat = Translator(pair)
    nat.play(getattr(pair.alice, mode)(nat_t=(form,)))
    nat.play(pair.alice.quick_mode())
    (sa,) = pair.sas
    last = pair.sent[-1]

    assert sa.up
    assert (sa.nat_found, sa.behind_nat, pair.alice.isakmp.nat_found) == (True, False, True)
    assert (sa.local, sa.remote) == ((TARGET_NATT, OUTSIDE_NATT) if form.floats else (TARGET, OUTSIDE))
    assert last.data.startswith(bytes(4)) is form.floats
    assert pair.children == 1


@pytest.mark.parametrize("form", FORMS, ids=NAMES)
def test_tunnels_in_udp_have_the_number_of_their_form(pairs: Any, form: Any) -> None:
    """RFC 3947 section 5.1: mode 3 is the standard's, 61443 the drafts'; the number of another form is refused."""
    pair = pairs(DEFAULT)
    pair.play(pair.alice.main_mode(nat_t=(form,)))
    others = {61443, 3} - {form.tunnel}
    pair.play(pair.alice.quick_mode(mode=form.tunnel))
    taken = [child.mode for child in pair.sas[0].children]
    for other in others:
        pair.play(pair.alice.quick_mode(mode=other))

    assert taken == [form.tunnel]
    assert pair.children == 1


def test_without_nat_traversal_no_tunnel_goes_in_udp(connected: Any) -> None:
    """A peer that announced no NAT traversal cannot have its tunnels in UDP."""
    connected.play(connected.alice.quick_mode(mode=3))

    assert connected.children == 1


def test_what_comes_on_the_old_port_is_old(pairs: Any) -> None:
    """RFC 3947 section 4: once the ports have changed phase 1 is discarded on the old ones, and nothing goes back."""
    pair = pairs(replace(DEFAULT, peer=None))
    nat = Translator(pair)
    third = pair.alice.main_mode_1(nat_t=True)
    nat.act(third)
    old = pair.alice.main_mode_3()
    nat.act(old)
    nat.act(pair.alice.main_mode_5())
    stale = pair.responder.receive(old.datagram._replace(source=OUTSIDE), 0.0)
    late = pair.alice.dpd().datagram
    moved = pair.responder.receive(Datagram(OUTSIDE, TARGET, late.data[4:]), 0.0)
    (sa,) = pair.sas

    assert stale.drop == "on the ports that it left"
    assert moved.send != ()
    assert (sa.local, sa.remote, sa.natt) == (TARGET_NATT, OUTSIDE_NATT, True)


def test_a_negotiation_may_begin_on_the_second_port(pair: Any) -> None:
    """RFC 3947 section 4: phase 1 that begins on port 4500 stays there."""
    pair.alice.local, pair.alice.remote = pair.alice.local_natt, pair.alice.remote_natt
    first = pair.alice.main_mode_1(nat_t=True)
    datagram = first.datagram._replace(data=bytes(4) + first.data)
    step = pair.responder.receive(datagram, 0.0)
    (sa,) = pair.sas

    assert sa.natt
    assert [sent.data[:4] for sent in step.send] == [bytes(4)]


@pytest.mark.parametrize("content", [b"", b"x", bytes(32), bytes(300)])
def test_nat_detection_of_any_content_does_no_harm(pairs: Any, content: bytes) -> None:
    """A NAT-D of a wrong length is one that does not match: a NAT is found, and the exchange goes on."""
    pair = pairs(DEFAULT)
    pair.play(pair.alice.main_mode_1(nat_t=True))
    pair.alice.isakmp.nat_t = None
    pair.play(pair.alice.main_mode_3(v1.NatDetection(content), v1.NatDetection(content)))
    (sa,) = pair.sas

    assert sa.nat_found
    assert sa.secrets is not None


@pytest.mark.parametrize("mode", ["main", "aggressive"])
def test_a_device_that_begins_announces_every_form(pairs: Any, mode: str) -> None:
    """A two-way device announces what it knows, and goes on in the form that its peer takes; no NAT, no change."""
    pair = pairs(replace(TWO_WAY, initiate_mode=mode))
    pair.provoke(Trigger.OPERATOR_INITIATE)
    first = decode(pair.sent[0].data)
    (sa,) = pair.sas

    assert {form.vendor_id for form in FORMS} <= {vendor.data for vendor in first.all(v1.VendorId)}
    assert (sa.nat_t, sa.nat_found, sa.natt) == (RFC_3947, False, False)
    assert pair.children == 1


@pytest.mark.parametrize("mode", ["main", "aggressive"])
def test_a_device_that_begins_changes_ports_when_it_finds_a_nat(pairs: Any, mode: str) -> None:
    """RFC 3947 section 4: the initiator's identity, or its third message, goes to port 4500; Quick Mode in UDP follows."""
    pair = pairs(replace(TWO_WAY, initiate_mode=mode))
    seen_as = {TARGET: Endpoint("198.51.100.77", 1024), TARGET_NATT: Endpoint("198.51.100.77", 1025)}
    back = {outer: inner for inner, outer in seen_as.items()}
    queue = list(pair.responder.provoke(Trigger.OPERATOR_INITIATE, 0.0).send)
    sent = []
    while queue:
        datagram = queue.pop(0)
        sent.append(datagram)
        received = pair.alice.receive(datagram._replace(source=seen_as[datagram.source]), 0.0)
        for reply in received.send:
            step = pair.responder.receive(reply._replace(destination=back[reply.destination]), 0.0)
            queue += step.send
    (sa,) = pair.sas
    floated, before = [datagram.source.port for datagram in sent], 2 if mode == "main" else 1

    assert sa.up
    assert (sa.nat_found, sa.behind_nat, sa.natt) == (True, True, True)
    assert floated == [500] * before + [4500] * (len(sent) - before)
    assert all(datagram.data.startswith(bytes(4)) == (datagram.source.port == 4500) for datagram in sent)
    assert decode(sent[-1].data[4:]).exchange == Exchange.QUICK_MODE
