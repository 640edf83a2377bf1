"""The keys in a log of charon: lines as strongSwan 5.9.8 writes them."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.capture.charon_log import charon_keys
from harness.capture.wireshark import parse_table, read_table
from harness.codes import Encr, Integ

GOLDEN = Path(__file__).parents[3] / "pcaps" / "golden"
V2 = """\
22:17:54 10[MGR] checkout IKEv2 SA by message with SPIs 82484b6b06f8bf51_i 999221ec6875aa44_r
22:17:54 10[CFG] selected proposal: IKE:AES_GCM_16_256/PRF_HMAC_SHA2_256/CURVE_25519
22:17:54 10[IKE] Sk_ei secret => 36 bytes @ 0x7f775c00a310
22:17:54 10[IKE]    0: 8D E0 A3 63 3F EB 0F 5B 73 44 58 B4 0F F5 59 5E  ...c?..[sDX...Y^
22:17:54 07[NET] received packet: from 10.9.0.1[500] to 10.9.0.2[500] (80 bytes)
22:17:54 10[IKE]   16: DC 4F 18 91 57 53 BD D4 90 B2 FC D5 99 21 6C 5D  .O..WS.......!l]
22:17:54 10[IKE]   32: E5 F1 01 C7                                      ....
22:17:54 10[IKE] Sk_er secret => 36 bytes @ 0x7f775c00a334
22:17:54 10[IKE]    0: 05 97 69 FB B7 00 D3 C2 D6 4B FB C6 31 57 0A 5B  ..i......K..1W.[
22:17:54 10[IKE]   16: 03 2A D7 F8 9D F7 BB 87 EE 86 F1 F0 33 A5 6C 8E  .*..........3.l.
22:17:54 10[IKE]   32: B7 A1 D1 D2                                      ....
22:17:54 10[MGR] checkin IKEv2 SA v2[1] with SPIs 82484b6b06f8bf51_i 999221ec6875aa44_r
"""
V1 = """\
22:17:41 05[IKE] encryption key Ka => 16 bytes @ 0x7fca6c00add0
22:17:41 05[IKE]    0: AE 20 BF DC A8 DD 18 16 C8 E6 82 07 14 51 94 AB  . ...........Q..
22:17:41 05[IKE] initial IV => 32 bytes @ 0x7fca6c00c2c0
22:17:41 05[IKE]    0: 96 9C 43 5F A3 54 D6 21 9A D0 1B 6B 83 61 5E 89  ..C_.T.!...k.a^.
22:17:41 05[MGR] checkin IKEv1 SA v1-main[1] with SPIs 1ee9bcd313327570_i 262e242204463bb6_r
"""
NAMES = {Encr.ENCR_AES_CBC: "AES_CBC", Encr.ENCR_AES_GCM_16: "AES_GCM_16"}


def dumped(thread: int, name: str, key: str) -> list[str]:
    """A key as charon writes it."""
    octets = bytes.fromhex(key)
    rows = [f"{at:4}: {octets[at : at + 16].hex(' ').upper()}  text" for at in range(0, len(octets), 16)]
    return [f"{thread:02}[IKE] {each}" for each in (f"{name} secret => {len(octets)} bytes @ 0x7f", *rows)]


def logged(secret: dict[str, Any], thread: int = 7) -> list[str]:
    """The keys of an IKE SA of version 2 as charon logs them."""
    integ = Integ(secret["integ"]).name.removeprefix("AUTH_")
    names = f"{NAMES[Encr(secret['encr'])]}_{secret['key_bits']}/{integ}/PRF_HMAC_SHA2_256/MODP_2048"
    lines = [f"{thread:02}[CFG] selected proposal: IKE:{names}"]
    for name in ("ai", "ar", "ei", "er"):
        lines += dumped(thread, f"Sk_{name}", secret[f"sk_{name}"])
    spis = f"{secret['spi_i']}_i {secret['spi_r']}_r"
    return [*lines, f"{thread:02}[MGR] checkin IKEv2 SA a[1] with SPIs {spis}"]


def test_keys_of_version_2_are_found() -> None:
    """Keys go to the SPIs that the same thread checks in, with the proposal that it selected."""
    (secret,), problems = charon_keys(V2)

    assert problems == ()
    assert (secret["spi_i"], secret["spi_r"]) == ("82484b6b06f8bf51", "999221ec6875aa44")
    assert (secret["encr"], secret["key_bits"], secret["integ"]) == (Encr.ENCR_AES_GCM_16, 256, 0)
    assert (secret["sk_ei"][:8], secret["sk_ei"][-8:], len(secret["sk_er"])) == ("8de0a363", "e5f101c7", 72)


def test_key_of_version_1_is_found() -> None:
    """Of version 1 the key of the cipher and the cookies are all that is needed."""
    ((secret,), _) = charon_keys(V1)

    assert (secret["ike"], secret["cky_i"], secret["key"]) == (
        1,
        "1ee9bcd313327570",
        "ae20bfdca8dd1816c8e68207145194ab",
    )


def test_a_log_is_as_good_as_a_table() -> None:
    """A table's keys, logged as charon does, come back the same, whatever threads say in between."""
    secrets = read_table(GOLDEN / "keys-ls-ss-v2.ikev2_decryption_table").secrets
    logs = [logged(dict(secret), thread) for thread, secret in enumerate(secrets, start=1)]
    woven = "\n".join(line for lines in zip(*logs, strict=True) for line in lines)

    assert parse_table(woven).secrets == secrets


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (V2.replace("[CFG] selected", "[CFG] some"), "proposal is not in the log"),
        (V2.replace("AES_GCM_16_256", "ROT_13"), "cipher of the proposal 'ROT_13"),
        (V2.replace("checkin", "checkout"), "let charon log ike = 4, mgr = 2"),
        (V2.replace("Sk_er", "Sk_pr"), "without Sk_ei and Sk_er"),
        ("22:17:54 10[IKE] IKE_SA v2[1] established", "let charon log ike = 4"),
    ],
)
def test_what_the_log_lacks_is_said(text: str, says: str) -> None:
    """Keys that nobody can use are left out with a sentence, and no key is in it."""
    secrets, (problem,) = charon_keys(text)

    assert secrets == ()
    assert says in problem
    assert "8D E0" not in problem


@given(st.lists(st.sampled_from(V2.splitlines() + V1.splitlines()) | st.text(max_size=40)))
def test_any_order_of_lines_is_read(lines: list[str]) -> None:
    """Lines in any order, and others among them, give keys and problems that can be printed."""
    keys = parse_table("\n".join(lines))

    assert all(problem.isprintable() for problem in keys.problems)
