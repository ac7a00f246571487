"""YAML files as trees. PyYAML's node graph is used instead of its values, because nodes know their lines."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import yaml

from ikeengine.config.problems import Mark, Problems
from ikeengine.config.tree import Entry, Mapping, Node, Scalar, Sequence

if TYPE_CHECKING:
    from yaml.error import Mark as YamlMark

MOST_NODES = 2_000_000
"""A configuration with more is a mistake: aliases that multiply each other."""
DEEPEST = 64
"""Levels of nesting; the schema needs eight."""

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PREFIX = "tag:yaml.org,2002:"
_NULL = _PREFIX + "null"
_MERGE = _PREFIX + "merge"
_TAGS = {
    _PREFIX + name for name in ("str", "int", "float", "bool", "null", "timestamp", "value", "merge", "map", "seq")
}


def parse_yaml(text: str, file: str, problems: Problems) -> Mapping:
    """The tree of a YAML document. Problems are noted; what could be read is returned."""
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        where = error.problem_mark or error.context_mark
        problems.add(_mark(file, where), "", f"not valid YAML: {error.problem or error.context}")
        return Mapping(())
    except (yaml.YAMLError, RecursionError) as error:
        problems.add(Mark(file), "", f"not valid YAML: {str(error).splitlines()[0]}")
        return Mapping(())
    if root is None or root.tag == _NULL:
        return Mapping(())
    tree = _Converter(file, problems).convert(root, "")
    if isinstance(tree, Mapping):
        return tree
    problems.add(tree.mark, "", "the file must hold sections such as `connections:`")
    return Mapping(())


def _mark(file: str, mark: YamlMark | None) -> Mark:
    return Mark(file) if mark is None else Mark(file, mark.line + 1, mark.column + 1)


@dataclass
class _Converter:
    """Turns YAML nodes into a tree: resolves aliases and merge keys, refuses keys that are written twice."""

    file: str
    problems: Problems
    count: int = 0
    open_nodes: set[int] = field(default_factory=set)

    def convert(self, node: yaml.Node, path: str) -> Node:
        mark = _mark(self.file, node.start_mark)
        self.count += 1
        if refusal := self._refusal(node):
            self.problems.add(mark, path, refusal)
            return Scalar("", mark)
        if node.tag not in _TAGS:
            self.problems.add(mark, path, f"the YAML tag {node.tag} is not supported")
        self.open_nodes.add(id(node))
        tree = self._converted(node, path, mark)
        self.open_nodes.discard(id(node))
        return tree

    def _refusal(self, node: yaml.Node) -> str:
        """Why this node is not followed, or nothing."""
        if id(node) in self.open_nodes:
            return "this part of the file holds itself through an alias"
        if len(self.open_nodes) >= DEEPEST:
            return f"the file is nested more than {DEEPEST} levels deep"
        return f"the file has more than {MOST_NODES} values" if self.count > MOST_NODES else ""

    def _converted(self, node: yaml.Node, path: str, mark: Mark) -> Node:
        if isinstance(node, yaml.MappingNode):
            return Mapping(tuple(self._entries(node, path).values()), mark)
        if isinstance(node, yaml.SequenceNode):
            return Sequence(tuple(self.convert(item, path) for item in node.value), mark)
        return Scalar("" if node.tag == _NULL else str(node.value), mark)

    def _entries(self, node: yaml.MappingNode, path: str) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        merged: dict[str, Entry] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                self._merge(value_node, path, merged)
            else:
                self._add(key_node, value_node, path, entries)
        return entries | {key: entry for key, entry in merged.items() if key not in entries}

    def _add(self, key_node: yaml.Node, value_node: yaml.Node, path: str, entries: dict[str, Entry]) -> None:
        mark = _mark(self.file, key_node.start_mark)
        if not isinstance(key_node, yaml.ScalarNode):
            self.problems.add(mark, path, "a key must be a single word")
            return
        key = str(key_node.value)
        inner = f"{path}.{key}" if path else key
        if key in entries:
            self.problems.add(mark, inner, f"`{key}` is written twice; first in line {entries[key].mark.line}")
            return
        entries[key] = Entry(key, self.convert(value_node, inner), mark)

    def _merge(self, node: yaml.Node, path: str, merged: dict[str, Entry]) -> None:
        """`<<: *defaults`, or a list of them: the first one that has a key wins."""
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        for source in sources:
            tree = self.convert(source, path)
            if not isinstance(tree, Mapping):
                self.problems.add(tree.mark, path, "`<<` takes a section, or a list of sections")
                continue
            for entry in tree.entries:
                merged.setdefault(entry.key, entry)
