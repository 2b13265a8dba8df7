"""Read YAML with ruamel.yaml. No other module uses it."""

from __future__ import annotations

import math
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import YAMLError


class _Constructor(SafeConstructor):
    """ruamel.yaml's constructor, with scalars that Helm's writer leaves unquoted read as strings."""

    def construct_yaml_float(self, node: Any) -> Any:
        value = super().construct_yaml_float(node)
        return node.value if math.isinf(value) and "inf" not in node.value.lower() else value


_Constructor.add_constructor("tag:yaml.org,2002:float", _Constructor.construct_yaml_float)
for _tag in ("value", "merge"):
    _Constructor.add_constructor(f"tag:yaml.org,2002:{_tag}", _Constructor.construct_yaml_str)


def read_documents(text: str) -> list[Any]:
    """Parse a YAML stream, and return every document that is not empty. Raises ValueError if it is not YAML."""
    reader = YAML(typ="safe", pure=True)
    reader.Constructor = _Constructor
    try:
        return [document for document in reader.load_all(text) if document is not None]
    except (YAMLError, TypeError) as error:
        raise ValueError(str(error)) from error
