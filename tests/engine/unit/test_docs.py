"""The documentation: generated pages are up to date, links lead somewhere, examples are valid."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

from docs.generate import PAGES
from docs.pages.markup import markdown
from ikeengine.cli.parser import build_parser
from ikeengine.config.load import load

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTS = sorted(
    path for pattern in ("*.md", "docs/**/*.md", "roles/*/README.md", "tests/**/*.md") for path in ROOT.glob(pattern)
)
SECRET = "secrets:\n  ike: {secret: a secret that only this example knows}\n"
LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^(?:\w*[#$] )(?P<command>ikeengine .*)$", re.MULTILINE)

documents = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def blocks(document: Path, language: str) -> list[str]:
    return [match["text"] for match in FENCE.finditer(document.read_text()) if match["language"] == language]


def anchors(document: Path) -> set[str]:
    """The anchors of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", document.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_a_generated_page_is_up_to_date(page: str) -> None:
    assert (ROOT / page).read_text() == PAGES[page](), "run `make docs`"


@documents
def test_relative_links_lead_somewhere(document: Path) -> None:
    text = FENCE.sub("", document.read_text())
    for target in (match["target"] for match in LINK.finditer(text)):
        if re.match(r"\w+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = document.parent / path if path else document
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


@documents
def test_yaml_is_valid(document: Path, tmp_path: Path) -> None:
    for number, text in enumerate(blocks(document, "yaml")):
        example = yaml.safe_load(text)
        if isinstance(example, dict) and "connections" in example:
            file = tmp_path / f"{number}.yml"
            # An example that is about something else leaves the secret out.
            file.write_text(text if "secrets" in example else text + SECRET)
            file.chmod(0o600)
            assert load(file).connections


@documents
def test_commands_exist(document: Path) -> None:
    for text in blocks(document, "console"):
        for match in COMMAND.finditer(text):
            command = re.split(r"\s[|>#]", match["command"])[0]
            build_parser().parse_args(shlex.split(command)[1:])
        for name in re.findall(r"ansible-playbook .*keymesh\.ike\.(\w+)", text):
            assert (ROOT / "playbooks" / f"{name}.yml").exists()


@pytest.mark.parametrize(
    ("pattern", "prefix"),
    [
        ("roles/*/meta/main.yml", "roles/"),
        ("plugins/modules/*.py", ""),
        ("plugins/filter/*.py", ""),
        ("playbooks/*.yml", "keymesh.ike."),
    ],
)
def test_the_readme_names_everything(pattern: str, prefix: str) -> None:
    text = (ROOT / "README.md").read_text()
    for path in ROOT.glob(pattern):
        name = path.parent.parent.name if path.name == "main.yml" else path.stem
        assert re.search(rf"\b{re.escape(prefix + name)}\b", text), name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("V(a) or C(b)", "`a` or `b`"),
        (["One.", "Two\nlines."], "One. Two lines."),
        ("M(keymesh.ike.ike_sa), M(ansible.builtin.copy)", "[ike_sa](modules.md#ike_sa), `ansible.builtin.copy`"),
        ("P(keymesh.ike.engine#role)", "[engine](roles.md#engine)"),
        ("O(state=absent) and RV(keymesh.ike.ike_sa_info#module:sas[].children)",
         "`state=absent` and `sas[].children` of [ike_sa_info](modules.md#ike_sa_info)"),
        (r"C(\(x\))", "`(x)`"),
        ("B(bold) I(italic) U(https://a.example) L(text, https://b.example)",
         "**bold** *italic* <https://a.example> [text](https://b.example)"),
    ],
)  # fmt: skip
def test_markup(text: str | list[str], expected: str) -> None:
    assert markdown(text) == expected
