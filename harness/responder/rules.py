"""The honest responder's table: every rule of both versions, collected from the modules that hold them."""

from harness.responder import data, initiate, triggers, v1, v2
from harness.responder.data import strays
from harness.responder.table import TABLE

RULE_MODULES = (v2, v1, data, strays, initiate, triggers)
"""Importing them fills the table."""

HONEST = TABLE.rules()
