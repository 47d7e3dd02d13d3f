"""YAML whose items know on which line they stand."""

from collections.abc import Hashable
from typing import Any

import msgspec
import yaml

_TIME, _BOOL = "tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:bool"


class Wrong(Exception):
    """A file cannot be used. `line` counts from 1; 0: none in particular. `file` is one that the test file names."""

    def __init__(self, line: int, reason: str, file: str = "") -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason
        self.file = file


class Placed(msgspec.Struct, frozen=True):
    """A value, and the line on which it begins."""

    line: int
    value: Any


class _Loader(yaml.SafeLoader):
    """Plain data. Times, and words such as `no` and `on`, stay as they are spelled; a member that is there twice is
    refused."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """See yaml.constructor.SafeConstructor."""
        names: set[str] = set()
        for key, _ in node.value:
            if key.value in names:
                raise Wrong(key.start_mark.line + 1, f"{key.value!r} is there twice")
            names.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [one for one in some if one[0] != _TIME and (one[0] != _BOOL or first in "tTfF")]
    for first, some in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read(text: str) -> dict[str, Placed]:
    """The members of a YAML mapping; of a list, its items as `Placed`. Raises Wrong."""
    try:
        return _members(_Loader(text))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise Wrong(line, f"this is no YAML: {error.problem or error.context}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise Wrong(0, f"this is no YAML: {error}") from None


def _members(loader: _Loader) -> dict[str, Placed]:
    root = loader.get_single_node()
    if not isinstance(root, yaml.MappingNode):
        raise Wrong(1, "a test file has members such as facts and cases")
    loader.construct_mapping(root, deep=True)
    return {str(key.value): Placed(key.start_mark.line + 1, _value(loader, node)) for key, node in root.value}


def _value(loader: _Loader, node: yaml.Node) -> Any:
    if isinstance(node, yaml.SequenceNode):
        return [Placed(item.start_mark.line + 1, loader.construct_object(item, deep=True)) for item in node.value]
    return loader.construct_object(node, deep=True)
