"""The top level of a configuration file."""

from __future__ import annotations

from ikeengine.config.options.connection import CONNECTION
from ikeengine.config.options.credentials import AUTHORITY, SECRETS
from ikeengine.config.options.engine import ENGINE
from ikeengine.config.options.manual import MANUAL
from ikeengine.config.schema import Fixed, Form, Section, Subsection

ROOT = Section(
    "",
    "The top level of a configuration file.",
    fixed=(Fixed("pools", "pools of virtual IP addresses"),),
    sections=(
        Subsection("connections", CONNECTION, Form.NAMED),
        Subsection("secrets", SECRETS),
        Subsection("authorities", AUTHORITY, Form.NAMED),
        Subsection("manual", MANUAL, Form.NAMED),
        Subsection("engine", ENGINE),
    ),
)
