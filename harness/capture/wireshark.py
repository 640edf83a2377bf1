"""Wireshark's key tables, written and read, and the one command that opens a capture decrypted.

The names are those of Wireshark's IKEv2 table, which refuses any other; what it has no name for is left
out and said. Rows for version 1 are `CKY-I,key`, for version 2 `SPIi,SPIr,SK_ei,SK_er,"cipher",SK_ai,SK_ar,"integrity"`.
"""

import json
import os
import re
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.capture.charon_log import charon_keys, is_charon_log
from harness.capture.esp_table import ESP_SWITCHES, ESP_TABLE, FAMILIES, esp_rows, esp_secret
from harness.capture.frame import CaptureError
from harness.capture.packed import SUFFIXES
from harness.codes import Encr, Integ

V1_TABLE = "ikev1_decryption_table"
V2_TABLE = "ikev2_decryption_table"
TABLES = (V1_TABLE, V2_TABLE, ESP_TABLE)

Evidence = Mapping[str, Any]

_MOST_ON_A_COMMAND_LINE = 24
_SPI_DIGITS = 16
_HEX = re.compile(r"(?:[0-9a-f]{2})*")

_AES_BITS = (128, 192, 256)
_COMBINED = {  # cipher: (name, ICV octets, salt octets); SK_e ends with the salt (RFC 5282 section 7.1)
    Encr.ENCR_AES_GCM_8: ("AES-GCM", 8, 4),
    Encr.ENCR_AES_GCM_12: ("AES-GCM", 12, 4),
    Encr.ENCR_AES_GCM_16: ("AES-GCM", 16, 4),
    Encr.ENCR_AES_CCM_8: ("AES-CCM", 8, 3),
    Encr.ENCR_AES_CCM_12: ("AES-CCM", 12, 3),
    Encr.ENCR_AES_CCM_16: ("AES-CCM", 16, 3),
}


@dataclass(frozen=True, slots=True)
class _Cipher:
    encr: Encr
    key_bits: int | None
    octets: int
    """The length of SK_ei, salt and all."""

    @property
    def combined(self) -> bool:
        """Whether it is its own integrity algorithm; Wireshark then wants NONE beside it."""
        return self.encr in _COMBINED


@dataclass(frozen=True, slots=True)
class _Integrity:
    integ: Integ
    octets: int
    """The length of SK_ai in the table."""


def _ciphers() -> dict[str, _Cipher]:
    table = {
        "NULL [RFC2410]": _Cipher(Encr.ENCR_NULL, None, 0),
        "3DES [RFC2451]": _Cipher(Encr.ENCR_3DES, None, 24),
    }
    for bits in _AES_BITS:
        table[f"AES-CBC-{bits} [RFC3602]"] = _Cipher(Encr.ENCR_AES_CBC, bits, bits // 8)
        table[f"AES-CTR-{bits} [RFC5930]"] = _Cipher(Encr.ENCR_AES_CTR, bits, bits // 8 + 4)
        for encr, (name, icv, salt) in _COMBINED.items():
            row = _Cipher(encr, bits, bits // 8 + salt)
            table[f"{name}-{bits} with {icv} octet ICV [RFC5282]"] = row
    return table


CIPHERS = _ciphers()
_NONE = "NONE [RFC4306]"
INTEGRITY = {
    _NONE: _Integrity(Integ.NONE, 0),
    "HMAC_MD5_96 [RFC2403]": _Integrity(Integ.AUTH_HMAC_MD5_96, 16),
    "HMAC_SHA1_96 [RFC2404]": _Integrity(Integ.AUTH_HMAC_SHA1_96, 20),
    "HMAC_MD5_128 [RFC4595]": _Integrity(Integ.AUTH_HMAC_MD5_128, 16),
    "HMAC_SHA1_160 [RFC4595]": _Integrity(Integ.AUTH_HMAC_SHA1_160, 20),
    "HMAC_SHA2_256_128 [RFC4868]": _Integrity(Integ.AUTH_HMAC_SHA2_256_128, 32),
    "HMAC_SHA2_384_192 [RFC4868]": _Integrity(Integ.AUTH_HMAC_SHA2_384_192, 48),
    "HMAC_SHA2_512_256 [RFC4868]": _Integrity(Integ.AUTH_HMAC_SHA2_512_256, 64),
}
_UNCHECKED = "ANY 96-bits of Authentication [No Checking]"
_NOT_CHECKED_BY_WIRESHARK = frozenset({int(Integ.AUTH_AES_XCBC_96), int(Integ.AUTH_AES_CMAC_96)})

_CIPHER_NAMES = {(int(row.encr), row.octets): name for name, row in CIPHERS.items()}
_INTEGRITY_NAMES = {int(row.integ): name for name, row in INTEGRITY.items()}


class _NoRow(Exception):
    """Keys or a line that are no row of a table; the text says why."""


@dataclass(frozen=True, slots=True)
class Tables:
    """Keys as rows of Wireshark's three tables."""

    v1: tuple[str, ...]
    v2: tuple[str, ...]
    left_out: tuple[str, ...]
    """A sentence for each key that Wireshark has no row for, or has no use for."""
    esp: tuple[str, ...] = ()

    @property
    def by_name(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The tables that have rows, by their names."""
        every = ((V1_TABLE, self.v1), (V2_TABLE, self.v2), (ESP_TABLE, self.esp))
        return tuple((name, rows) for name, rows in every if rows)


@dataclass(frozen=True, slots=True)
class KeyTable:
    """What a table held, as evidence: unknown numbers are None, unknown octets empty text."""

    secrets: tuple[dict[str, Any], ...]
    problems: tuple[str, ...]
    """A sentence for each line that is no row."""


def tables(secrets: Iterable[Evidence]) -> Tables:
    """The rows for these keys, each once."""
    rows: dict[str, dict[str, None]] = {name: {} for name in TABLES}
    left_out: dict[str, None] = {}
    for secret in secrets:
        try:
            table, found = _rows(secret)
        except _NoRow as why:
            left_out[str(why)] = None
        else:
            rows[table].update(dict.fromkeys(found))
    left_out.update(dict.fromkeys(_renewed(rows[V2_TABLE])))
    return Tables(tuple(rows[V1_TABLE]), tuple(rows[V2_TABLE]), tuple(left_out), tuple(rows[ESP_TABLE]))


def _renewed(rows: Iterable[str]) -> Iterator[str]:
    """IKE SAs whose keys were renewed under the same SPIs (RFC 9370 section 2.2.2): of several rows Wireshark uses the last."""
    counted = Counter(tuple(row.split(",")[:2]) for row in rows)
    for (spi_i, spi_r), count in counted.items():
        if count > 1:
            yield (
                f"the IKE SA {spi_i}/{spi_r} had {count} sets of keys one after the other;"
                " Wireshark opens what the last of them sealed"
            )


def write_tables(capture: str | os.PathLike[str], secrets: Iterable[Evidence]) -> tuple[Path, ...]:
    """Write the tables beside `capture`, named as it with the table's name for a suffix, of mode 0600; the files written.

    A table without rows is not written.
    """
    found = tables(secrets)
    written = []
    for name, rows in found.by_name:
        path = Path(capture).with_suffix(f".{name}")
        _write_privately(path, "".join(f"{row}\n" for row in rows))
        written.append(path)
    return tuple(written)


def tables_beside(capture: str | os.PathLike[str]) -> tuple[Path, ...]:
    """The tables that lie beside `capture`, packed or not, under the names that `write_tables` gives."""
    path = Path(capture)
    plain = path.with_suffix("") if path.suffix in SUFFIXES else path
    paths = (plain.with_suffix(f".{name}") for name in TABLES)
    return tuple(path for path in paths if path.is_file())


def read_table(path: str | os.PathLike[str]) -> KeyTable:
    """The keys of any of the tables, told by its columns, of evidence, a JSON object a line, or of charon's log.

    A CaptureError says that a file holds none.
    A row of version 1 has neither the responder's cookie nor the cipher: the capture tells both.
    """
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "no file has such a name"
        raise CaptureError(
            path, f"{why}; name a file with rows of {V1_TABLE}, {V2_TABLE} or {ESP_TABLE}"
        ) from None
    keys = parse_table(text)
    if keys.problems and not keys.secrets:
        raise CaptureError(
            path, f"{keys.problems[0]}; name a file with rows of {V1_TABLE}, {V2_TABLE} or {ESP_TABLE}"
        )
    return keys


def parse_table(text: str) -> KeyTable:
    """The keys in the text of any of the tables or of JSON lines; empty ones and those that begin with # say nothing.

    Those of a log of charon, strongSwan's daemon, are found among its lines.
    """
    if is_charon_log(text):
        return KeyTable(*charon_keys(text))
    secrets, problems = [], []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            secrets.append(_evidence(line) if line.lstrip().startswith("{") else _from_row(line))
        except _NoRow as why:
            problems.append(f"line {number}: {why}")
    return KeyTable(tuple(secrets), tuple(problems))


def tshark_command(
    path: str | os.PathLike[str],
    secrets: Iterable[Evidence] = (),
    *,
    ike_ports: Sequence[int] = (),
    nat_ports: Sequence[int] = (),
) -> str:
    """One shell command that prints `path` decrypted; ports other than 500 and 4500 are to be named.

    Where there are more keys than a command line should hold, it takes them from the tables beside the file.
    """
    found = tables(secrets)
    words = ["tshark", "-r", os.fspath(path)]
    words += _decode_as(ike_ports, "isakmp", 500) + _decode_as(nat_ports, "udpencap", 4500)
    words += [word for switch in ESP_SWITCHES if found.esp for word in ("-o", switch)]
    if sum(len(rows) for _, rows in found.by_name) > _MOST_ON_A_COMMAND_LINE:
        return _with_files(path, found, shlex.join(words))
    for name, rows in found.by_name:
        for row in rows:
            words += ["-o", f"uat:{name}:{row}"]
    return shlex.join(words)


def _decode_as(ports: Sequence[int], protocol: str, known: int) -> list[str]:
    return [word for port in ports if port != known for word in ("-d", f"udp.port=={port},{protocol}")]


def _with_files(path: str | os.PathLike[str], found: Tables, command: str) -> str:
    copies = [
        f"cp {shlex.quote(str(Path(path).with_suffix(f'.{name}')))} $d/{name}" for name, _ in found.by_name
    ]
    return " && ".join(["d=$(mktemp -d)", *copies, f"WIRESHARK_CONFIG_DIR=$d {command}"])


def _write_privately(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.fchmod(descriptor, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)


def _rows(secret: Evidence) -> tuple[str, tuple[str, ...]]:
    """The table and the rows of it that a key becomes."""
    if "esp" in secret:
        found = esp_rows(secret)
        if isinstance(found, str):
            raise _NoRow(found)
        return ESP_TABLE, found
    if secret.get("ike") == 1:
        return V1_TABLE, (f"{_spi(secret, 'cky_i')},{_octets(secret, 'key', wanted=True)}",)
    if secret.get("ike") != 2:
        raise _NoRow("keys of an IKE version that is neither 1 nor 2")
    ei, er = _octets(secret, "sk_ei"), _octets(secret, "sk_er")
    cipher = _CIPHER_NAMES.get((_number(secret, "encr"), len(ei) // 2))
    if cipher is None or len(ei) != len(er):
        encr = Encr(_number(secret, "encr")).name
        raise _NoRow(f"Wireshark's table has no row for {encr} with keys of {len(ei) // 2} octets")
    integrity, ai, ar = (_NONE, "", "") if CIPHERS[cipher].combined else _integrity(secret)
    spis = f"{_spi(secret, 'spi_i')},{_spi(secret, 'spi_r')}"
    return V2_TABLE, (f'{spis},{ei},{er},"{cipher}",{ai},{ar},"{integrity}"',)


def _integrity(secret: Evidence) -> tuple[str, str, str]:
    """The name and the two keys; without its keys, or without a name, integrity goes unchecked."""
    integ = _number(secret, "integ")
    if integ in _NOT_CHECKED_BY_WIRESHARK:
        return _UNCHECKED, "", ""
    name = _INTEGRITY_NAMES.get(integ)
    ai, ar = _octets(secret, "sk_ai"), _octets(secret, "sk_ar")
    if name is None or len(ai) != len(ar) or len(ai) // 2 != INTEGRITY[name].octets:
        raise _NoRow(
            f"Wireshark's table has no row for {Integ(integ).name} with keys of {len(ai) // 2} octets"
        )
    return name, ai, ar


def _number(secret: Evidence, name: str) -> int:
    value = secret.get(name) or 0
    if not isinstance(value, int):
        raise _NoRow(f"{name} is no number")
    return value


def _octets(secret: Evidence, name: str, *, wanted: bool = False) -> str:
    value = secret.get(name) or ""
    if not isinstance(value, str) or not _HEX.fullmatch(value.lower()):
        raise _NoRow(f"{name} is no hexadecimal text")
    if wanted and not value:
        raise _NoRow(f"{name} is empty")
    return value.lower()


def _spi(secret: Evidence, name: str) -> str:
    value = _octets(secret, name)
    if len(value) != _SPI_DIGITS:
        raise _NoRow(f"{name} has {len(value) // 2} octets, not 8")
    return value


def _evidence(line: str) -> dict[str, Any]:
    """A key as the daemon writes it; whoever uses it finds out whether it is whole."""
    try:
        secret = json.loads(line)
    except (ValueError, RecursionError):
        raise _NoRow("it is no JSON object") from None
    if secret.get("ike") not in (1, 2) and "esp" not in secret:
        raise _NoRow("it does not say which version of IKE it is for")
    return dict(secret)


def _from_row(line: str) -> dict[str, Any]:
    fields = [field.strip().strip('"') for field in line.split(",")]
    if fields[0] in FAMILIES:
        found = esp_secret(fields)
        if isinstance(found, str):
            raise _NoRow(found)
        return found
    if len(fields) == 2:
        return _v1_secret(*fields)
    if len(fields) == 8:
        return _v2_secret(*fields)
    raise _NoRow(f"{len(fields)} columns, where version 1 has 2 and version 2 has 8")


def _v1_secret(cky_i: str, key: str) -> dict[str, Any]:
    secret: dict[str, Any] = {"ike": 1, "cky_i": cky_i, "cky_r": "", "key": key}
    secret |= {"cky_i": _spi(secret, "cky_i"), "key": _octets(secret, "key", wanted=True)}
    secret |= dict.fromkeys(("encr", "key_bits", "hash", "auth", "group"))
    return secret | dict.fromkeys(("skeyid", "skeyid_d", "skeyid_a", "skeyid_e", "iv0"), "")


def _v2_secret(
    spi_i: str, spi_r: str, sk_ei: str, sk_er: str, encr: str, sk_ai: str, sk_ar: str, integ: str
) -> dict[str, Any]:
    cipher, integrity = CIPHERS.get(encr), INTEGRITY.get(integ)
    if cipher is None:
        raise _NoRow(f"the cipher {encr!r} is not known")
    if integrity is None:
        raise _NoRow(f"the integrity algorithm {integ!r} is not known")
    if cipher.combined and integ != _NONE:
        raise _NoRow(f"{encr} is its own integrity algorithm; beside it stands {_NONE}")
    secret: dict[str, Any] = {"ike": 2, "spi_i": spi_i, "spi_r": spi_r}
    secret |= {name: _spi(secret, name) for name in ("spi_i", "spi_r")}
    secret |= {"encr": int(cipher.encr), "key_bits": cipher.key_bits, "integ": int(integrity.integ)}
    secret |= {"prf": None, "group": None, "sk_d": "", "sk_pi": "", "sk_pr": ""}
    given = {"sk_ei": sk_ei, "sk_er": sk_er, "sk_ai": sk_ai, "sk_ar": sk_ar}
    for name, wanted in zip(given, (cipher.octets,) * 2 + (integrity.octets,) * 2, strict=True):
        value = _octets(given, name)
        if len(value) // 2 != wanted:
            raise _NoRow(f"{name} has {len(value) // 2} octets, not {wanted}")
        secret[name] = value
    return secret
