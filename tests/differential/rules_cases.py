"""All cases of the comparison of rule sets."""

from __future__ import annotations

from rules_formats import FORMATS
from rules_http import DENY, HEADERS, LINE, ODD, REDIRECT, RETURN
from rules_internals import INTERNALS
from rules_other import BACKENDS, BODIES, LOGS, MORE, PAGES, STRICT, TCP, VARIABLES
from rules_phases import PHASES
from rules_rdp import RDP
from rules_sources import SOURCES
from rules_targets import EARLY, TARGETS
from rules_upgrade import UPGRADES

CASES = [*ODD, *MORE, *DENY, *RETURN, *REDIRECT, *HEADERS, *LINE, *VARIABLES, *LOGS, *BACKENDS, *PAGES, *STRICT, *BODIES, *TCP, *UPGRADES, *PHASES, *RDP, *FORMATS, *SOURCES, *TARGETS, *EARLY, *INTERNALS]
