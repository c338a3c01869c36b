"""Dockerfiles without an engine: read, and carried out in a folder instead of in an image.

Only what this project's files use is understood; anything else fails.
"""

import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple


class Instruction(NamedTuple):
    """One instruction: its word, and all that follows on the line."""

    word: str
    rest: str


def read_dockerfile(file: Path) -> list[Instruction]:
    """The instructions of a Dockerfile, lines that go on joined, comments left out."""
    lines = [line for line in file.read_text().splitlines() if not re.match(r"\s*(#|$)", line)]
    text = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [Instruction(*line.split(maxsplit=1)) for line in text.splitlines()]


def ignored(context: Path) -> list[str]:
    """The patterns of its .dockerignore."""
    lines = (context / ".dockerignore").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def is_ignored(path: str, patterns: Sequence[str]) -> bool:
    """Whether a path within the context, or a folder that it is in, is left out."""
    parts = path.split("/")
    return any(
        fnmatch.fnmatchcase(parts[depth], pattern.removeprefix("**/"))
        for pattern in patterns
        for depth in (range(len(parts)) if pattern.startswith("**/") else (0,))
    )


class Image:
    """What a Dockerfile makes, in a folder that stands for the image's root.

    Paths of the image in what is run, such as /opt, are those within the folder; programs and
    libraries of the base image are this machine's. `USER` and `EXPOSE` change nothing here.
    """

    def __init__(self, file: Path, root: Path, environment: Mapping[str, str]) -> None:
        """`environment` is that of the base image, and wins over what the file says of it."""
        self._context = file.parent
        self._base = dict(environment)
        self._root = root
        self._stages: dict[str, Path] = {}
        self.instructions = read_dockerfile(file)
        self.environment: dict[str, str] = {}
        self.base_images: list[str] = []
        self.user = "0"
        self.command: list[str] = []
        self.healthcheck: list[str] = []
        self.volumes: list[str] = []
        self.workdir = root

    def build(self) -> None:
        """Carries out all instructions."""
        for word, rest in self.instructions:
            getattr(self, f"_{word.lower()}")(rest)

    def path(self, path: str) -> Path:
        """Where a path of the image is here."""
        assert path.startswith("/"), path
        return self._root / path.lstrip("/")

    def find(self, program: str) -> str:
        """Where a program is found, as the image's PATH has it."""
        found = shutil.which(program, path=self.environment["PATH"])
        assert found is not None, program
        return found

    def resolve(self, text: str) -> str:
        """Replaces the image's paths in a text by those here."""
        folders = {"opt", "source", "data", "chat"}
        return re.sub(rf"(?<![\w./-])/(?=({'|'.join(folders)})\b)", f"{self._root}/", text)

    def _from(self, rest: str) -> None:
        image, *name = rest.split(" AS ")
        self.base_images.append(image)
        # All stages lie in the same place, one after the other: programs know where they are.
        if self._stages:
            earlier = self._root.with_name(f"{self._root.name}-{len(self._stages)}")
            self._root.rename(earlier)
            self._stages = dict.fromkeys(self._stages, earlier)
        self._root.mkdir(parents=True)
        if name:
            self._stages[name[0]] = self._root
        self.environment = dict(self._base)
        self.workdir = self._root

    def _env(self, rest: str) -> None:
        for pair in shlex.split(rest):
            name, _, value = pair.partition("=")
            if name == "PATH" or name not in self._base:
                value = self.resolve(value)
                value = re.sub(r"\$(\w+)", lambda found: self.environment[found[1]], value)
                self.environment[name] = value

    def _workdir(self, rest: str) -> None:
        self.workdir = self.path(rest)
        self.workdir.mkdir(parents=True, exist_ok=True)

    def _copy(self, rest: str) -> None:
        words = rest.split()
        flags = [word for word in words if word.startswith("--")]
        *sources, target = [word for word in words if not word.startswith("--")]
        stage = next((flag[7:] for flag in flags if flag.startswith("--from=")), None)
        to = self.path(target) if target.startswith("/") else self.workdir / target
        for source in sources:
            if stage is not None:
                shutil.copytree(
                    self._stages[stage] / source.lstrip("/"), to, symlinks=True, dirs_exist_ok=True
                )
            elif (self._context / source).is_dir():
                self._copy_context(self._context / source, to)
            else:
                assert target.endswith("/"), "several files go into a folder"
                shutil.copy(self._context / source, to)

    def _copy_context(self, folder: Path, to: Path) -> None:
        patterns = ignored(self._context)

        def leave_out(inside: str, names: list[str]) -> list[str]:
            within = Path(inside).relative_to(self._context)
            return [name for name in names if is_ignored((within / name).as_posix(), patterns)]

        shutil.copytree(folder, to, ignore=leave_out, dirs_exist_ok=True)

    def _run(self, rest: str) -> None:
        subprocess.run(
            ["sh", "-e", "-c", self.resolve(rest)],
            cwd=self.workdir,
            env=self.environment,
            check=True,
            stdin=subprocess.DEVNULL,
            timeout=600,
        )

    def _user(self, rest: str) -> None:
        self.user = rest

    def _expose(self, rest: str) -> None:
        assert rest == "8080"

    def _volume(self, rest: str) -> None:
        self.volumes.append(rest)

    def _healthcheck(self, rest: str) -> None:
        self.healthcheck = json.loads(rest.partition(" CMD ")[2])

    def _cmd(self, rest: str) -> None:
        self.command = json.loads(rest)


def base_environment(*folders: Path) -> dict[str, str]:
    """What a base image brings, as far as it is needed: programs, looked for in some folders
    first, and where packages come from.
    """
    kept = ("LANG", "HOME", "TMPDIR", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE")
    return {
        **{name: os.environ[name] for name in kept if name in os.environ},
        **{name: value for name, value in os.environ.items() if name.startswith(("PIP_", "npm_"))},
        "PATH": os.pathsep.join([*map(str, folders), "/usr/local/bin:/usr/bin:/bin"]),
    }
