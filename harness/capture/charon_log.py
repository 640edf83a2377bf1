"""The keys of IKE SAs in the log of strongSwan's charon, as it writes them with `ike = 4`, `mgr = 2` and `cfg = 2`.

What one thread logs belongs together: the proposal selected, the keys derived, and the SPIs of the SA that is then
checked in.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from harness.codes import Encr, Integ

_LINE = re.compile(r"\b(?P<thread>\d\d)\[[A-Z]{3}\d?\](?: <[^<>]*>)? (?P<text>.*)")
_KEY = re.compile(r"(?:(?P<v2>Sk_(?:d|[aep][ir])) secret|encryption key Ka) => (?P<size>\d{1,4}) bytes")
_DUMP = re.compile(r" *\d+: (?P<octets>[0-9A-F]{2}(?: [0-9A-F]{2}){0,15})(?: |$)")
_PROPOSAL = re.compile(r"selected proposal: IKE:(?P<names>\S+)")
_CHECKIN = re.compile(
    r"checkin IKEv(?P<version>[12]) SA .* with SPIs (?P<spi_i>[0-9a-f]{16})_i (?P<spi_r>[0-9a-f]{16})_r"
)
_CIPHER = re.compile(r"(?P<name>\w+?)(?:_(?P<bits>128|192|256))?")
_OTHER_NAMES = {"3DES_CBC": "3DES"}
_V2_KEYS = ("sk_d", "sk_ai", "sk_ar", "sk_ei", "sk_er", "sk_pi", "sk_pr")
_V1_KEY = "key"


@dataclass(slots=True)
class _Thread:
    names: str = ""
    """Of the algorithms of the proposal selected last."""
    keys: dict[str, bytearray] = field(default_factory=dict, repr=False)
    dumped: str = ""
    """The key whose octets the next lines hold."""
    left: int = 0
    """How many of them lack."""


def is_charon_log(text: str) -> bool:
    """Whether a line of the text is one of charon's."""
    return _LINE.search(text) is not None


def charon_keys(text: str) -> tuple[tuple[dict[str, Any], ...], tuple[str, ...]]:
    """The keys as evidence, and a sentence for what of them cannot be used."""
    threads: dict[str, _Thread] = {}
    found: list[dict[str, Any]] = []
    problems: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        match = _LINE.search(line)
        if match is None:
            continue
        thread = threads.setdefault(match["thread"], _Thread())
        checkin = _hear(thread, match["text"])
        if checkin is not None and thread.keys:
            secret = _secret(thread, checkin)
            if isinstance(secret, str):
                problems.append(f"line {number}: {secret}")
            else:
                found.append(secret)
            thread.keys = {}
    nameless = sum(bool(thread.keys) for thread in threads.values())
    if nameless or not (found or problems):
        problems.append(
            "keys, or the SPIs that they are for, are not in the log; let charon log ike = 4, mgr = 2, cfg = 2"
        )
    return tuple(found), tuple(problems)


def _hear(thread: _Thread, text: str) -> re.Match[str] | None:
    """Take in what a thread says; the match of a line that says which SA it was about."""
    dump = _DUMP.match(text) if thread.left else None
    if dump is not None:
        octets = bytes.fromhex(dump["octets"])[: thread.left]
        thread.keys[thread.dumped] += octets
        thread.left -= len(octets)
        return None
    thread.left = 0
    if key := _KEY.match(text):
        thread.dumped, thread.left = (key["v2"] or _V1_KEY).lower(), int(key["size"])
        thread.keys[thread.dumped] = bytearray()
    elif proposal := _PROPOSAL.match(text):
        thread.names = proposal["names"]
    return _CHECKIN.match(text)


def _secret(thread: _Thread, checkin: re.Match[str]) -> dict[str, Any] | str:
    keys = {name: bytes(octets).hex() for name, octets in thread.keys.items()}
    if checkin["version"] == "1":
        return _v1(keys, checkin)
    encr, integ = next(_ciphers(thread.names), None), next(_integrities(thread.names), None)
    if encr is None:
        return f"the cipher of the proposal {thread.names!r} is not known" if thread.names else _NO_PROPOSAL
    if not keys.get("sk_ei") or not keys.get("sk_er"):
        return "keys without Sk_ei and Sk_er"
    secret = {"ike": 2, "spi_i": checkin["spi_i"], "spi_r": checkin["spi_r"], "prf": None, "group": None}
    secret |= {"encr": int(encr[0]), "key_bits": encr[1], "integ": int(integ or Integ.NONE)}
    return secret | {name: keys.get(name, "") for name in _V2_KEYS}


_NO_PROPOSAL = "keys of an IKE SA whose proposal is not in the log; let charon log cfg = 2"


def _v1(keys: dict[str, str], checkin: re.Match[str]) -> dict[str, Any] | str:
    """The capture tells what the log does not: algorithms and what they were agreed by."""
    if not keys.get(_V1_KEY):
        return "keys of version 1 without Ka"
    secret = {"ike": 1, "cky_i": checkin["spi_i"], "cky_r": checkin["spi_r"], "key": keys[_V1_KEY]}
    secret |= dict.fromkeys(("encr", "key_bits", "hash", "auth", "group"))
    return secret | dict.fromkeys(("skeyid", "skeyid_d", "skeyid_a", "skeyid_e", "iv0"), "")


def _ciphers(names: str) -> Iterator[tuple[Encr, int | None]]:
    for name in names.split("/"):
        match = _CIPHER.fullmatch(_OTHER_NAMES.get(name, name))
        encr = Encr.__members__.get(f"ENCR_{match['name']}") if match else None
        if match and encr is not None:
            yield Encr(encr), int(match["bits"]) if match["bits"] else None


def _integrities(names: str) -> Iterator[Integ]:
    for name in names.split("/"):
        if f"AUTH_{name}" in Integ.__members__:
            yield Integ.__members__[f"AUTH_{name}"]
