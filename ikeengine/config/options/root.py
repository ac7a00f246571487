"""The top level of a configuration file."""

from __future__ import annotations

from ikeengine.config.options.connection import CONNECTION
from ikeengine.config.options.credentials import AUTHORITY, SECRETS
from ikeengine.config.options.engine import ENGINE
from ikeengine.config.options.manual import MANUAL
from ikeengine.config.options.pools import POOL
from ikeengine.config.schema import Form, Section, Subsection

ROOT = Section(
    "",
    "The top level of a configuration file.",
    sections=(
        Subsection("connections", CONNECTION, Form.NAMED),
        Subsection("secrets", SECRETS),
        Subsection("authorities", AUTHORITY, Form.NAMED),
        Subsection("pools", POOL, Form.NAMED),
        Subsection("manual", MANUAL, Form.NAMED),
        Subsection("engine", ENGINE),
    ),
)
