"""Mode-Config: the reference responder gives its peers addresses and what belongs to them."""

from dataclasses import replace
from typing import Any

import pytest

from harness.codes import CfgAttribute, CfgType, Exchange, ProfileName
from harness.profile import DEFAULT, AddressPool, Configuration, ModeConfig, Version1
from harness.sa.v1 import VID_UNITY
from harness.wire import Message, v1
from harness.wire import replace as replace_message

POOL = AddressPool("10.1.0.0/29", dns=("10.1.0.53", "10.1.1.53"))
FIRST, SECOND = bytes((10, 1, 0, 1)), bytes((10, 1, 0, 2))
GATEWAY = replace(DEFAULT, pool=POOL, remote_id=None)


def pushing(**told: Any) -> Configuration:
    """A gateway that gives unasked."""
    return replace(GATEWAY, version1=Version1(mode_config=ModeConfig(push=True, **told)))


@pytest.fixture
def gateway(pairs: Any) -> Any:
    """A gateway with a pool, and an ISAKMP SA with its client."""
    pair = pairs(GATEWAY)
    pair.play(pair.alice.main_mode())
    return pair


def told(answer: Message) -> list[tuple[int, int | bytes]]:
    """The attributes of a REPLY, in order."""
    attributes = answer.find(v1.Attributes)
    assert attributes is not None
    assert attributes.attr_type == CfgType.CFG_REPLY
    return [(attribute.type, attribute.value) for attribute in attributes.attributes]


def test_a_request_is_replied_to_with_what_it_asks_for(gateway: Any) -> None:
    """Mode-Config section 3.4: address, netmask, every DNS server, subnet and version have the layouts of the draft."""
    answer = gateway.play(gateway.alice.mode_config())

    assert told(answer) == [
        (CfgAttribute.INTERNAL_IP4_ADDRESS, FIRST),
        (CfgAttribute.INTERNAL_IP4_NETMASK, bytes((255, 255, 255, 248))),
        (CfgAttribute.INTERNAL_IP4_DNS, bytes((10, 1, 0, 53))),
        (CfgAttribute.INTERNAL_IP4_DNS, bytes((10, 1, 1, 53))),
        (CfgAttribute.INTERNAL_IP4_SUBNET, bytes((198, 51, 100, 0, 255, 255, 255, 0))),
        (CfgAttribute.APPLICATION_VERSION, b"ike-harness"),
    ]


def test_the_reply_has_the_identifier_of_the_request(gateway: Any) -> None:
    """Mode-Config section 2: a transaction is known by its identifier, an exchange by its Message ID."""
    action = gateway.alice.transaction(CfgType.CFG_REQUEST, (), identifier=4711)
    answer = gateway.play(action)

    assert answer.find(v1.Attributes).identifier == 4711


@pytest.mark.parametrize(
    "asked", [(), (CfgAttribute.INTERNAL_IP4_NETMASK,), (16383, 30000), (CfgAttribute.INTERNAL_IP6_ADDRESS,)]
)
def test_a_request_for_nothing_that_is_there_gets_an_empty_reply(
    gateway: Any, asked: tuple[int, ...]
) -> None:
    """Mode-Config section 2: every REQUEST gets a REPLY; a netmask is told with an address alone (section 3.4)."""
    attributes = tuple(v1.Attribute(kind, b"") for kind in asked)
    answer = gateway.play(gateway.alice.transaction(CfgType.CFG_REQUEST, attributes))

    assert told(answer) == []


def test_without_a_pool_no_address_is_given(pair: Any) -> None:
    """A device without addresses to give replies with what else it can tell."""
    pair.play(pair.alice.main_mode())
    answer = pair.play(pair.alice.mode_config())

    assert [kind for kind, _ in told(answer)] == [
        CfgAttribute.INTERNAL_IP4_SUBNET,
        CfgAttribute.APPLICATION_VERSION,
    ]


def test_unknown_attributes_are_left_out(gateway: Any) -> None:
    """Mode-Config section 3.4: unknown private attributes are ignored, the others are answered."""
    asked = (v1.Attribute(30000, b""), v1.Attribute(CfgAttribute.INTERNAL_IP4_ADDRESS, b""))
    answer = gateway.play(gateway.alice.mode_config(*asked))

    assert told(answer) == [(CfgAttribute.INTERNAL_IP4_ADDRESS, FIRST)]


def test_no_more_addresses_are_given_than_one(gateway: Any) -> None:
    """Mode-Config section 3.4: at most as many addresses as were asked for come back."""
    asked = (CfgAttribute.INTERNAL_IP4_ADDRESS,) * 2
    answer = gateway.play(gateway.alice.mode_config(*asked))

    assert told(answer) == [(CfgAttribute.INTERNAL_IP4_ADDRESS, FIRST)]


@pytest.mark.parametrize(
    ("wish", "given"),
    [
        (bytes((10, 1, 0, 4)), bytes((10, 1, 0, 4))),
        (bytes(4), FIRST),
        (bytes((10, 9, 9, 9)), FIRST),
        (bytes((10, 1, 0, 0)), FIRST),
        (b"short", FIRST),
        (7, FIRST),
    ],
)
def test_a_wish_is_heard_if_the_address_is_there(gateway: Any, wish: int | bytes, given: bytes) -> None:
    """Mode-Config section 2: a value in a REQUEST is a suggestion, which the device may follow or not."""
    asked = v1.Attribute(CfgAttribute.INTERNAL_IP4_ADDRESS, wish)
    answer = gateway.play(gateway.alice.mode_config(asked))

    assert told(answer) == [(CfgAttribute.INTERNAL_IP4_ADDRESS, given)]


def test_supported_attributes_are_named_in_two_octets_each(gateway: Any) -> None:
    """Mode-Config section 3.4: the answer to SUPPORTED_ATTRIBUTES lists their numbers."""
    ((_, value),) = told(gateway.play(gateway.alice.mode_config(CfgAttribute.SUPPORTED_ATTRIBUTES)))
    numbers = {int.from_bytes(value[at : at + 2], "big") for at in range(0, len(value), 2)}

    assert CfgAttribute.INTERNAL_IP4_ADDRESS in numbers
    assert CfgAttribute.SUPPORTED_ATTRIBUTES in numbers


def test_an_expiry_is_told_where_it_is_configured(pairs: Any) -> None:
    """INTERNAL_ADDRESS_EXPIRY comes with an address, in four octets."""
    pair = pairs(replace(GATEWAY, version1=Version1(mode_config=ModeConfig(expiry=600))))
    pair.play(pair.alice.main_mode())
    asked = (CfgAttribute.INTERNAL_IP4_ADDRESS, CfgAttribute.INTERNAL_ADDRESS_EXPIRY)

    assert told(pair.play(pair.alice.mode_config(*asked)))[1:] == [
        (CfgAttribute.INTERNAL_ADDRESS_EXPIRY, (600).to_bytes(4, "big"))
    ]


def test_unity_attributes_are_told_where_they_are_configured(pairs: Any) -> None:
    """A device of the Unity kind announces itself and tells banner, domain and networks as those clients know them."""
    config = ModeConfig(unity=True, banner="Welcome", domain="example.org")
    pair = pairs(replace(GATEWAY, version1=Version1(mode_config=config)))
    first = pair.play(pair.alice.main_mode_1())
    pair.play(pair.alice.main_mode())
    kinds = (CfgAttribute.UNITY_BANNER, CfgAttribute.UNITY_DEF_DOMAIN, CfgAttribute.UNITY_SPLIT_INCLUDE)

    assert VID_UNITY in {vendor.data for vendor in first.all(v1.VendorId)}
    assert [value for _, value in told(pair.play(pair.alice.mode_config(*kinds)))] == [
        b"Welcome",
        b"example.org",
        bytes((198, 51, 100, 0, 255, 255, 255, 0)) + bytes(6),
    ]


def test_a_repeated_request_gets_the_same_octets(gateway: Any) -> None:
    """Mode-Config section 3.5: the same REQUEST again gets the same REPLY, and no second address."""
    gateway.play(gateway.alice.mode_config(mark="asked"))
    gateway.play(gateway.alice.again("asked"))

    assert gateway.sent[-1] == gateway.sent[-2]


def test_a_client_keeps_its_address_over_a_new_isakmp_sa(gateway: Any) -> None:
    """The same client asks again under its next ISAKMP SA and gets what it has."""
    gateway.play(gateway.alice.mode_config())
    gateway.play(gateway.alice.main_mode())
    answer = gateway.play(gateway.alice.mode_config(CfgAttribute.INTERNAL_IP4_ADDRESS))

    assert told(answer) == [(CfgAttribute.INTERNAL_IP4_ADDRESS, FIRST)]


def test_two_clients_get_two_addresses_and_the_last_one_none(pairs: Any) -> None:
    """An address is given once; when all are given a client gets none, until one is free again."""
    pair = pairs(replace(GATEWAY, pool=AddressPool("10.1.0.0/30")))
    given = []
    for name in ("10.7.0.1", "10.7.0.2", "10.7.0.3"):
        pair.alice.configuration = replace(
            pair.alice.configuration, local_id=replace(pair.alice.configuration.local_id, value=name)
        )
        pair.play(pair.alice.main_mode())
        given.append(told(pair.play(pair.alice.mode_config(CfgAttribute.INTERNAL_IP4_ADDRESS))))
    pair.play(pair.alice.delete_v1(next(iter(pair.alice.isakmp_sas.values()))))
    again = told(pair.play(pair.alice.mode_config(CfgAttribute.INTERNAL_IP4_ADDRESS)))

    assert [len(each) for each in given] == [1, 1, 0]
    assert [given[0][0][1], given[1][0][1]] == [FIRST, SECOND]
    assert again == given[0]


def test_a_client_has_its_own_address_protected(gateway: Any) -> None:
    """Quick Mode for the address that was given is served, and for another one it is not."""
    gateway.play(gateway.alice.mode_config())
    gateway.play(gateway.alice.quick_mode(ids=("10.1.0.2/32", "198.51.100.0/24")))
    others = gateway.children
    gateway.play(gateway.alice.quick_mode(ids=("10.1.0.1/32", "198.51.100.0/24")))

    assert (others, gateway.children) == (0, 1)


@pytest.mark.parametrize("kind", [0, 2, 4, 5, 127, 200])
def test_unknown_kinds_of_messages_are_dropped(gateway: Any, kind: int) -> None:
    """Mode-Config section 3.3: a message of an unknown type is discarded, and so is an answer to nothing."""
    gateway.play(gateway.alice.transaction(kind, ()))

    assert gateway.drops[-1] == f"attributes of type {kind}, and nothing was asked"


def test_a_set_of_the_client_is_acknowledged_and_changes_nothing(gateway: Any) -> None:
    """Mode-Config section 2: what is not accepted is not named in the ACK; no client configures this device."""
    attributes = (v1.Attribute(CfgAttribute.INTERNAL_IP4_DNS, bytes(4)),)
    answer = gateway.play(gateway.alice.transaction(CfgType.CFG_SET, attributes))
    said = answer.find(v1.Attributes)

    assert (said.attr_type, said.attributes) == (CfgType.CFG_ACK, ())


def _wrongly_hashed(message: Message) -> Message:
    return replace_message(message, payloads=(v1.Hash(bytes(32)), *message.payloads[1:]))


@pytest.mark.parametrize("changes", [{"sealed": False}, {"change": _wrongly_hashed}])
def test_unproved_transactions_are_dropped(gateway: Any, changes: dict[str, Any]) -> None:
    """After phase 1 a Transaction is encrypted and begins with its HASH (section 3.1.1), or it is dropped."""
    before = len(gateway.sent)
    gateway.play(gateway.alice.mode_config(**changes))

    assert len(gateway.sent) == before


def test_two_payloads_of_attributes_are_dropped(gateway: Any) -> None:
    """Mode-Config section 3.1.1: there are not several of them in one message."""

    def doubled(message: Message) -> Message:
        return replace_message(message, payloads=(*message.payloads, message.payloads[-1]))

    gateway.play(gateway.alice.mode_config(change=doubled))

    assert gateway.drops[-1] == "not one payload of attributes"


@pytest.mark.parametrize("profile", list(ProfileName))
def test_a_gateway_that_pushes_gives_unasked(pairs: Any, profile: ProfileName) -> None:
    """Mode-Config section 2: SET and ACK, under every profile, for it negotiates no SA."""
    pair = pairs(replace(pushing(), profile=profile))
    pair.play(pair.alice.main_mode())
    given = pair.alice.isakmp.given

    assert given[CfgAttribute.INTERNAL_IP4_ADDRESS] == FIRST
    assert pair.sas[0].inner_address == FIRST
    assert pair.started() == [Exchange.TRANSACTION]


def test_an_address_that_is_not_acknowledged_is_free_again(pairs: Any) -> None:
    """Mode-Config section 2: the ACK names what was accepted; nothing is pushed twice."""
    pair = pairs(pushing())
    pair.alice.answers_with(
        change=lambda m: (
            replace_message(
                m, payloads=(m.payloads[0], replace_message(m.find(v1.Attributes), attributes=()))
            )
            if v1.Attributes in m
            else m
        )
    )
    pair.play(pair.alice.main_mode())

    assert pair.sas[0].inner_address == b""
    assert len(pair.started()) == 1


def test_a_client_that_knows_no_push_is_served_all_the_same(pairs: Any) -> None:
    """A SET without ACK is given up after its repetitions, and the ISAKMP SA stays."""
    pair = pairs(pushing())
    pair.alice.ignores("transaction")
    pair.play(pair.alice.main_mode())
    pair.wait(120)
    pair.play(pair.alice.quick_mode())

    assert pair.children == 1


def test_addresses_of_ipv6_have_their_own_attributes(pairs: Any) -> None:
    """A pool of IPv6 gives INTERNAL_IP6_ADDRESS, of sixteen octets."""
    pair = pairs(replace(GATEWAY, pool=AddressPool("2001:db8::/120")))
    pair.play(pair.alice.main_mode())
    ((kind, value),) = told(pair.play(pair.alice.mode_config(CfgAttribute.INTERNAL_IP6_ADDRESS)))

    assert (kind, value) == (CfgAttribute.INTERNAL_IP6_ADDRESS, bytes.fromhex("20010db8" + "0" * 23 + "1"))
