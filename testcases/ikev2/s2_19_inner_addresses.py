"""RFC 7296 section 2.19: an inner address for a remote client, with the Configuration payload of section 3.15."""

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

from harness.case import (
    Case,
    Configuration,
    Findings,
    Initiator,
    Observed,
    Script,
    Seen,
    Steps,
    Trace,
    ended_by_target,
    given,
    protected,
    refusal,
    that,
)
from harness.codes import CfgAttribute, CfgType, NotifyType
from harness.profile import AddressPool
from harness.wire import Payload, v2

POOL = AddressPool("10.77.0.0/29", dns=("10.77.0.53",))
SMALL = AddressPool("10.77.0.0/30")
"""It has two addresses to give."""
IP4 = CfgAttribute.INTERNAL_IP4_ADDRESS
LENGTHS = {
    CfgAttribute.INTERNAL_IP4_ADDRESS: (0, 4),
    CfgAttribute.INTERNAL_IP4_NETMASK: (0, 4),
    CfgAttribute.INTERNAL_IP4_DNS: (0, 4),
    CfgAttribute.INTERNAL_IP4_SUBNET: (0, 8),
    CfgAttribute.INTERNAL_IP6_ADDRESS: (0, 17),
    CfgAttribute.INTERNAL_IP6_DNS: (0, 16),
    CfgAttribute.INTERNAL_IP6_SUBNET: (17,),
}
"""How many octets the attributes that cases ask for may have (RFC 7296 section 3.15.1)."""
STRANGE = 16_383
EVERYTHING = (("0.0.0.0/0",), ("0.0.0.0/0",))
NO_ADDRESS = (NotifyType.INTERNAL_ADDRESS_FAILURE,)


def _with(pool: AddressPool) -> Callable[[Configuration], Configuration]:
    """Any client that knows the key may come, and gets an address of this pool."""
    return lambda configuration: replace(configuration, pool=pool, remote_id=None)


def _of(kind: int) -> Callable[[v2.Configuration], tuple[bytes, ...] | None]:
    """The values of one attribute of a CP."""
    return lambda reply: tuple(a.value for a in reply.attributes if a.type == kind) or None


def _replied(answer: Observed[Seen]) -> Observed[v2.Configuration]:
    """The CFG_REPLY in an answer."""
    return answer.find(v2.Configuration).then(lambda cp: cp if cp.cfg_type == CfgType.CFG_REPLY else None)


def _address(answer: Observed[Seen]) -> Observed[bytes]:
    """The address that an answer gives."""
    return _replied(answer).then(_of(IP4), "it gives no address")[0]


class _Asking(Case):
    """A client that asks for an address, and for all traffic that goes with it."""

    needs = frozenset({"inner-addresses"})
    settings = staticmethod(_with(POOL))
    wanted: tuple[Any, ...] = (IP4, CfgAttribute.INTERNAL_IP4_NETMASK, CfgAttribute.INTERNAL_IP4_DNS)

    def connects(self, peer: Initiator, *wanted: Any, mark: str) -> Steps:
        """IKE_SA_INIT and IKE_AUTH with a CFG_REQUEST for these attributes."""
        yield from peer.ike_sa_init()
        asked = (peer.cfg_request(*wanted),) if wanted else ()
        return (yield peer.ike_auth(before=asked, subnets=EVERYTHING, mark=mark))

    def script(self, alice: Initiator) -> Script:
        yield from self.connects(alice, *self.wanted, mark="auth")

    def judge(self, trace: Trace) -> Findings:
        auth = trace.reply_to("auth")
        yield given(auth.find(v2.Authentication), "the responder's AUTH").is_present()
        yield given(refusal(auth, NO_ADDRESS), "a refusal for want of an address").is_absent()


class AddressIsGiven(_Asking):
    """A client that asks for one gets an address of the pool, in attributes as long as they have to be."""

    requirements = ("RFC7296-3.15.1-03", "RFC7296-2.19-03", "RFC7296-3.15.1-07")
    deviants = (
        "puts-cp-behind-the-child",
        "gives-addresses-of-five-octets",
        "gives-more-addresses-than-asked-for",
    )
    also = {"spec": ("A11",)}

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        auth = trace.reply_to("auth")
        reply = _replied(auth)
        yield that(reply, "the CFG_REPLY").is_present()
        lengths = reply.then(
            lambda cp: [a for a in cp.attributes if len(a.value) not in LENGTHS.get(a.type, ())] or None
        )
        yield that(lengths, "an attribute that was asked for, of a length that it can't have").is_absent()
        addresses = reply.then(_of(IP4))
        yield that(addresses.then(len), "the number of addresses", requirement="RFC7296-3.15.1-07").equals(1)
        kinds = auth.then(lambda seen: [type(each) for each in seen.payloads])
        first = kinds.then(
            lambda all_: (
                v2.SecurityAssociation not in all_
                or all_.index(v2.Configuration) < all_.index(v2.SecurityAssociation)
            )
        )
        yield that(first, "whether CP comes before SA", requirement="RFC7296-2.19-03").equals(True)


class AddressIsServed(_Asking):
    """What a client sends from its inner address reaches what lies behind the gateway, and is answered."""

    requirements = ("RFC7296-3.15.1-08",)
    deviants = ("serves-another-address-than-it-gives",)
    needs = frozenset({"inner-addresses", "data", "esp"})
    also = {"spec": ("A11",)}

    def script(self, alice: Initiator) -> Script:
        yield from super().script(alice)
        yield alice.ping(source=alice.inner_address, mark="ping")

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        yield given(_address(trace.reply_to("auth")), "an address").is_present()
        yield given(trace.reply_to("auth").find(v2.SecurityAssociation), "a child").is_present()
        yield that(trace.pongs_to("ping"), "an answer to the echo from there").is_present()


class AddressIsNobodyElses(_Asking):
    """An address that a client has is given to no other one as long as its IKE SA lasts, heirs and all."""

    requirements = ("RFC7296-2.19-01", "RFC7296-3.15.1-08")
    deviants = ("gives-one-address-twice",)

    def script(self, alice: Initiator, bob: Initiator) -> Script:
        wish = ip_address("10.77.0.5").packed
        yield from self.connects(alice, (IP4, wish), mark="auth")
        yield from alice.rekey_ike(mark="rekey")
        given_to_her = ip_address(alice.inner_address).packed if alice.inner_address else wish
        yield from self.connects(bob, (IP4, given_to_her), mark="other")
        yield alice.liveness(mark="alive")

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        hers = _address(trace.reply_to("auth"))
        yield given(hers, "an address for the first client").is_present()
        yield given(trace.outcome_of("rekey").find(v2.SecurityAssociation), "a rekey").is_present()
        other = trace.reply_to("other")
        yield given(other.find(v2.Authentication), "the IKE SA of the other client").is_present()
        yield given(ended_by_target(trace), "a Delete of an IKE SA by the target").is_absent()
        alive = protected(trace.replies_to("alive"))
        yield given(alive, "a sign of life on the first client's IKE SA").is_present()
        same = _address(other).then(lambda his: his == hers.value or None, "it is another one")
        yield that(same, "the first client's address for the other one").is_absent()


class ConfigurationIsAskedFor(_Asking):
    """A client that asks for no configuration gets none."""

    requirements = ("RFC7296-2.19-09",)
    deviants = ("configures-who-did-not-ask",)

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="auth")

    def judge(self, trace: Trace) -> Findings:
        auth = trace.reply_to("auth")
        yield given(auth.find(v2.Authentication), "the responder's AUTH").is_present()
        yield that(auth.find(v2.Configuration), "a CP in the response").is_absent()


class AddressIsDemanded(_Asking):
    """A client that has to ask for an address and does not gets FAILED_CP_REQUIRED in place of a child, and its IKE SA."""

    requirements = ("RFC7296-2.19-10", "RFC7296-2.19-11")
    deviants = ("needs-no-cp", "has-no-ike-sa-without-an-address")
    settings = staticmethod(_with(replace(POOL, demanded=True)))
    also = {"spec": ("A11",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="auth")
        yield alice.liveness(mark="alive")

    def judge(self, trace: Trace) -> Findings:
        auth = trace.reply_to("auth")
        yield given(auth.find(v2.Authentication), "the responder's AUTH").is_present()
        failed = auth.find(v2.Notify, NotifyType.FAILED_CP_REQUIRED)
        yield that(failed, "FAILED_CP_REQUIRED").is_present()
        yield that(failed.data, "its data", requirement="RFC7296-2.19-11").equals(b"")
        yield that(auth.find(v2.SecurityAssociation), "a child").is_absent()
        yield given(ended_by_target(trace), "a Delete of the IKE SA by the target").is_absent()
        alive = protected(trace.replies_to("alive"))
        yield that(alive, "a sign of life on the IKE SA", requirement="RFC7296-2.19-11").is_present()


class AddressesRunOut(_Asking):
    """When there is no address left the client gets INTERNAL_ADDRESS_FAILURE in place of a child, and its IKE SA."""

    requirements = ("RFC7296-3.15.4-01", "RFC7296-3.15.4-02")
    deviants = ("makes-a-child-without-an-address", "has-no-ike-sa-without-an-address")
    settings = staticmethod(_with(SMALL))
    also = {"spec": ("A11",)}

    def script(self, alice: Initiator, bob: Initiator, carol: Initiator) -> Script:
        yield from self.connects(alice, IP4, mark="first")
        yield from self.connects(bob, IP4, mark="second")
        yield from self.connects(carol, IP4, mark="last")
        yield carol.liveness(mark="alive")

    def judge(self, trace: Trace) -> Findings:
        for mark in ("first", "second"):
            yield given(_address(trace.reply_to(mark)), f"an address for the {mark} client").is_present()
        last = trace.reply_to("last")
        yield given(last.find(v2.Authentication), "the responder's AUTH for the last client").is_present()
        yield given(ended_by_target(trace), "a Delete of an IKE SA by the target").is_absent()
        yield given(_address(last), "an address for the last client as well").is_absent()
        failed = last.find(v2.Notify, NotifyType.INTERNAL_ADDRESS_FAILURE)
        yield that(failed, "INTERNAL_ADDRESS_FAILURE").is_present()
        made = last.find(v2.SecurityAssociation)
        yield that(made, "a child without an address", requirement="RFC7296-3.15.4-02").is_absent()
        alive = protected(trace.replies_to("alive"))
        yield that(alive, "a sign of life on the IKE SA", requirement="RFC7296-3.15.4-02").is_present()


class UnknownAttributes(_Asking):
    """An attribute that nobody knows is passed over; what is known beside it is answered."""

    requirements = ("RFC7296-3.15.1-26", "RFC7296-2.19-08")
    deviants = ("stumbles-over-unknown-attributes",)
    wanted = (STRANGE, IP4, (STRANGE, b"whatever this means"))

    def judge(self, trace: Trace) -> Findings:
        auth = trace.reply_to("auth")
        yield given(auth.find(v2.Authentication), "the responder's AUTH").is_present()
        yield that(_address(auth), "the address").is_present()


class OtherFamily(_Asking):
    """A client that asks for an address of a family that there is none of gets one of the other family."""

    requirements = ("RFC7296-3.15.4-04",)
    deviants = ("fails-for-the-other-family",)
    wanted = (CfgAttribute.INTERNAL_IP6_ADDRESS, IP4)

    def judge(self, trace: Trace) -> Findings:
        auth = trace.reply_to("auth")
        yield given(auth.find(v2.Authentication), "the responder's AUTH").is_present()
        yield that(refusal(auth, NO_ADDRESS), "INTERNAL_ADDRESS_FAILURE").is_absent()
        yield that(_address(auth), "the address of the family that there is").is_present()


class _Informational(Case):
    """A CP in an INFORMATIONAL, on an IKE SA that stands."""

    needs = frozenset({"inner-addresses"})
    settings = staticmethod(_with(POOL))

    def said(self, alice: Initiator) -> Payload:
        """The CP."""
        raise NotImplementedError

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect()
        yield alice.informational(self.said(alice), mark="asked")

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.marked("asked"), "an INFORMATIONAL with a CP").is_present()
        yield given(ended_by_target(trace), "a Delete of the IKE SA by the target").is_absent()
        yield that(protected(trace.replies_to("asked")), "its answer").is_present()


class NothingUnknownIsAcknowledged(_Informational):
    """A CFG_SET of what nobody knows is answered, by an empty CFG_ACK or without one."""

    requirements = ("RFC7296-3.15.1-29", "RFC7296-3.15.1-30")
    deviants = ("acknowledges-what-it-does-not-know",)

    def said(self, alice: Initiator) -> Payload:
        return alice.cfg_request((STRANGE, b"whatever this means"), cfg_type=CfgType.CFG_SET)

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        answer = protected(trace.replies_to("asked"))
        taken = answer.find(v2.Configuration).then(_of(STRANGE), "it is not in a CP")
        yield that(taken, "the attribute in a CFG_ACK").is_absent()


class VersionIsText(_Informational):
    """APPLICATION_VERSION, if it is told at all, is printable and has no NUL at its end."""

    requirements = ("RFC7296-3.15.1-17", "RFC7296-2.20-03")
    deviants = ("ends-its-version-with-nul",)

    def said(self, alice: Initiator) -> Payload:
        return alice.cfg_request(CfgAttribute.APPLICATION_VERSION)

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        answer = protected(trace.replies_to("asked"))
        told = answer.find(v2.Configuration).then(_of(CfgAttribute.APPLICATION_VERSION))
        odd = told.then(
            lambda versions: any(not 0x20 <= octet < 0x7F for v in versions for octet in v) or None
        )
        yield that(odd, "an octet in it that is not printable").is_absent()
