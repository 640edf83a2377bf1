"""What a person puts on a device of a vendor so that it is what the harness's peers expect."""

from collections.abc import Mapping

from harness.profile.vendors.cisco_asa import CISCO_ASA
from harness.profile.vendors.cisco_ios import CISCO_IOS
from harness.profile.vendors.fortios import FORTIOS
from harness.profile.vendors.juniper_srx import JUNIPER_SRX
from harness.profile.vendors.libreswan import LIBRESWAN
from harness.profile.vendors.mikrotik import MIKROTIK
from harness.profile.vendors.openiked import OPENIKED
from harness.profile.vendors.opnsense import OPNSENSE
from harness.profile.vendors.pan_os import PAN_OS
from harness.profile.vendors.pfsense import PFSENSE
from harness.profile.vendors.sheet import Sheet, Unsayable
from harness.profile.vendors.strongswan import STRONGSWAN
from harness.profile.vendors.vendor import Vendor
from harness.profile.vendors.vyos import VYOS

VENDORS: Mapping[str, Vendor] = {
    each.name: each
    for each in (
        *(CISCO_IOS, CISCO_ASA, JUNIPER_SRX, FORTIOS, PAN_OS, MIKROTIK, VYOS),
        *(STRONGSWAN, LIBRESWAN, OPENIKED, PFSENSE, OPNSENSE),
    )
}

__all__ = ["VENDORS", "Sheet", "Unsayable", "Vendor"]
