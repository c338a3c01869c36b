"""Compose files without an engine: read, and what they put into containers taken out of them."""

import re
from pathlib import Path
from typing import Any

import yaml


def read_compose(file: Path) -> dict[str, Any]:
    """A Compose file, its anchors resolved."""
    read = yaml.safe_load(file.read_text("utf-8"))
    assert isinstance(read, dict)
    return read


def config_of(whole: dict[str, Any], name: str) -> str:
    """The text of one of its configs, as it is in a container."""
    content = whole["configs"][name]["content"]
    assert isinstance(content, str)
    # What follows a single $ Compose takes for the name of a variable of whoever starts it.
    assert not re.search(r"(?<!\$)(\$\$)*\$(?!\$)", content), "a $ is written as $$"
    return content.replace("$$", "$")


def environment_of(service: dict[str, Any]) -> dict[str, str]:
    """The variables that a service is given."""
    return {name: str(value) for name, value in service.get("environment", {}).items()}
