"""How the server is configured: flags over environment over a file over defaults.

ConfigError          a value or a key that cannot be; the message is for whoever starts the server
└── SettingRefused   a setting has a value of the right type that cannot be
"""

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

from causerie.server.origin import ANY_ORIGIN, normalise_origin
from causerie.wire.errors import CauserieError

PREFIX: Final = "CAUSERIE_"
CONFIG_VARIABLE: Final = "CAUSERIE_CONFIG"
"""Names the file, as `--config` does."""

_SECRETS: Final = re.compile(r"(?<=://)[^/,]*(?=@)")
"""The user and password, or the token, in a URL."""

MOST_WORKERS: Final = 256
"""More than machines have cores."""

MOST_STREAMS: Final = 64
"""More than leaders have machines of their own; each costs a node a few requests every ten seconds,
and a subscription for everybody who is there."""

SLOWEST_RATE: Final = 0.001
"""Commands a second, at least, where they are limited: a wait is still told as a number."""


class ConfigError(CauserieError):
    """The configuration cannot be. The message is one sentence and says what to do."""


class SettingRefused(ConfigError):
    """A setting cannot have the value that it was given.

    `setting` is the field of `Config`, `where` what the user wrote it as, where that is
    known, `why` how the sentence goes on after that.
    """

    def __init__(self, setting: str, why: str, *, where: str | None = None) -> None:
        super().__init__(f"{where or setting} {why}")
        self.setting = setting
        self.why = why
        self.where = where


def flag_of(setting: str) -> str:
    """How a field of `Config` is written on the command line."""
    return f"--{setting.replace('_', '-')}"


def default_data() -> Path:
    """The user's folder for data, by the platform's custom."""
    from platformdirs import user_data_path

    return user_data_path("causerie", appauthor=False)


def default_file() -> Path:
    """Where the configuration file is looked for, by the platform's custom."""
    from platformdirs import user_config_path

    return user_config_path("causerie", appauthor=False) / "config.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What a server can be told.

    Raises:
        SettingRefused: a value cannot be.
    """

    host: str = "localhost"
    """The name or address to listen on. localhost means both 127.0.0.1 and ::1; 0.0.0.0 and ::
    mean every interface."""

    port: int = 8080
    """The TCP port; 0 takes any free one."""

    data: Path = field(default_factory=default_data)
    """The folder where the rooms are kept. It is made if it does not exist; one server at a time
    can use it."""

    workers: int = 1
    """Processes that serve, each with a core of its own. More than one keep the rooms in NATS: that
    of nats, or one that this server starts and stops, in a folder of data."""

    nats: tuple[str, ...] = field(default=(), repr=False)
    """NATS servers, such as nats://10.0.0.1:4222, with JetStream, to keep the rooms in instead of
    data. All servers that are given the same are one chat."""

    streams: int = 0
    """Streams among which a new chat in NATS divides its rooms, each with a leader of its own: more
    than one where one leader is not enough. It keeps as many; 0 for as many as it has, or one."""

    auth: str = "open"
    """How people are known. open: by a key that their client makes and keeps."""

    rate_limit: float = 20.0
    """Commands a second that one connection may send, and twice as many at once; 0 for no limit."""

    allow_origin: tuple[str, ...] = ()
    """Web origins, such as https://example.org, whose pages may use this server; * for all. Pages
    from the server's own address may anyway, and so may programs."""

    max_connections: int = 0
    """Connections at a time; 0 for as many as the system allows."""

    names_per_address: int = 100
    """New names that one address may have in a day, those of people included who are connected and
    have not spoken yet; 0 for no limit. A school behind one address (NAT) needs as many as it has
    people."""

    heartbeat: float = 27.0
    """Seconds between two pings. A proxy that closes idle connections needs it below its limit."""

    grace: float = 15.0
    """Seconds after a lost connection before the others are told that somebody has left."""

    keep_days: float = 0.0
    """Days after which what was said is removed for good, but for the newest message of each room
    and private conversation; 0 to keep it for ever."""

    keep_last: int = 0
    """Messages to keep of each room and private conversation: the newest; 0 for all. With keep_days
    too, what is beyond either limit is removed, shortly after the start and then every hour."""

    compression: Literal["off", "on"] = "off"
    """Compress messages of 512 bytes and more, and pages of history, for clients that offer to
    (permessage-deflate). A page takes a quarter to two fifths of its bytes then, and up to twice
    its CPU; a long message about half of its bytes, and in a small room a third more CPU."""

    watch_loop: bool = False
    """Measure how long the event loop is held up; /healthz tells the longest since it was asked
    last, and how many connections, sessions, rooms and tasks there are. Costs 1 % of a core."""

    log_format: Literal["auto", "console", "json"] = "auto"
    """How the log is written to stderr. auto: console on a terminal, otherwise json."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important lines of the log that are written."""

    def __post_init__(self) -> None:
        _between("port", self.port, 0, 65_535)
        for name in (
            "rate_limit",
            "max_connections",
            "names_per_address",
            "grace",
            "keep_days",
            "keep_last",
        ):
            _between(name, getattr(self, name), 0, 1_000_000_000)
        _between("heartbeat", self.heartbeat, 1, 3600)
        _between("workers", self.workers, 1, MOST_WORKERS)
        _between("streams", self.streams, 0, MOST_STREAMS)
        if self.streams and not self.nats and self.workers == 1:
            why = "needs NATS: name its servers with --nats, or start more than one of --workers."
            raise SettingRefused("streams", why)
        for url in self.nats:
            if not _is_nats(url):
                why = f"cannot be {without_secrets(url)!r}: name servers as nats://HOST:PORT, or tls://HOST:PORT."
                raise SettingRefused("nats", why)
        if 0 < self.rate_limit < SLOWEST_RATE:
            why = f"must be at least {SLOWEST_RATE}, or 0 for no limit, not {self.rate_limit}."
            raise SettingRefused("rate_limit", why)
        if not _is_unicode(str(self.data)):
            why = "must be a path in UTF-8, and without a NUL character: choose another folder."
            raise SettingRefused("data", why)
        if not self.host:
            why = "must not be empty: use localhost, or 0.0.0.0 for every interface."
            raise SettingRefused("host", why)
        if self.auth == "token":
            why = "cannot be token yet: start with open, which is the default."
            raise SettingRefused("auth", why)
        if self.auth != "open":
            why = f"cannot be {self.auth!r}: the one way that there is, is open."
            raise SettingRefused("auth", why)
        try:
            normal = tuple(
                origin if origin == ANY_ORIGIN else normalise_origin(origin)
                for origin in self.allow_origin
            )
        except ValueError as error:
            raise SettingRefused("allow_origin", f"cannot be so: {error}.") from None
        object.__setattr__(self, "allow_origin", normal)


def load_config(
    flags: Mapping[str, Any], environment: Mapping[str, str], file: Path | None = None
) -> Config:
    """Puts a configuration together.

    `flags` are the values that were given on the command line, of the right types. `file` is the
    TOML file to read; without it the one that CAUSERIE_CONFIG names, or the one in the platform's
    folder if there is one.

    Raises:
        ConfigError: a key is unknown, a value cannot be, or the file cannot be read.
    """
    values, written = _read_file(file, environment)
    for variable, text in environment.items():
        if variable.startswith(PREFIX) and variable != CONFIG_VARIABLE:
            name = variable.removeprefix(PREFIX).lower()
            kind = _kind_of(name, f"the environment variable {variable}", PREFIX, str.upper)
            values[name] = _from_text(kind, text, variable)
            written[name] = variable
    values.update(flags)
    written.update({name: flag_of(name) for name in flags})
    try:
        return Config(**values)
    except SettingRefused as error:
        where = written[error.setting]
        raise SettingRefused(error.setting, error.why, where=where) from None


def _read_file(
    file: Path | None, environment: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """The values in the configuration file, and for each where it stands."""
    if file is None and environment.get(CONFIG_VARIABLE):
        file = Path(environment[CONFIG_VARIABLE]).expanduser()
    if file is None:
        file = default_file()
        if not _is_there(file):
            return {}, {}
    try:
        table = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(
            f"The configuration file {file} cannot be read ({error.strerror}): "
            "name another with --config."
        ) from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            f"The configuration file {file} is not TOML ({_where_in(error)}): a line looks like "
            'port = 8080, or host = "localhost".'
        ) from None
    written = {name: f"{name} in {file}" for name in table}
    values = {
        name: _from_toml(_kind_of(name, f"the key {name!r} in {file}"), value, written[name])
        for name, value in table.items()
    }
    return values, written


def _is_there(file: Path) -> bool:
    try:
        return file.exists()
    except OSError:  # in a folder of somebody else's, it is not for us
        return False


def _where_in(error: ValueError | RecursionError) -> str:
    """Where a text stops being TOML, or why it cannot be read."""
    match error:
        case UnicodeDecodeError():
            return f"byte {error.start + 1} is not UTF-8"
        case tomllib.TOMLDecodeError():
            # "Invalid value (at line 3, column 7)": the place is what helps to mend it.
            return str(error).rpartition("(")[2].rstrip(")")
        case RecursionError():
            return "it is nested too deeply"
        case _:
            return "a number has too many digits"


def _kind_of(name: str, where: str, prefix: str = "", write: Any = str) -> Any:
    """The type of a field, or an error that names the nearest one."""
    known = [known_field.name for known_field in fields(Config)]
    if name in known:
        return get_type_hints(Config)[name]
    nearest = get_close_matches(name.replace("-", "_"), known, n=1, cutoff=0.0)[0]
    raise ConfigError(
        f"There is no setting for {where}: the nearest that there is, is {prefix}{write(nearest)}."
    )


def _from_text(kind: Any, text: str, where: str) -> Any:
    """Reads a value as an environment variable writes it; a list has commas between its items."""
    if get_origin(kind) is tuple:
        return tuple(item.strip() for item in text.split(",") if item.strip())
    if kind is bool and text.lower() in _BOOLEANS:
        return _BOOLEANS[text.lower()]
    if kind in {int, float}:
        try:
            return kind(text)
        except ValueError:
            raise _mistyped(kind, text, where) from None
    return _from_toml(kind, text, where)


_BOOLEANS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def _from_toml(kind: Any, value: Any, where: str) -> Any:
    """Checks a value's type, and makes it that of the field."""
    match value:
        case str() if kind is str:
            return value
        case str() if kind is Path and value:
            return Path(value).expanduser()
        case str() if get_origin(kind) is Literal and value in get_args(kind):
            return value
        case bool() if kind is bool:
            return value
        case bool():
            pass
        case int() if kind is int:
            return value
        case int() | float() if kind is float:
            return _to_float(value)
        case list() if get_origin(kind) is tuple and all(isinstance(item, str) for item in value):
            return tuple(value)
    raise _mistyped(kind, value, where)


def _to_float(number: float) -> float:
    """A number as a float: infinite, if it is a whole one that no float reaches."""
    try:
        return float(number)
    except OverflowError:
        return math.copysign(math.inf, number > 0 or -1)


def without_secrets(urls: str) -> str:
    """URLs of NATS servers as they may be shown: without what lets one in."""
    return _SECRETS.sub("…", urls)


def _is_nats(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"nats", "tls"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _is_unicode(text: str) -> bool:
    """Whether SQLite can be told a text; a path that is no UTF-8 has surrogates in it."""
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False


def _mistyped(kind: Any, value: Any, where: str) -> ConfigError:
    if get_origin(kind) is Literal:
        wanted = "one of " + ", ".join(get_args(kind))
    elif get_origin(kind) is tuple:
        wanted = "a list of texts"
    else:
        wanted = {
            int: "a whole number",
            float: "a number",
            bool: "true or false",
            str: "a text",
            Path: "a folder",
        }[kind]
    return ConfigError(f"{where} must be {wanted}, not {value!r}.")


def _between(name: str, value: float, least: int, most: int) -> None:
    if not least <= value <= most:
        raise SettingRefused(name, f"must be between {least} and {most}, not {value}.")
