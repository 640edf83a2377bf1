"""What a remote client asks of its gateway besides tunnels: an inner address, another gateway, a ticket, tokens."""

from ipaddress import ip_address
from typing import Unpack

from harness.codes import CfgType, Exchange, GatewayType, NotifyType, Protocol
from harness.crypto import UnsupportedAlgorithm
from harness.peer.end import marked
from harness.peer.mischief import Changes, Plan, planned
from harness.peer.script import Note, Request, Send, Steps
from harness.peer.v2.sa import IkeSa, State
from harness.peer.v2.steps import FLAG_INITIATOR, FLAG_RESPONSE, NONCE_OCTETS, StartsV2, notify
from harness.peer.v2.told import Ticket
from harness.sa.v2 import resumed_keys
from harness.wire import Message, Payload, v2
from harness.wire.v2.notify_data import Gateway, read

MAX_REDIRECTS = 5
"""RFC 5685 section 7: how often in a row a client lets itself be sent on."""
_SIZES: dict[int, int] = {GatewayType.IPV4: 4, GatewayType.IPV6: 16}
"""How long an address in REDIRECT is."""


class ClientV2(StartsV2):
    """The steps of a remote client."""

    # --- inner addresses ----------------------------------------------------------------------------------------

    def cfg_request(
        self, *wanted: int | tuple[int, bytes], cfg_type: int = CfgType.CFG_REQUEST
    ) -> v2.Configuration:
        """CP for these attributes, each with the value that is wished or, as a rule, with none (RFC 7296 section 3.15)."""
        attributes = ((each, b"") if isinstance(each, int) else each for each in wanted)
        return v2.Configuration(
            cfg_type, tuple(v2.ConfigurationAttribute(kind, value=value) for kind, value in attributes)
        )

    @property
    def inner_address(self) -> str | None:
        """The first inner address that the gateway gave."""
        return next((str(ip_address(each)) for each in self.ike.told.inner), None)

    # --- REDIRECT -----------------------------------------------------------------------------------------------

    def ike_sa_init_redirectable(
        self, *extra: Payload, follow: int = MAX_REDIRECTS, **changes: Unpack[Changes]
    ) -> Steps:
        """IKE_SA_INIT of a client that can be redirected, at most `follow` times; the result is the last answer.

        The request to the next gateway is marked `x/redirect-1` and so on when the first is marked `x`.
        """
        plan = planned(changes)
        answer = yield from self.ike_sa_init(notify(NotifyType.REDIRECT_SUPPORTED), *extra, **changes)
        for number in range(1, follow + 1):
            there = self._sent_to(answer)
            if there is None:
                break
            came_from = self.remote.address
            self.remote = self.remote._replace(address=there)
            self.remote_natt = self.remote_natt._replace(address=there)
            again: Changes = {**changes, "mark": marked(plan, f"redirect-{number}").mark}
            answer = yield from self.ike_sa_init(redirected_from(came_from), *extra, **again)
        return answer

    def _sent_to(self, answer: Message | None) -> str | None:
        """The gateway that an answer to IKE_SA_INIT names, if it has our nonce and an address (RFC 5685 section 3)."""
        notified = None if answer is None else answer.find(v2.Notify, NotifyType.REDIRECT)
        gateway = None if notified is None else read(Gateway, notified.data)
        if gateway is None or gateway.nonce != self.ike.ni:
            return None
        size = _SIZES.get(gateway.gateway_type)
        return str(ip_address(gateway.identity)) if len(gateway.identity) == size else None

    # --- tickets ------------------------------------------------------------------------------------------------

    def resume(
        self,
        *extra: Payload,
        ticket: Ticket | None = None,
        octets: bytes | None = None,
        nat_detection: bool = True,
        **changes: Unpack[Changes],
    ) -> Steps:
        """IKE_SESSION_RESUME for a new IKE SA, which becomes `ike`; the result is the last answer (RFC 5723 section 4.3).

        The ticket is that of the IKE SA before, unless another is given; `octets` are shown in its place. A COOKIE
        is followed once, as by IKE_SA_INIT. `ike_auth` goes on with it.
        """
        plan, ticket = planned(changes), ticket or self.ike.ticket
        if ticket is None:
            yield Note("not sent", f"{self.name}: IKE_SESSION_RESUME: there is no ticket")
            return None
        sa = IkeSa(True, self.nonzero(8), local=self.local, remote=self.remote, state=State.STARTED)
        sa.ni = self.entropy.octets(NONCE_OCTETS)
        self.ike = self.ike_sas[sa.spi_i] = sa
        shown = notify(NotifyType.TICKET_OPAQUE, ticket.octets if octets is None else octets)
        payloads = (v2.Nonce(sa.ni), shown, *(self.nat_notifies(sa) if nat_detection else ()), *extra)
        answer: Message | None = yield self._resume_request(sa, ticket, payloads, plan)
        cookie = None if answer is None else answer.find(v2.Notify, NotifyType.COOKIE)
        if cookie is not None:
            again = (notify(NotifyType.COOKIE, cookie.data), *payloads)
            answer = yield self._resume_request(sa, ticket, again, marked(plan, "cookie"))
        return answer

    def _resume_request(
        self, sa: IkeSa, ticket: Ticket, payloads: tuple[Payload, ...], plan: Plan
    ) -> Request:
        return self.opens(
            sa,
            Exchange.IKE_SESSION_RESUME,
            payloads,
            plan,
            lambda answer: self._resume_answered(sa, ticket, answer),
        )

    def _resume_answered(self, sa: IkeSa, ticket: Ticket, answer: Message) -> None:
        """Fresh keys from SK_d of the old IKE SA, or why there are none."""
        nonce = answer.find(v2.Nonce)
        if nonce is None or not any(answer.spi_r):
            sa.why = "the target did not take the ticket"
            return
        try:
            sa.keys = resumed_keys(ticket.suite, ticket.sk_d, sa.spi_i, answer.spi_r, sa.ni, nonce.data)
        except UnsupportedAlgorithm as why:
            sa.why = str(why)
            return
        sa.resumed = True
        self.half_opened(sa, answer, nonce.data)

    # --- tokens -------------------------------------------------------------------------------------------------

    def lost(
        self, request: Message | None, *tokens: bytes, sa: IkeSa | None = None, **changes: Unpack[Changes]
    ) -> Send:
        """What an end that lost its SAs says, in clear, to a request on one of them, with these tokens (RFC 6290 section 4.5)."""
        sa = sa or self.ike
        exchange = Exchange.INFORMATIONAL if request is None else request.exchange
        flags = FLAG_RESPONSE | (FLAG_INITIATOR if sa.initiated else 0)
        message_id = 0 if request is None else request.message_id
        payloads = (notify(NotifyType.INVALID_IKE_SPI), *map(token, tokens))
        message = Message(sa.spi_i, sa.spi_r, exchange, flags, message_id, payloads)
        return self.said(message.encode(), sa.natt, planned(changes), (sa.local, sa.remote))


def redirected_from(address: str) -> v2.Notify:
    """REDIRECTED_FROM: the gateway that sent this client on (RFC 5685 section 9.3)."""
    there = ip_address(address)
    kind = GatewayType.IPV4 if there.version == 4 else GatewayType.IPV6
    return notify(NotifyType.REDIRECTED_FROM, Gateway(kind, identity=there.packed).encode())


def token(octets: bytes) -> v2.Notify:
    """QCD_TOKEN, which is about the IKE SA (RFC 6290 section 4.1)."""
    return v2.Notify(Protocol.IKE, NotifyType.QUICK_CRASH_DETECTION, b"", octets)
