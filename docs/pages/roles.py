"""docs/reference/roles.md, from roles/*/meta/argument_specs.yml."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from docs.pages import ROOT
from docs.pages.markup import markdown
from docs.pages.options import option_table

ORDER = ("engine", "psk", "pki", "tunnels", "verify")
"""As the playbooks run them; roles that are not named come after these."""

_INTRODUCTION = """\
# Roles

This page is generated from `roles/*/meta/argument_specs.yml` (`make docs`). Ansible checks these variables before a
role runs. The variables `ike_*`, which describe the hosts, are in the [guide to the inventory](../guide/inventory.md).
`ansible-doc -t role -l keymesh.ike` lists the same on the command line.
"""


def page() -> str:
    """The text of the page."""
    return "\n".join([_INTRODUCTION, *_lines()]).rstrip() + "\n"


def _lines() -> Iterator[str]:
    names = sorted(path.name for path in (ROOT / "roles").iterdir() if (path / "meta" / "argument_specs.yml").exists())
    for name in sorted(names, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER)):
        text = (ROOT / "roles" / name / "meta" / "argument_specs.yml").read_text()
        for entry, spec in yaml.safe_load(text)["argument_specs"].items():
            yield f"## {name if entry == 'main' else f'{name}, entry point {entry}'}"
            yield ""
            yield f"{spec['short_description']}."
            yield ""
            yield markdown(spec["description"])
            yield ""
            yield from option_table(spec.get("options") or {})
