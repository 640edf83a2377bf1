"""The forms of NAT traversal in version 1."""

import pytest

from harness.sa.nat_traversal import FORMS, RFC_3947, form_of

PUBLISHED = {
    "rfc3947": "4a131c81070358455c5728f20e95452f",
    "draft-03": "7d9419a65310ca6f2c179d9215529d56",
    "draft-02\n": "90cb80913ebb696e086381b5ec427b1f",
    "draft-02": "cd60464335df21f87cfdb2fc68b6a448",
    "draft-01": "16f6ca16e4a4066d83821a0f0aeaa862",
    "draft-00": "4485152d18b6bbcd0be8a8469579ddcc",
}
"""RFC 3947 section 3.1 for the first; the others as implementations list them (Wireshark, packet-isakmp.c)."""


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name.strip())
def test_vendor_ids_are_those_that_are_known(form) -> None:
    """Each Vendor ID is the MD5 hash of its document's name."""
    assert form.vendor_id.hex() == PUBLISHED[form.name]


def test_the_best_form_announced_is_taken() -> None:
    """Whatever the order of the Vendor IDs, the standard goes before the drafts, and newer drafts before older ones."""
    ids = [form.vendor_id for form in FORMS]

    assert form_of(reversed(ids)) is RFC_3947
    assert form_of([ids[5], ids[3], b"other"]) is FORMS[3]
    assert form_of([b"other"]) is None


def test_only_the_oldest_drafts_stay_where_they_are() -> None:
    """Drafts -00 and -01 know no second port."""
    assert [form.name for form in FORMS if not form.floats] == ["draft-01", "draft-00"]
