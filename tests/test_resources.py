import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hatchling.build import build_wheel

from causerie.resources import catalogue_path, protocol_path, web_path

ROOT = Path(__file__).parents[1]


def test_a_checkout_has_what_is_shared_beside_its_sources() -> None:
    assert protocol_path() == ROOT / "protocol"
    assert protocol_path().joinpath("codes.json").is_file()
    assert catalogue_path() == ROOT / "catalogue"
    assert catalogue_path().joinpath("en.json").is_file()


@pytest.mark.slow
def test_a_wheel_carries_what_is_shared_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    wheel = tmp_path / build_wheel(str(tmp_path))
    program = """if True:
        from causerie.resources import catalogue_path, protocol_path, web_path

        def show(folder, prefix=""):
            for entry in folder.iterdir():
                if entry.is_dir():
                    show(entry, f"{prefix}{entry.name}/")
                else:
                    print(f"{prefix}{entry.name}", len(entry.read_bytes()))

        show(protocol_path(), "protocol/")
        show(catalogue_path(), "catalogue/")
    """
    expected = {
        f"{file.relative_to(ROOT).as_posix()} {file.stat().st_size}"
        for folder in ("protocol", "catalogue")
        for file in (ROOT / folder).rglob("*")
        if file.is_file()
    }
    unpacked = tmp_path / "unpacked"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(unpacked)
    for place in (unpacked, wheel):
        shown = subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONPATH": str(place)},
            cwd=tmp_path,
            check=True,
            capture_output=True,
            text=True,
        )
        assert set(shown.stdout.splitlines()) == expected
    assert (unpacked / "causerie" / "py.typed").is_file()
    # Whoever runs the tests has built it.
    built = {path.name for path in (ROOT / "web" / "dist" / "assets").iterdir()}
    assert {path.name for path in (unpacked / "causerie" / "_web" / "assets").iterdir()} == built


def test_the_web_client_lies_where_it_is_built() -> None:
    assert web_path() == ROOT / "web" / "dist"
