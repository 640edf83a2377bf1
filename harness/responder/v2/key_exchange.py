"""RFC 7296 section 3.4: our half of a key exchange that the peer began."""

from harness.crypto.key_exchange import InvalidPublicValue, key_exchange
from harness.responder.context import Context
from harness.wire import v2


def exchange_keys(context: Context, offered: v2.KeyExchange) -> tuple[bytes, v2.KeyExchange] | None:
    """The shared secret and our KE payload for the peer's; None if its public value is refused."""
    try:
        ours = key_exchange(offered.group).respond(offered.data, context.entropy)
    except InvalidPublicValue:
        return None
    return ours.shared, v2.KeyExchange(group=offered.group, data=ours.public)
