"""The keys of a running daemon on file, as they come into being."""

import json
import os
from pathlib import Path

from harness.bench.keylog import EVIDENCE, KeyLog
from harness.sa.intermediate import updated_keys
from harness.sa.secrets import to_evidence
from harness.sa.v2 import Suite, ike_keys


def test_each_generation_of_an_sas_keys_is_written_once(tmp_path: Path) -> None:
    """Keys that were renewed under the same SPIs are new keys; told again they are not written again."""
    first = ike_keys(Suite(20, 256, 0, 5, 31), b"initiat1", b"respond1", b"i" * 32, b"r" * 32, b"shared")
    second = updated_keys(first, b"i" * 32, b"r" * 32, b"more")
    log = KeyLog(tmp_path)
    for keys in (first, first, second, second):
        log.write([to_evidence(keys)])
    log.close()
    written = [json.loads(line) for line in (tmp_path / EVIDENCE).read_text().splitlines()]

    assert [each["sk_d"] for each in written] == [first.sk_d.hex(), second.sk_d.hex()]


def test_a_full_disk_stops_nothing(tmp_path: Path) -> None:
    """Keys that find no room are written as soon as they are told again and there is some."""
    keys = ike_keys(Suite(20, 256, 0, 5, 31), b"initiat1", b"respond1", b"i" * 32, b"r" * 32, b"shared")
    log = KeyLog(tmp_path)
    room, log._files[EVIDENCE] = log._files[EVIDENCE], os.open("/dev/full", os.O_WRONLY)
    log.write([to_evidence(keys)])
    os.close(log._files[EVIDENCE])
    log._files[EVIDENCE] = room
    log.write([to_evidence(keys)])
    log.close()

    assert len((tmp_path / EVIDENCE).read_text().splitlines()) == 1
