"""RFC 5723 section 6: tickets by value, which only this device, or another with the same key, can open."""

import json
from dataclasses import astuple
from hashlib import sha256
from typing import Any

from harness.codes import Encr
from harness.crypto.aead import IV_SIZE, aead
from harness.profile import IkeProposal
from harness.responder.context import Context
from harness.responder.state import IkeSa, Resumed

FORMAT = b"\x01"
KEY_ID_OCTETS = 8
LONGEST = 4_096
"""No ticket of ours is as long."""
_CIPHER = aead(Encr.ENCR_AES_GCM_16, 256)


def _sealing(key: bytes) -> tuple[bytes, bytes]:
    """The key's name, which stands in clear, and cipher key and salt (section 6.1: keys must be able to change)."""
    name = sha256(b"name of a ticket key" + key).digest()[:KEY_ID_OCTETS]
    salt = sha256(b"salt of a ticket key" + key).digest()[: _CIPHER.salt_size]
    return name, key + salt


def good_for(context: Context, sa: IkeSa) -> float:
    """Seconds that a ticket made now is good for: no longer than the SA or its authentication (section 6.2)."""
    configuration = context.configuration
    assert configuration.tickets is not None
    ends = [sa.born + s for s in (configuration.lifetimes.ike_hard,) if s is not None]
    ends += [sa.session.authenticated + s for s in (configuration.auth_lifetime,) if s is not None]
    return max(0.0, min([configuration.tickets.lifetime, *(end - context.now for end in ends)]))


def make(context: Context, sa: IkeSa, id_r: bytes, seconds: float) -> bytes:
    """A ticket for this SA, which expires after so many seconds."""
    tickets, keys, suite = context.configuration.tickets, sa.keys, sa.suite
    assert tickets is not None
    assert keys is not None
    assert suite is not None
    state = {
        "until": context.now + seconds,
        "spis": [sa.spi_i.hex(), sa.spi_r.hex()],
        "ids": [sa.peer_id.hex(), id_r.hex()],
        "suite": list(astuple(suite)),
        "proved": sa.session.proved.hex(),
        "sk_d": keys.sk_d.hex(),
    }
    name, key = _sealing(tickets.key)
    iv = context.entropy.octets(IV_SIZE)
    head = FORMAT + name
    return head + iv + _CIPHER.seal(key, iv, head, json.dumps(state).encode())


def read(context: Context, ticket: bytes) -> Resumed | str:
    """What a ticket of ours says, or why it is refused."""
    tickets = context.configuration.tickets
    if tickets is None:
        return "tickets are not configured"
    name, key = _sealing(tickets.key)
    head, rest = FORMAT + name, ticket[len(FORMAT + name) :]
    if len(ticket) > LONGEST or not ticket.startswith(head) or len(rest) < IV_SIZE:
        return "no ticket of ours, or one under another key"
    opened = _CIPHER.open(key, rest[:IV_SIZE], head, rest[IV_SIZE:])
    if opened is None:
        return "a ticket that was altered"
    return _resumed(context, json.loads(opened))


def _resumed(context: Context, state: dict[str, Any]) -> Resumed | str:
    """The state of a ticket that only we can have sealed, unless its time is over."""
    if state["until"] <= context.now:
        return "a ticket that has expired"
    spi_i, spi_r = map(bytes.fromhex, state["spis"])
    id_i, id_r = map(bytes.fromhex, state["ids"])
    proved, sk_d = (bytes.fromhex(state[name]) for name in ("proved", "sk_d"))
    return Resumed(spi_i, spi_r, id_i, id_r, IkeProposal(*_frozen(state["suite"])), proved, sk_d)


def _frozen(values: list[Any]) -> tuple[Any, ...]:
    return tuple(tuple(value) if isinstance(value, list) else value for value in values)
