"""docs/reference/modules.md and plugins.md, from the documentation that modules and plugins carry."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from docs.pages import ROOT
from docs.pages.markup import COLLECTION, markdown, table
from docs.pages.options import option_table, return_table

_MODULES = """\
# Modules

This page is generated from the documentation in `plugins/modules/` (`make docs`).
`ansible-doc keymesh.ike.ike_sa` shows the same on the command line.

The modules {members} are in the action group `keymesh.ike.ike`, so `module_defaults` can set their common options:

```yaml
module_defaults:
  group/keymesh.ike.ike:
    socket: /run/charon.vici
```
"""
_PLUGINS = """\
# Filters, tests and lookups

This page is generated from the documentation in `plugins/filter/`, `plugins/test/` and `plugins/lookup/` (`make docs`).
The roles use them; `ansible-doc -t filter keymesh.ike.mesh_tunnels` shows the same on the command line.
"""


def modules_page() -> str:
    """The text of modules.md."""
    groups = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())["action_groups"]
    return _page(_MODULES.format(members=", ".join(f"`{name}`" for name in groups["ike"])), "modules")


def plugins_page() -> str:
    """The text of plugins.md."""
    return _page(_PLUGINS, "filter", "test", "lookup")


def _page(introduction: str, *kinds: str) -> str:
    files = [path for kind in kinds for path in sorted((ROOT / "plugins" / kind).glob("*.py"))]
    lines = [line for path in files if path.stem != "__init__" for line in _plugin(path)]
    return "\n".join([introduction, *lines]).rstrip() + "\n"


def _plugin(path: Path) -> Iterator[str]:
    texts = strings(path)
    documentation = yaml.safe_load(texts["DOCUMENTATION"])
    fragments = [_fragment(name) for name in documentation.get("extends_documentation_fragment", ())]
    yield f"## {path.stem}"
    yield ""
    yield f"{documentation['short_description']}."
    yield ""
    yield from (f"- {markdown(paragraph)}" for paragraph in documentation["description"])
    yield ""
    options = dict(documentation.get("options") or {})
    for fragment in fragments:
        options |= fragment.get("options") or {}
    yield from option_table(options)
    if "ansible.builtin.files" in documentation.get("extends_documentation_fragment", ()):
        yield "And the options of files: `owner`, `group`, `mode` and so on, as in `ansible.builtin.file`."
        yield ""
    yield from _attributes(documentation, fragments)
    yield "Examples:"
    yield ""
    yield f"```yaml\n{texts['EXAMPLES'].strip()}\n```"
    yield ""
    if returned := return_table(yaml.safe_load(texts["RETURN"])):
        yield "Return values:"
        yield ""
        yield from returned


def _attributes(documentation: Mapping[str, Any], fragments: list[Mapping[str, Any]]) -> Iterator[str]:
    merged: dict[str, dict[str, Any]] = {}
    for source in [*fragments, documentation]:
        for name, attribute in (source.get("attributes") or {}).items():
            merged.setdefault(name, {}).update(attribute)
    shown = {name: merged[name] for name in ("check_mode", "diff_mode", "idempotent") if name in merged}
    rows = ((f"`{name}`", entry["support"], markdown(entry.get("details", ""))) for name, entry in shown.items())
    yield from table(("Attribute", "Support", "Details"), rows)


def _fragment(name: str) -> Mapping[str, Any]:
    """A documentation fragment of this collection; those of Ansible itself are left to Ansible."""
    if not name.startswith(COLLECTION):
        return {}
    file, _, variable = name.removeprefix(COLLECTION).partition(".")
    texts = strings(ROOT / "plugins" / "doc_fragments" / f"{file}.py")
    loaded: Mapping[str, Any] = yaml.safe_load(texts[variable.upper() or "DOCUMENTATION"])
    return loaded


@functools.cache
def strings(path: Path) -> dict[str, str]:
    """The strings that a Python file assigns to names, without running it."""
    return {
        target.id: node.value.value
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
