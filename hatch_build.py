"""Builds Causerie: by hatchling, with the web client in what is built.

An sdist carries the built page beside its sources, so that Node is needed only where one builds
from a checkout; there it comes as a Python package, if no Node is found that is new enough.
"""

import json
import os
import shutil
import subprocess
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import hatchling.build
from hatchling.build import *  # noqa: F403  # the hooks of PEP 517 and PEP 660 that stay as they are
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
PAGE = Path("web", "dist")

MADE_OF = (
    "catalogue",
    "package-lock.json",
    "sdk/typescript/src",
    "web/index.html",
    "web/public",
    "web/src",
    "web/vite.config.ts",
)
"""What the page is made of: it is built anew when one of these has changed since."""

BUILT_WITH = ("catalogue", "sdk", "web", ".npmrc", "package.json", "package-lock.json")
"""With the configuration of TypeScript, all that npm needs to build it."""

STEPS = (
    ("ci", "--ignore-scripts", "--loglevel", "error"),
    ("run", "build", "--workspace", "sdk/typescript"),
    ("run", "build", "--workspace", "web", "--", "--logLevel", "warn"),
)

Settings = dict[str, Any] | None


def get_requires_for_build_sdist(  # type: ignore[no-redef]  # in place of hatchling's
    config_settings: Settings = None,
) -> list[str]:
    """What has to be installed to build an sdist (PEP 517)."""
    return [*hatchling.build.get_requires_for_build_sdist(config_settings), *node_required(ROOT)]


def get_requires_for_build_wheel(  # type: ignore[no-redef]
    config_settings: Settings = None,
) -> list[str]:
    """What has to be installed to build a wheel (PEP 517). A checkout that is installed as it is,
    editable, needs no page, and so no Node.
    """
    return [*hatchling.build.get_requires_for_build_wheel(config_settings), *node_required(ROOT)]


class WebClientHook(BuildHookInterface[Any]):
    """Includes the built page: in an sdist where it is built, in a wheel as `causerie/_web`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before anything is built."""
        if version == "editable":
            return
        root = Path(self.root)
        if not is_built(root):
            try:
                build(root)
            except BuildFailed as failure:
                self.app.abort(f"The web client could not be built: {failure}")
        inside = PAGE.as_posix() if self.target_name == "sdist" else "causerie/_web"
        build_data["force_include"][str(root / PAGE)] = inside


class BuildFailed(Exception):
    """The page could not be built; says what to do."""


def is_built(root: Path) -> bool:
    """Whether there is a page, and it is that of the sources."""
    page = root / PAGE / "index.html"
    if not page.is_file():
        return False
    # In an sdist they are of one time, or of whenever it was unpacked.
    is_sdist = (root / "PKG-INFO").is_file()
    return is_sdist or all(changed(root / name) <= page.stat().st_mtime for name in MADE_OF)


def changed(path: Path) -> float:
    """When a file, or the newest in a folder, was changed last."""
    files = [path, *path.rglob("*")]
    return max((file.stat().st_mtime for file in files if file.is_file()), default=0.0)


def build(root: Path) -> None:
    """Builds the page, in a folder of its own: npm would empty a checkout's node_modules.

    Raises:
        BuildFailed: npm is not there, or fails.
    """
    folder = find_node(root)
    if folder is None:
        raise BuildFailed(
            f"there is no Node {least_node(root)} or newer on the PATH. Install it, or run "
            f'`pip install "{node_package(root)}"`, or build without --no-build-isolation.'
        )
    path = os.pathsep.join([folder, os.environ.get("PATH", os.defpath)])
    npm = shutil.which("npm", path=folder)
    assert npm is not None, "only where npm is, Node is found"
    with tempfile.TemporaryDirectory() as name:
        apart = Path(name)
        for source in (*map(root.joinpath, BUILT_WITH), *root.glob("tsconfig*.json")):
            if source.is_dir():
                unwanted = shutil.ignore_patterns("dist", "node_modules", "test")
                shutil.copytree(source, apart / source.name, ignore=unwanted)
            else:
                shutil.copy(source, apart)
        for step in STEPS:
            code = subprocess.run(
                [npm, *step], cwd=apart, env={**os.environ, "PATH": path}, check=False
            ).returncode
            if code != 0:
                raise BuildFailed(
                    f"`npm {step[0]}` ended with code {code}, and says why above. It has to reach "
                    "npm's registry, or a mirror that `npm config set registry` names."
                    if step[0] == "ci"
                    else f"`npm {' '.join(step)}` ended with code {code}, and says why above."
                )
        shutil.rmtree(root / PAGE, ignore_errors=True)
        shutil.copytree(apart / PAGE, root / PAGE)


def node_required(root: Path) -> list[str]:
    """The package that brings Node, where the page has to be built and there is none."""
    return [] if is_built(root) or find_node(root) is not None else [node_package(root)]


def find_node(root: Path) -> str | None:
    """The first folder of the PATH with a Node that is new enough, and its npm."""
    least = parts(least_node(root))
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        node = shutil.which("node", path=folder)
        if node is None or shutil.which("npm", path=folder) is None:
            continue
        told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
        if told.returncode == 0 and parts(told.stdout.strip().removeprefix("v")) >= least:
            return folder
    return None


def parts(version: str) -> list[int]:
    """The numbers of a version, to compare."""
    return [int(part) for part in version.partition("-")[0].split(".")]


def least_node(root: Path) -> str:
    """The oldest Node that builds the page, as npm is told."""
    package = json.loads((root / "package.json").read_text(encoding="utf-8"))
    return str(package["engines"]["node"].removeprefix(">="))


def node_package(root: Path) -> str:
    """The Python package that brings Node, as developers have it."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    [found] = [one for one in project["dependency-groups"]["build"] if one.startswith("nodejs")]
    return str(found)
