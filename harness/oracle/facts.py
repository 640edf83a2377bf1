"""What a screen proves of a conversation before it lets it pass, and on which of it a standing rule relies.

A conversation is all that is said under one initiator's SPI or cookie. One of which every fact is proved is plain;
any other is looked at message by message. So a rule needs a fact here only for what it would have found in a
conversation that is plain by all the others.
"""

from enum import StrEnum


class Fact(StrEnum):
    """A statement about a plain conversation, read off its headers."""

    ONE_PEER = "everything is said between the target and one address, by UDP, in one version, under one pair of SPIs"
    PEER_OPENS = (
        "it begins with the peer's IKE_SA_INIT request, or its first message of phase 1; or with its request 0 of a "
        "pair that may come from a CREATE_CHILD_SA of the same peer in the last minute"
    )
    ROLES = (
        "version 2: the peer sets the Initiator flag and the target does not, and no other flag but R is set"
    )
    KINDS = (
        "version 2: IKE_SA_INIT comes once and first, all else is sealed and of a known exchange type; "
        "version 1: Main and Aggressive Mode, and encrypted Quick and New Group Mode, transactions and informational "
        "messages"
    )
    TARGET_ONLY_INFORMS = (
        "version 2: what the target starts is INFORMATIONAL; version 1: it starts neither phase 1, Quick Mode nor "
        "New Group Mode"
    )
    ASKED_FIRST = (
        "version 2: each response comes behind a request of its SPIs, Message ID and exchange type, and never are "
        "there more responses than copies of the request"
    )
    ANSWERED = (
        "each request that is due an answer by its place in the exchange has one, behind it and in its turn"
    )
    NUMBERED = "version 2: each side's requests count up from 0, one exchange behind the other"
    REPEATED_ALIKE = "version 2: what comes again, request or response or fragment, is the same octets"
    NO_MORE_THAN_THRICE = (
        "before anything sealed has shown that the peer receives, it is sent no more than three times the octets that "
        "it had sent"
    )
    SAME_WAY = "each answer goes back the way its request, or in version 1 the peer's last message, came"
