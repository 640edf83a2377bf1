"""The IOS commands that are understood, mode by mode; each one only notes what a line says."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.profile.configuration import Identity, address_identity
from harness.profile.credentials import Ppk
from harness.profile.ios.lines import Args, Line, Note
from harness.profile.ios.words import (
    IKEV2_CIPHERS,
    IKEV2_INTEGRITY,
    IKEV2_PRFS,
    IOS_GROUPS,
    POLICY_AUTHENTICATION,
    POLICY_CIPHERS,
    POLICY_HASHES,
)
from harness.profile.written import HIDDEN
from harness.record import printable


@dataclass(slots=True)
class Section:
    """What the lines of one mode say, each value with the number of its line."""

    kind: str
    name: str
    line: int
    said: dict[str, tuple[Any, int]] = field(default_factory=dict, repr=False)
    listed: dict[str, list[tuple[Any, int]]] = field(default_factory=dict, repr=False)

    def say(self, what: str, value: Any, line: Line) -> None:
        """Take a value that can be said once."""
        if what in self.said:
            line.refuse(f"{what} is said twice; the first time on line {self.said[what][1]}")
        self.said[what] = (value, line.number)

    def add(self, what: str, value: Any, line: Line) -> None:
        """Take one of several values."""
        self.listed.setdefault(what, []).append((value, line.number))

    def get(self, what: str, default: Any = None) -> Any:
        """The value said, or `default`."""
        return self.said.get(what, (default, 0))[0]

    def all(self, what: str) -> list[Any]:
        """The values listed, in their order."""
        return [value for value, _ in self.listed.get(what, [])]

    def line_of(self, what: str) -> int:
        """Where it was said (first); the section's own line if it wasn't."""
        if what in self.listed:
            return self.listed[what][0][1]
        return self.said.get(what, (None, self.line))[1]


@dataclass(slots=True)
class Text:
    """All sections of a text, and what was remarked on the way."""

    sections: dict[tuple[str, str], Section] = field(default_factory=dict)
    top: Section = field(default_factory=lambda: Section("global", "", 0))
    extras: list[Line] = field(default_factory=list, repr=False)
    warnings: list[Note] = field(default_factory=list)
    unknown: list[Note] = field(default_factory=list)

    def of_kind(self, kind: str) -> list[Section]:
        """The sections of a kind, in the order of the text."""
        return [section for section in self.sections.values() if section.kind == kind]

    def find(self, kind: str, name: str) -> Section | None:
        """The section of that kind and name."""
        return self.sections.get((kind, name))

    def warn(self, line: int, text: str) -> None:
        """Remark something on a line."""
        self.warnings.append(Note(line, text))


Command = Callable[[Section, Args], None]
COMMANDS: dict[str, dict[tuple[str, ...], Command]] = {}
UNUSED: Mapping[str, frozenset[tuple[str, ...]]] = {
    "ipsec-profile": frozenset(
        {
            ("description",),
            ("dialer",),
            ("redundancy",),
            ("reverse-route",),
            ("set", "identity"),
            ("set", "mixed-mode"),
            ("set", "reverse-route"),
            ("set", "security-policy"),
            ("set", "security-association", "dfbit"),
            ("set", "security-association", "dummy"),
            ("set", "security-association", "level"),
            ("set", "security-association", "replay"),
        }
    )
}
"""Commands that exist and change nothing here: told as not read. In other modes any other line is told so."""

OPENERS: Mapping[tuple[str, ...], str] = {
    ("crypto", "isakmp", "policy"): "isakmp-policy",
    ("crypto", "isakmp", "profile"): "isakmp-profile",
    ("crypto", "keyring"): "keyring",
    ("crypto", "ipsec", "transform-set"): "transform-set",
    ("crypto", "ipsec", "profile"): "ipsec-profile",
    ("crypto", "map"): "crypto map",
    ("crypto", "dynamic-map"): "dynamic crypto map",
    ("crypto", "ikev2", "proposal"): "ikev2-proposal",
    ("crypto", "ikev2", "policy"): "ikev2-policy",
    ("crypto", "ikev2", "keyring"): "ikev2-keyring",
    ("crypto", "ikev2", "profile"): "ikev2-profile",
    ("crypto", "ikev2", "client", "flexvpn"): "flexvpn client",
    ("interface",): "interface",
    ("ip", "access-list", "extended"): "access-list",
    ("ipv6", "access-list"): "access-list",
}
"""Commands that open a mode; the lines after them belong to it."""


def command(mode: str, *words: str) -> Callable[[Command], Command]:
    """Enter a function as the reader of a command in a mode."""

    def enter(function: Command) -> Command:
        COMMANDS.setdefault(mode, {})[words] = function
        return function

    return enter


LONGEST = 6
"""How many words the longest command has."""
FRAGMENT_SIZE = 576
"""The size of `crypto ikev2 fragmentation` without a word about it."""


def longest(table: Mapping[tuple[str, ...], Any] | frozenset[tuple[str, ...]], line: Line) -> tuple[str, ...]:
    """The longest command of `table` that the line begins with; empty if none."""
    for length in range(min(LONGEST, len(line.words)), 0, -1):
        if line.words[:length] in table:
            return line.words[:length]
    return ()


def _value(mode: str, *words: str, what: str, read: Callable[[Args], Any]) -> None:
    @command(mode, *words)
    def take(section: Section, args: Args) -> None:
        section.say(what, read(args), args.line)
        args.end()


def _flag(mode: str, *words: str, what: str) -> None:
    @command(mode, *words)
    def take(section: Section, args: Args) -> None:
        section.say(what, True, args.line)
        args.end()


def _name(args: Args) -> str:
    return args.word("a name")


# --- global -----------------------------------------------------------------------------------------------


def secret_of(args: Args) -> str:
    """A key in clear, perhaps after the type 0; encrypted keys are refused, and no key is ever told."""
    words = args.words
    if words and words[0] in ("6", "7") and len(words) > 1 and words[1] not in ("address", "hostname"):
        args.line.refuse(
            f"a key of type {words[0]} is encrypted with what only its device knows; give it in clear"
        )
    if words and words[0] == "0" and len(words) > 1 and words[1] not in ("address", "hostname"):
        args.took("0")
    secret = args.secret()
    if secret == HIDDEN:
        args.line.refuse("this text was printed with its keys hidden; fill the key in")
    return secret


def key_octets(args: Args) -> bytes:
    """A key in clear, as octets."""
    return secret_of(args).encode("utf-8", "surrogateescape")


@command("global", "crypto", "isakmp", "key")
def _isakmp_key(section: Section, args: Args) -> None:
    secret = secret_of(args)
    if args.took("hostname"):
        section.add("key", (Identity("fqdn", args.word("a name")), secret), args.line)
    elif args.took("address"):
        section.add("key", (args.network(), secret), args.line)
    else:
        args.line.refuse("a key is one word, and `address` or `hostname` follows it")
    args.took("no-xauth")
    args.end()


def _keepalive(args: Args) -> tuple[int, int]:
    interval = args.number("an interval in seconds")
    args.took("retry")
    retry = args.number("a retry interval in seconds") if args.peek().isdecimal() else 2
    if not (args.took("periodic") or args.took("on-demand")) and args:
        args.end()
    return interval, retry


def _lifetime(mode: str, *words: str) -> None:
    @command(mode, *words, "lifetime")
    def take(section: Section, args: Args) -> None:
        if args.took("kilobytes", "disable"):
            section.say("kilobytes", None, args.line)
        elif args.took("kilobytes"):
            section.say("kilobytes", args.number("kilobytes"), args.line)
        elif args.took("seconds", "disable"):
            section.say("seconds", None, args.line)
        elif args.took("seconds"):
            section.say("seconds", args.number("seconds"), args.line)
        else:
            args.line.refuse("a lifetime is given in `seconds` or `kilobytes`")
        args.end()

    @command(mode, *words, "idle-time")
    def take_idle(section: Section, args: Args) -> None:
        section.say("idle-time", args.number("seconds"), args.line)
        args.took("default")
        args.end()


_value("global", "crypto", "isakmp", "keepalive", what="keepalive", read=_keepalive)
_value("global", "crypto", "isakmp", "identity", what="identity", read=_name)
_flag("global", "crypto", "isakmp", "aggressive-mode", "disable", what="aggressive-mode disable")
_flag("global", "crypto", "isakmp", "invalid-spi-recovery", what="invalid-spi-recovery")
_value(
    "global",
    "crypto",
    "ikev2",
    "cookie-challenge",
    what="cookie-challenge",
    read=lambda a: a.number("a count"),
)
_value("global", "crypto", "ikev2", "dpd", what="dpd", read=_keepalive)
_value("global", "crypto", "ikev2", "window", what="window", read=lambda a: a.number("a count"))
for _version in ("isakmp", "ikev2"):
    _value(
        "global",
        "crypto",
        _version,
        "nat",
        "keepalive",
        what=f"{_version} nat keepalive",
        read=lambda a: a.number("seconds"),
    )
_value(
    "global",
    "crypto",
    "ipsec",
    "security-association",
    "replay",
    "window-size",
    what="replay window-size",
    read=lambda a: a.number("a count"),
)


@command("global", "crypto", "ikev2", "fragmentation")
def _fragmentation(section: Section, args: Args) -> None:
    size = args.number("octets") if args.took("mtu") else FRAGMENT_SIZE
    section.say("fragmentation", size, args.line)
    args.end()


_lifetime("global", "crypto", "ipsec", "security-association")

# --- version 1 --------------------------------------------------------------------------------------------


@command("isakmp-policy", "encryption")
@command("isakmp-policy", "encr")
def _policy_encryption(section: Section, args: Args) -> None:
    if args.words not in POLICY_CIPHERS:
        args.line.refuse(f"`{printable(' '.join(args.words))}` is no cipher of an ISAKMP policy")
    section.say("encryption", POLICY_CIPHERS[args.words], args.line)


def group_of(args: Args, number: int) -> int:
    """A group by its number; those that IOS never had are taken too, with a remark."""
    if number not in IOS_GROUPS:
        args.warn(f"IOS has no group {number}; it is used all the same")
    return number


@command("isakmp-policy", "group")
def _policy_group(section: Section, args: Args) -> None:
    section.say("group", group_of(args, args.number("a group")), args.line)
    args.end()


_value("isakmp-policy", "hash", what="hash", read=lambda a: a.one_of(POLICY_HASHES, "hash"))
_value(
    "isakmp-policy",
    "authentication",
    what="authentication",
    read=lambda a: a.one_of(POLICY_AUTHENTICATION, "way to authenticate"),
)
_value("isakmp-policy", "lifetime", what="lifetime", read=lambda a: a.number("seconds"))


@command("keyring", "pre-shared-key")
def _keyring_key(section: Section, args: Args) -> None:
    if args.took("hostname"):
        whom: Any = Identity("fqdn", args.word("a name"))
    elif args.took("address"):
        whom = args.network()
    else:
        args.line.refuse("`address` or `hostname` follows `pre-shared-key`")
    if not args.took("key"):
        args.line.refuse("`key` stands between the peer and the key")
    secret = secret_of(args)
    if args:
        args.line.refuse("a key is one word, and nothing follows it")
    section.add("key", (whom, secret), args.line)


def _matched(args: Args) -> tuple[str, Any]:
    """An identity to be matched: kind and value; an address with its network."""
    kind = args.word("a kind of identity")
    if kind == "any":
        return "any", None
    if kind == "address":
        return "address", args.network()
    if kind in ("host", "fqdn", "user", "email", "group", "key-id") and args.peek() != "domain":
        return _KINDS[kind], args.word("an identity")
    if kind in ("host", "fqdn", "user", "email"):
        args.took("domain")
        return "domain", args.word("a domain")
    return args.line.refuse(f"identities of kind `{printable(kind)}` are not understood")


_KINDS = {
    "host": "fqdn",
    "fqdn": "fqdn",
    "user": "user_fqdn",
    "email": "user_fqdn",
    "user-fqdn": "user_fqdn",
    "group": "key_id",
    "key-id": "key_id",
}


@command("isakmp-profile", "match", "identity")
@command("ikev2-profile", "match", "identity", "remote")
def _match(section: Section, args: Args) -> None:
    section.add("match", _matched(args), args.line)
    args.end()


@command("isakmp-profile", "self-identity")
@command("ikev2-profile", "identity", "local")
def _own_identity(section: Section, args: Args) -> None:
    kind = args.word("a kind of identity")
    if kind == "address":
        section.say("own identity", ("address", args.address() if args else None), args.line)
    elif kind in _KINDS:
        section.say("own identity", (_KINDS[kind], args.word("an identity")), args.line)
    else:
        args.line.refuse(f"identities of kind `{printable(kind)}` are not understood")
    args.end()


_value("isakmp-profile", "keyring", what="keyring", read=_name)
_value("isakmp-profile", "keepalive", what="keepalive", read=_keepalive)
_flag("isakmp-profile", "initiate", "mode", "aggressive", what="initiate mode aggressive")

# --- version 2 --------------------------------------------------------------------------------------------


def _several(mode: str, word: str, table: Mapping[str, Any]) -> None:
    @command(mode, word)
    def take(section: Section, args: Args) -> None:
        if not args:
            args.line.refuse(f"the command ends where {word} should stand")
        section.say(word, [args.one_of(table, word) for _ in args.words], args.line)


_several("ikev2-proposal", "encryption", IKEV2_CIPHERS)
_several("ikev2-proposal", "integrity", IKEV2_INTEGRITY)
_several("ikev2-proposal", "prf", IKEV2_PRFS)


@command("ikev2-proposal", "group")
def _proposal_groups(section: Section, args: Args) -> None:
    groups = [group_of(args, args.number("a group")) for _ in args.words]
    section.say("group", groups, args.line)


@command("ikev2-policy", "proposal")
def _policy_proposal(section: Section, args: Args) -> None:
    section.add("proposal", _name(args), args.line)
    args.end()


@command("ikev2-keyring", "peer")
def _keyring_peer(section: Section, args: Args) -> None:
    section.add("peer", Section("peer", _name(args), args.line.number), args.line)
    args.end()


def _current_peer(section: Section, args: Args) -> Section:
    peers = section.all("peer")
    if not peers:
        args.line.refuse("`peer NAME` stands before what is said of a peer")
    peer: Section = peers[-1]
    return peer


@command("ikev2-keyring", "address")
def _peer_address(section: Section, args: Args) -> None:
    _current_peer(section, args).say("address", args.network(), args.line)
    args.end()


@command("ikev2-keyring", "identity")
def _peer_identity(section: Section, args: Args) -> None:
    kind, value = _matched(args)
    if kind == "address" and value.prefixlen == value.max_prefixlen:
        identity = address_identity(str(value.network_address))
    elif kind in _KINDS.values():
        identity = Identity(kind, value)  # type: ignore[arg-type]  # one of its kinds
    else:
        args.line.refuse("a key belongs to one identity")
    _current_peer(section, args).say("identity", identity, args.line)
    args.end()


@command("ikev2-keyring", "pre-shared-key")
def _peer_key(section: Section, args: Args) -> None:
    peer = _current_peer(section, args)
    side = "remote key" if args.took("remote") else "local key" if args.took("local") else "key"
    octets = _hex(args) if args.took("hex") else key_octets(args)
    if args:
        args.line.refuse("a key is one word, and nothing follows it")
    peer.say(side, octets, args.line)


def _hex(args: Args) -> bytes:
    digits = args.secret()
    try:
        return bytes.fromhex(digits.removeprefix("0x"))
    except ValueError:
        args.line.refuse("a key after `hex` is an even number of hexadecimal digits")


_value("ikev2-profile", "keyring", "local", what="keyring", read=_name)
_value("ikev2-profile", "lifetime", what="lifetime", read=lambda a: a.number("seconds"))
_value("ikev2-profile", "dpd", what="dpd", read=_keepalive)


_PROOFS = {
    "pre-share": "psk",
    "rsa-sig": "signature",
    "ecdsa-sig": "signature",
    "eap": "eap",
}


@command("ikev2-profile", "authentication")
def _authentication(section: Section, args: Args) -> None:
    side = args.one_of({"local": "local", "remote": "remote"}, "end")
    proof = args.one_of(_PROOFS, "way to authenticate")
    if proof == "psk" and args.took("key"):
        section.say(f"{side} key", key_octets(args), args.line)
    if args and proof == "psk":
        args.line.refuse("a key is one word, and nothing follows it")
    if section.get(f"{side} proof", proof) != proof:
        args.warn(f"one way to authenticate is played, that of line {section.line_of(f'{side} proof')}")
    else:
        section.said.setdefault(f"{side} proof", (proof, args.line.number))


@command("ikev2-keyring", "ppk")
def _peer_ppk(section: Section, args: Args) -> None:
    if not args.took("manual", "id"):
        args.line.refuse("`manual id` and a name follow `ppk`")
    name = args.word("a name")
    if not args.took("key"):
        args.line.refuse("`key` stands between the name and the key")
    args.took("clear")
    ppk = Ppk(name.encode("utf-8", "surrogateescape"), key_octets(args), mandatory=args.took("required"))
    if args:
        args.line.refuse("a key is one word, and only `required` follows it")
    _current_peer(section, args).say("ppk", ppk, args.line)


_value("flexvpn client", "client", "connect", what="connects", read=lambda a: " ".join(a.rest()))


# --- IPsec ------------------------------------------------------------------------------------------------


@command("transform-set", "mode")
def _transform_mode(section: Section, args: Args) -> None:
    if args.took("transport"):
        section.say("transport", True, args.line)
        args.took("require")
    elif not args.took("tunnel"):
        args.line.refuse("the mode is `tunnel` or `transport`")


@command("crypto map", "set", "transform-set")
@command("dynamic crypto map", "set", "transform-set")
@command("ipsec-profile", "set", "transform-set")
def _set_transform_set(section: Section, args: Args) -> None:
    if not args:
        args.line.refuse("`set transform-set` names at least one transform set")
    section.say("transform-set", args.words, args.line)


@command("crypto map", "set", "pfs")
@command("dynamic crypto map", "set", "pfs")
@command("ipsec-profile", "set", "pfs")
def _pfs(section: Section, args: Args) -> None:
    word = args.word("a group") if args else "group1"
    digits = word.removeprefix("group")
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 6):
        args.line.refuse(f"`{printable(word)}` is no group, as in `group14`")
    section.say("pfs", group_of(args, int(digits)), args.line)
    args.end()


for _mode in ("ipsec-profile", "crypto map", "dynamic crypto map"):
    _value(_mode, "set", "isakmp-profile", what="isakmp-profile", read=_name)
    _value(_mode, "set", "ikev2-profile", what="ikev2-profile", read=_name)
    _lifetime(_mode, "set", "security-association")

for _mode in ("crypto map", "dynamic crypto map"):
    _value(_mode, "match", "address", what="match address", read=_name)


@command("crypto map", "set", "peer")
@command("dynamic crypto map", "set", "peer")
def _map_peer(section: Section, args: Args) -> None:
    address = args.address()
    args.took("default")
    section.say("peer", address, args.line)
    args.end()


# --- interfaces and lists ---------------------------------------------------------------------------------


@command("interface", "ip", "address")
def _ip_address(section: Section, args: Args) -> None:
    if args.peek().startswith(("dhcp", "negotiated")) or "secondary" in args.words:
        return
    section.say("address", args.address(), args.line)


@command("interface", "crypto", "map")
def _map_on_interface(section: Section, args: Args) -> None:
    section.say("crypto map", _name(args), args.line)


@command("interface", "tunnel", "source")
def _tunnel_source(section: Section, args: Args) -> None:
    section.say("tunnel source", " ".join(args.words), args.line)


@command("interface", "tunnel", "destination")
def _tunnel_destination(section: Section, args: Args) -> None:
    section.say("tunnel destination", None if args.took("dynamic") else args.address(), args.line)


@command("interface", "tunnel", "mode")
def _tunnel_mode(section: Section, args: Args) -> None:
    section.say("tunnel mode", args.words, args.line)


@command("interface", "tunnel", "protection", "ipsec")
def _tunnel_protection(section: Section, args: Args) -> None:
    if args.took("profile"):
        section.say("tunnel protection", _name(args), args.line)
        args.took("shared")
    elif args.took("policy", "ipv4") or args.took("policy", "ipv6"):
        section.say("tunnel policy", _name(args), args.line)
    else:
        args.line.refuse("`profile NAME` or `policy ipv4 NAME` follows `tunnel protection ipsec`")


@command("access-list", "permit")
def _permit(section: Section, args: Args) -> None:
    everything = "0.0.0.0/0" if args.peek() == "ip" else "::/0"
    if not (args.took("ip") or args.took("ipv6")):
        args.line.refuse("only `permit ip` makes a selector here")
    local = args.wildcard_network(everything)
    section.add("permit", (str(local), str(args.wildcard_network(everything))), args.line)
    args.end()
