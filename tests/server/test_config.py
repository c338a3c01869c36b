import dataclasses
from pathlib import Path
from typing import Any

import platformdirs
import pytest

from causerie.server import config as module
from causerie.server.config import (
    Config,
    ConfigError,
    SettingRefused,
    default_data,
    default_file,
    load_config,
    without_secrets,
)


@pytest.fixture(autouse=True)
def no_file_of_the_user_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "platform" / "config.toml"
    monkeypatch.setattr(module, "default_file", lambda: file)
    return file


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def refusal(
    flags: dict[str, Any] | None = None,
    environment: dict[str, str] | None = None,
    file: Path | None = None,
) -> str:
    with pytest.raises(ConfigError) as error:
        load_config(flags or {}, environment or {}, file)
    text = str(error.value)
    # One sentence.
    assert text.endswith(".")
    assert "\n" not in text
    return text


def test_the_defaults_are_those_of_a_server_for_oneself() -> None:
    config = load_config({}, {"PATH": "/bin", "CAUSERIES": "x"})
    assert config == Config()
    assert (config.host, config.port, config.auth) == ("localhost", 8080, "open")
    assert config.data == platformdirs.user_data_path("causerie", appauthor=False)
    assert config.allow_origin == ()


def test_the_folders_are_those_of_the_platform() -> None:
    assert default_data().name == "causerie"
    assert (
        default_file() == platformdirs.user_config_path("causerie", appauthor=False) / "config.toml"
    )


def test_flags_go_over_the_environment_and_that_over_the_file_and_that_over_defaults(
    tmp_path: Path,
) -> None:
    file = write(tmp_path / "c.toml", "port = 1\nhost = '::1'\nrate_limit = 5")
    environment = {"CAUSERIE_PORT": "2", "CAUSERIE_HOST": "::2"}
    config = load_config({"port": 3}, environment, file)
    assert (config.port, config.host, config.rate_limit) == (3, "::2", 5.0)
    assert config.heartbeat == Config().heartbeat


def test_a_flag_that_repeats_the_default_counts_as_well() -> None:
    assert load_config({"port": 8080}, {"CAUSERIE_PORT": "2"}).port == 8080


def test_every_field_can_be_set_by_the_environment_and_by_the_file(tmp_path: Path) -> None:
    values: dict[str, tuple[str, str, Any]] = {
        "host": ("::1", "'::1'", "::1"),
        "port": ("9", "9", 9),
        "data": ("/var/lib/causerie", "'/var/lib/causerie'", Path("/var/lib/causerie")),
        "workers": ("2", "2", 2),
        "nats": (
            "nats://a:4222,tls://b",
            "['nats://a:4222', 'tls://b']",
            ("nats://a:4222", "tls://b"),
        ),
        "streams": ("3", "3", 3),
        "auth": ("open", "'open'", "open"),
        "rate_limit": ("2.5", "2.5", 2.5),
        "allow_origin": (
            "https://a.example, https://b.example:443,",
            "['https://A.example', 'https://b.example']",
            ("https://a.example", "https://b.example"),
        ),
        "max_connections": ("7", "7", 7),
        "names_per_address": ("0", "0", 0),
        "heartbeat": ("10", "10", 10.0),
        "grace": ("0", "0", 0.0),
        "keep_days": ("30", "30", 30.0),
        "keep_last": ("100", "100", 100),
        "compression": ("on", "'on'", "on"),
        "watch_loop": ("yes", "true", True),
        "log_format": ("json", "'json'", "json"),
        "log_level": ("debug", "'debug'", "debug"),
    }
    assert values.keys() == {field.name for field in dataclasses.fields(Config)}
    environment = {f"CAUSERIE_{name.upper()}": text for name, (text, _, _) in values.items()}
    toml = "\n".join(f"{name} = {text}" for name, (_, text, _) in values.items())
    expected = {name: value for name, (_, _, value) in values.items()}
    by_environment = load_config({}, environment)
    assert dataclasses.asdict(by_environment) == expected
    assert load_config({}, {}, write(tmp_path / "c.toml", toml)) == by_environment
    for name, value in expected.items():
        assert type(getattr(by_environment, name)) is type(value) or name == "data"


def test_what_may_hold_a_password_is_not_shown() -> None:
    assert "secret" not in repr(Config(nats=("nats://alice:secret@localhost",)))


def test_every_field_has_a_docstring() -> None:
    import ast
    import inspect

    (tree,) = ast.parse(inspect.getsource(Config)).body
    assert isinstance(tree, ast.ClassDef)
    for field, doc in zip(tree.body[1:], tree.body[2:], strict=False):
        if isinstance(field, ast.AnnAssign):
            assert isinstance(doc, ast.Expr), ast.unparse(field)


def test_the_file_is_the_one_named_or_that_of_the_environment_or_the_platform_s(
    tmp_path: Path, no_file_of_the_user_s: Path
) -> None:
    named = write(tmp_path / "named.toml", "port = 1")
    ours = write(tmp_path / "env.toml", "port = 2")
    write(no_file_of_the_user_s, "port = 3")
    assert load_config({}, {"CAUSERIE_CONFIG": str(ours)}, named).port == 1
    assert load_config({}, {"CAUSERIE_CONFIG": str(ours)}).port == 2
    assert load_config({}, {}).port == 3


def test_a_file_that_was_named_must_be_there_and_be_toml(tmp_path: Path) -> None:
    assert "cannot be read" in refusal(file=tmp_path / "none.toml")
    assert "cannot be read" in refusal(file=tmp_path)
    assert "cannot be read" in refusal(environment={"CAUSERIE_CONFIG": str(tmp_path / "no")})
    assert "is not TOML" in refusal(file=write(tmp_path / "c.toml", "port: 8080"))
    (tmp_path / "latin.toml").write_bytes(b"host = '\xe9'")
    assert "is not TOML" in refusal(file=tmp_path / "latin.toml")


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("prot", "port"), ("rate-limit", "rate_limit"), ("origin", "allow_origin"), ("x", "")],
)
def test_an_unknown_key_is_an_error_that_names_the_nearest(
    tmp_path: Path, wrong: str, right: str
) -> None:
    text = refusal(file=write(tmp_path / "c.toml", f"{wrong} = 1"))
    assert wrong in text
    assert right in text
    variable = f"CAUSERIE_{wrong.upper()}"
    text = refusal(environment={variable: "1"})
    assert variable in text
    assert f"CAUSERIE_{right.upper()}" in text


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("port", "http", "a whole number"),
        ("port", "80.5", "a whole number"),
        ("rate_limit", "fast", "a number"),
        ("data", "", "a folder"),
        ("log_format", "xml", "auto, console, json"),
    ],
)
def test_a_value_of_the_wrong_type_is_an_error_that_says_which_is_right(
    name: str, text: str, wanted: str
) -> None:
    variable = f"CAUSERIE_{name.upper()}"
    sentence = refusal(environment={variable: text})
    assert variable in sentence
    assert wanted in sentence


@pytest.mark.parametrize(
    ("toml", "wanted"),
    [
        ("port = '80'", "a whole number"),
        ("port = true", "a whole number"),
        ("rate_limit = true", "a number"),
        ("host = 1", "a text"),
        ("data = 1", "a folder"),
        ("data = ''", "a folder"),
        ("allow_origin = 'https://a.example'", "a list"),
        ("allow_origin = [1]", "a list"),
        ("log_level = 'loud'", "debug, info, warning, error"),
    ],
)
def test_a_value_of_the_wrong_type_in_the_file_is_one_too(
    tmp_path: Path, toml: str, wanted: str
) -> None:
    sentence = refusal(file=write(tmp_path / "c.toml", toml))
    assert "c.toml" in sentence
    assert wanted in sentence


@pytest.mark.parametrize(
    ("flags", "wanted"),
    [
        ({"port": -1}, "between 0 and 65535"),
        ({"port": 65_536}, "between 0 and 65535"),
        ({"rate_limit": -1.0}, "--rate-limit must be between 0"),
        ({"rate_limit": float("nan")}, "--rate-limit must be between 0"),
        ({"max_connections": -1}, "--max-connections must be between 0"),
        ({"names_per_address": -1}, "--names-per-address must be between 0"),
        ({"rate_limit": 1e-320}, "--rate-limit must be at least 0.001, or 0 for no limit"),
        ({"data": Path("a\0b")}, "--data must be a path in UTF-8"),
        ({"data": Path("a\udcffb")}, "--data must be a path in UTF-8"),
        ({"grace": -0.1}, "--grace must be between 0"),
        ({"keep_days": -1.0}, "--keep-days must be between 0"),
        ({"keep_last": -1}, "--keep-last must be between 0"),
        ({"heartbeat": 0.0}, "--heartbeat must be between 1"),
        ({"workers": 0}, "--workers must be between 1 and 256"),
        ({"streams": 65, "workers": 2}, "--streams must be between 0 and 64"),
        ({"streams": 2}, "--streams needs NATS: name its servers with --nats"),
        ({"nats": ("http://a",)}, "--nats cannot be 'http://a': name servers as nats://HOST"),
        ({"nats": ("nats://",)}, "--nats cannot be 'nats://'"),
        ({"nats": ("nats://a:99999",)}, "--nats cannot be 'nats://a:99999'"),
        ({"host": ""}, "--host must not be empty: use localhost"),
        ({"auth": "token"}, "--auth cannot be token yet: start with open"),
        ({"auth": "none"}, "--auth cannot be 'none': the one way that there is, is open"),
        ({"allow_origin": ("example.org",)}, "--allow-origin cannot be so: 'example.org' is no "),
        ({"allow_origin": ("https://example.org/chat",)}, "nothing may follow"),
        ({"allow_origin": ("http://[::",)}, "'http://[::' is no origin: invalid IPv6"),
        ({"allow_origin": ("http://a:99999",)}, "'http://a:99999' is no origin: port out of range"),
    ],
)
def test_a_value_that_cannot_be_is_an_error_that_says_what_can(
    flags: dict[str, Any], wanted: str
) -> None:
    assert wanted in refusal(flags)


def test_a_value_that_cannot_be_is_named_as_whoever_gave_it_wrote_it(tmp_path: Path) -> None:
    file = write(tmp_path / "c.toml", "rate_limit = -1")
    variable = {"CAUSERIE_RATE_LIMIT": "-2"}
    why = "must be between 0 and 1000000000, not"
    assert refusal(file=file) == f"rate_limit in {file} {why} -1.0."
    assert refusal(environment=variable, file=file) == f"CAUSERIE_RATE_LIMIT {why} -2.0."
    flags = {"rate_limit": -3.0}
    assert refusal(flags, variable, file) == f"--rate-limit {why} -3.0."
    assert load_config({"rate_limit": 1.0}, variable, file).rate_limit == 1.0


def test_a_file_that_is_not_toml_is_told_with_the_place_and_how_it_should_look(
    tmp_path: Path,
) -> None:
    text = refusal(file=write(tmp_path / "c.toml", "port = 1\nhost localhost"))
    assert "is not TOML (at line 2, column 6): a line looks like port = 8080" in text
    (tmp_path / "latin.toml").write_bytes(b"host = '\xe9'")
    assert "is not TOML (byte 9 is not UTF-8)" in refusal(file=tmp_path / "latin.toml")


@pytest.mark.parametrize(
    ("toml", "why"),
    [
        (f"port = {'1' * 5_000}", "is not TOML (a number has too many digits)"),
        (f"allow_origin = {'[' * 100_000}", "is not TOML (it is nested too deeply)"),
        (f"grace = {'1' * 400}", "grace in {file} must be between 0 and 1000000000, not inf"),
        (f"grace = -{'1' * 400}", "grace in {file} must be between 0 and 1000000000, not -inf"),
    ],
)
def test_what_is_too_much_for_a_file_is_told_as_well(tmp_path: Path, toml: str, why: str) -> None:
    file = write(tmp_path / "c.toml", toml)
    assert why.format(file=file) in refusal(file=file)


def test_a_folder_that_may_not_be_looked_into_has_no_file_for_us(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def forbidden(_: Path) -> bool:
        raise PermissionError

    monkeypatch.setattr(Path, "exists", forbidden)
    assert load_config({}, {}) == Config()


def test_origins_are_normalised_and_a_star_stays() -> None:
    config = Config(allow_origin=("HTTPS://Example.org:443/", "*"))
    assert config.allow_origin == ("https://example.org", "*")


def test_a_home_folder_can_be_written_as_a_tilde() -> None:
    assert load_config({}, {"CAUSERIE_DATA": "~/chat"}).data == Path.home() / "chat"


def test_what_lets_one_into_nats_is_not_shown() -> None:
    shown = without_secrets("nats://ann:secret@a:4222,tls://token@b,nats://c")
    assert shown == "nats://…@a:4222,tls://…@b,nats://c"
    with pytest.raises(SettingRefused) as refused:
        Config(nats=("http://ann:secret@a",))
    assert "secret" not in str(refused.value)
