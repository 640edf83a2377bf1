"""What a gateway tells its client about an IKE SA, as the peer remembers it: changed in place as messages come in."""

from dataclasses import dataclass, field

from harness.codes import CfgAttribute, CfgType, NotifyType
from harness.sa.v2 import Suite
from harness.values import value
from harness.wire import Message, v2
from harness.wire.v2.notify_data import AuthLifetime, Gateway, read

_INNER = {CfgAttribute.INTERNAL_IP4_ADDRESS: 4, CfgAttribute.INTERNAL_IP6_ADDRESS: 16}
"""How many octets of an attribute are the address."""
_LISTS = frozenset(
    {
        NotifyType.ADDITIONAL_IP4_ADDRESS,
        NotifyType.ADDITIONAL_IP6_ADDRESS,
        NotifyType.NO_ADDITIONAL_ADDRESSES,
    }
)


@value
class Ticket:
    """A ticket, and what its client has to keep with it (RFC 5723 section 5)."""

    octets: bytes = field(repr=False)
    lifetime: int
    suite: Suite
    sk_d: bytes = field(repr=False)
    own_id: bytes
    """The body of the IDi payload that was proved."""


@dataclass(slots=True, eq=False)
class Told:
    """What protected messages of the target have said so far."""

    inner: tuple[bytes, ...] = ()
    """The inner addresses that it gave."""
    mobile: bool = False
    """Whether it supports MOBIKE."""
    addresses: tuple[bytes, ...] = ()
    """Its further addresses, as it listed them last."""
    redirect: Gateway | None = None
    """Where it sent this end."""
    auth_lifetime: int | None = None
    """Seconds until this end should authenticate again."""
    token: bytes = field(default=b"", repr=False)
    """What it will show when it has lost the SA (RFC 6290)."""

    def heed(self, message: Message) -> None:
        """Remember what one more message says."""
        lifetime = read(AuthLifetime, _data(message, NotifyType.AUTH_LIFETIME))
        self.auth_lifetime = self.auth_lifetime if lifetime is None else lifetime.seconds
        self.redirect = read(Gateway, _data(message, NotifyType.REDIRECT)) or self.redirect
        self.token = _data(message, NotifyType.QUICK_CRASH_DETECTION) or self.token
        self.mobile |= message.find(v2.Notify, NotifyType.MOBIKE_SUPPORTED) is not None
        listed = [notify for notify in message.all(v2.Notify) if notify.notify_type in _LISTS]
        if listed:  # RFC 4555 section 3.6: the whole list comes every time
            self.addresses = tuple(notify.data for notify in listed if notify.data)
        self.inner = _given(message) or self.inner


def _data(message: Message, kind: int) -> bytes:
    """The data of the first notify of this type; empty without one."""
    notify = message.find(v2.Notify, kind)
    return b"" if notify is None else notify.data


def _given(message: Message) -> tuple[bytes, ...]:
    """The inner addresses in a CFG_REPLY (RFC 7296 section 3.15.1)."""
    reply = message.find(v2.Configuration)
    if reply is None or reply.cfg_type != CfgType.CFG_REPLY:
        return ()
    return tuple(
        a.value[: _INNER[CfgAttribute(a.type)]] for a in reply.attributes if a.type in _INNER and a.value
    )
