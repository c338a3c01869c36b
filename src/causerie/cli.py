"""The command line: arguments in, an exit code out.

0 is success, 1 a failure while running, 2 a wrong command line or configuration. Whatever goes
wrong is told in one sentence on stderr that says what to do, and never by a traceback.
"""

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated, Final, Literal

from cyclopts import (
    App,
    CoercionError,
    CycloptsError,
    MissingArgumentError,
    Parameter,
    RepeatArgumentError,
    UnknownCommandError,
    UnknownOptionError,
    UnusedCliTokensError,
)
from cyclopts.argument import ArgumentCollection
from cyclopts.validators import Number

from causerie.client.address import DEFAULT_URL
from causerie.server.config import (
    MOST_STREAMS,
    Config,
    ConfigError,
    SettingRefused,
    default_data,
    flag_of,
    load_config,
)
from causerie.version import __version__
from causerie.wire.errors import CauserieError

FAILURE: Final = 1
USAGE: Final = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns the exit code. `arguments` are the program's own without one."""
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        return _stopped(error)
    except ExceptionGroup as group:
        lost, others = group.split(OSError)
        if lost is None or others is not None:
            raise
        return _stopped(_first(lost))
    return code


def _run(arguments: Sequence[str] | None) -> int:
    try:
        code = command_line()(arguments, print_error=False, exit_on_error=False)
    except CycloptsError as error:
        return _complain(_explain(error), USAGE)
    except SettingRefused as error:
        # The flags alone are looked at first, and by their field's names.
        return _complain(f"{error.where or flag_of(error.setting)} {error.why}", USAGE)
    except ConfigError as error:
        return _complain(str(error), USAGE)
    except CauserieError as error:
        return _complain(str(error), FAILURE)
    return code if isinstance(code, int) else 0


def command_line() -> App:
    """Builds the commands. Each imports what it needs when it is run, so that help comes fast."""
    given: set[str] = set()

    def note_given(_app: App, _commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
        """Notes which flags were given, since only these go over the environment."""
        given.update(argument.field_info.name for argument in arguments if argument.tokens)
        for argument in arguments:
            # An empty path would be the present folder: a variable that is not set is likelier.
            if argument.hint in {Path, Path | None} and any(
                not token.value for token in argument.tokens
            ):
                raise ConfigError(f"{argument.name} must not be empty: name a file or folder.")

    app = App(
        name="causerie",
        version=f"causerie {__version__}",
        help="A self-hosted real-time chat: `causerie serve` starts it on one port.",
        config=note_given,
        default_parameter=Parameter(negative=(), show_default=_shown),
        result_action="return_value",
        suppress_keyboard_interrupt=False,
    )

    @app.command
    def serve(
        flags: Annotated[Config | None, Parameter(name="*")] = None,
        *,
        config: Path | None = None,
    ) -> None:
        """Start the server. Ctrl+C ends it gracefully.

        Every option can also be set by an environment variable (CAUSERIE_PORT for --port) or in
        a TOML file (port = 8080); a flag goes over the environment, and that over the file.

        Parameters
        ----------
        config
            The TOML file to read. Without it, config.toml in the user's configuration folder
            is read if it exists.
        """
        values = {name: getattr(flags, name) for name in given if hasattr(flags, name)}
        loaded = load_config(values, os.environ, config)
        if loaded.workers > 1:
            from causerie.workers import serve_workers as run
        else:
            from causerie.app import serve as run
        run(loaded)

    @app.command
    def chat(
        username: str | None = None,
        /,
        *,
        url: str = DEFAULT_URL,
        room: str = "lobby",
        max_attempts: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
        plain: bool = False,
        lang: Literal["en", "fr"] | None = None,
        no_color: bool = False,
    ) -> int:
        """Chat on a full screen, or say what comes through a pipe.

        F1 on the screen, and /help anywhere, list the keys and the commands.

        The exit code is 0, or 1 if something that was said could not be delivered.

        Parameters
        ----------
        username
            The name to be known by; without one it is User and a number.
        url
            Where the server is: ws://, wss://, http:// or https://, or a host alone.
        room
            The room to begin in.
        max_attempts
            Give up after so many attempts to connect in a row have failed, instead of never.
        plain
            No full screen: a prompt below what is said. (A terminal that calls itself dumb, and a
            pipe, get plain lines in any case.)
        lang
            The language: en or fr. Without it, that of the environment (LC_ALL, LC_MESSAGES, LANG).
        no_color
            No colours; they are also left out if NO_COLOR is set.
        """
        from causerie.client.address import websocket_url
        from causerie.language import choose_language
        from causerie.tui.app import chat
        from causerie.tui.stay import Options

        try:
            address = websocket_url(url)
        except ValueError as error:
            return _complain(f"--url cannot be so: {error}", USAGE)
        options = Options(
            username=username,
            url=address,
            room=room,
            max_attempts=max_attempts,
            plain=plain,
            language=choose_language(lang, os.environ),
            colour=sys.stdout.isatty() and not (no_color or os.environ.get("NO_COLOR")),
        )
        return chat(options)

    @app.command
    def check(
        url: str,
        /,
        *,
        tag: Annotated[list[str] | None, Parameter(negative_iterable=())] = None,
        only: Annotated[list[str] | None, Parameter(negative_iterable=())] = None,
        plain: bool = False,
        v1: bool = False,
    ) -> int:
        """Play the golden conversations with any server, and tell what holds.

        The exit code is 0 if all do, 1 if one does not, 2 if nothing could be played. Names and
        rooms are made up, so this can be done again and again, beside other people.

        Parameters
        ----------
        url
            Where the server is: ws://, wss://, http:// or https://, or a host alone.
        tag
            Only the conversations with this tag, such as basic, resume, private; may be repeated.
        only
            Only the conversation of this name; * stands for anything; may be repeated.
        plain
            Only those in which everybody speaks the plain profile.
        v1
            Only those in which everybody speaks the v1 profile.
        """
        from causerie.check import CannotCheck, Choice, run
        from causerie.client.address import websocket_url

        if plain and v1:
            return _complain("--plain and --v1 leave nothing to play: leave one out", USAGE)
        profile: Literal["plain", "v1"] | None = "plain" if plain else "v1" if v1 else None
        choice = Choice(tags=tag or (), names=only or (), profile=profile)
        try:
            return run(websocket_url(url), choice, sys.stdout)
        except (CannotCheck, ValueError) as error:
            return _complain(str(error), USAGE)

    @app.command
    def move(
        source: str,
        target: str,
        /,
        *,
        streams: Annotated[int, Parameter(validator=Number(gte=0, lte=MOST_STREAMS))] = 0,
        lang: Literal["en", "fr"] | None = None,
    ) -> None:
        """Move a chat from one store into another: rooms, private conversations, names.

        Each of the two is a data folder, as of `causerie serve --data FOLDER`; FOLDER/nats, in
        which `causerie serve --data FOLDER --workers 2` keeps all; or NATS servers, as
        nats://HOST:PORT, with commas between several. No server may run on either meanwhile.

        What is in the source stays there. Both are read again and compared in the end. It can be
        interrupted, and run again: it goes on where it stopped. A target that holds something else
        is left as it is.

        Parameters
        ----------
        source
            Where the chat is.
        target
            Where it is to be; a folder is made if it does not exist.
        streams
            Streams among which the target divides the rooms, if it is in NATS and there is no chat
            yet (`causerie serve --help` has more); 0 for as many as there are, or one.
        lang
            The language: en or fr. Without it, that of the environment (LC_ALL, LC_MESSAGES, LANG).
        """
        from causerie.language import Words, choose_language
        from causerie.move import move
        from causerie.server.logs import configure_logs

        configure_logs("auto", "error", sys.stderr)
        for name, place in (("SOURCE", source), ("TARGET", target)):
            # It would be the present folder: a variable that is not set is likelier.
            if not place:
                raise ConfigError(f"{name} must not be empty: name a folder, or NATS servers.")
        words = Words(choose_language(lang, os.environ))
        move(source, target, words, sys.stdout, streams=streams)

    app.command(
        "causerie.bench.commands:app",
        name="bench",
        help="Measure a server: how many messages, at what latency, at what cost.",
    )

    names = App(name="name", help="Manage the names that people hold.")
    app.command(names)

    @names.command(name="export")
    def export_name(name: str, /, *, url: str = DEFAULT_URL, file: Path | None = None) -> int:
        """Print a link that holds a name of yours, to use it on another device too.

        Whoever has the link has the name and its private conversations: keep it secret. On the
        other device, `causerie name import` reads it.

        Parameters
        ----------
        name
            The name.
        url
            Where the server is on which the name is yours.
        file
            Where to write the link instead; only you may read the file.
        """
        return _telling(partial(_export_name, name, url, file), file)

    @names.command(name="import")
    def import_name(*, url: str | None = None, file: Path | None = None) -> int:
        """Read a link that `causerie name export` made, from the standard input or a file.

        A key for the same name that is here already is never replaced.

        Parameters
        ----------
        url
            Where the server is as seen from here, if that is not as the link has it.
        file
            The file to read instead of the standard input.
        """
        return _telling(partial(_import_name, url, file), file)

    @names.command
    def release(
        name: str, /, *, data: Path | None = None, nats: tuple[str, ...] | None = None
    ) -> None:
        """Free a name that somebody keeps, so that whoever comes next may take it.

        The server may be running. Whoever uses the name just now goes on using it until they
        leave; what they said stays as it is.

        Parameters
        ----------
        name
            The name to free.
        data
            The server's data folder, if it is not the usual one.
        nats
            The NATS servers of a server that was given such, instead.
        """
        from causerie.backends import release_name
        from causerie.server.logs import configure_logs

        configure_logs("auto", "error", sys.stderr)
        servers = Config(nats=nats).nats if nats else ()
        sys.stdout.write(release_name(name, data or default_data(), servers) + "\n")

    return app


def _export_name(name: str, url: str, file: Path | None) -> int:
    from causerie.client.keys import KeyStore

    link = KeyStore().export_link(url, name)
    if link is None:
        return _complain(
            f"there is no key for {name} on {url} here: name the server on which the name is "
            "yours with --url",
            FAILURE,
        )
    if file is None:
        sys.stdout.write(f"{link}\n")
        return 0
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        why = "is there already, and stays as it is: name another with --file"
        return _complain(f"{file} {why}", FAILURE)
    except FileNotFoundError:
        why = "is not there: make it, or name another file with --file"
        return _complain(f"the folder {file.parent} {why}", FAILURE)
    with os.fdopen(descriptor, "w") as output:
        output.write(f"{link}\n")
    return 0


def _import_name(url: str | None, file: Path | None) -> int:
    from causerie.client.address import origin
    from causerie.client.keys import KeyStore
    from causerie.tui.sanitise import sanitise_name

    try:
        link = _read_link() if file is None else file.read_text("utf-8", "replace")
    except FileNotFoundError:
        made = "on the other device, `causerie name export NAME --file FILE` makes one"
        return _complain(f"there is no file {file}: {made}", FAILURE)
    if url is not None:
        link = f"{origin(url)}#{link.partition('#')[2]}"
    server, name = KeyStore().import_link(link)
    sys.stdout.write(f"You are {sanitise_name(name)} on {server} from here, too.\n")
    return 0


def _read_link() -> str:
    if sys.stdin.isatty():
        sys.stderr.write("Paste the link of `causerie name export`, then press Enter: ")
        sys.stderr.flush()
    return sys.stdin.readline()


def _telling(do: Callable[[], int], file: Path | None) -> int:
    """Does something with values and files of the user's; what is wrong with them is told."""
    try:
        return do()
    except ValueError as error:
        return _complain(str(error), USAGE)
    except OSError as error:
        if error.filename is None:
            raise
        ours = file is not None and str(error.filename) == str(file)
        otherwise = ", or name another with --file" if ours else ""
        what = f"{error.filename} cannot be used ({error.strerror})"
        return _complain(f"{what}: see to who may read and write it{otherwise}", FAILURE)


def _stopped(error: OSError) -> int:
    """Ends a command that cannot write what it has to say, or needs what cannot be used."""
    if error.filename is None:
        # What is still in the buffer cannot be written either, as would be told at the exit.
        with suppress(OSError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stdout.fileno())
            os.close(nowhere)
    if isinstance(error, BrokenPipeError):
        return FAILURE  # nobody reads on, and that is all right
    if error.filename is None:
        why = f"the output cannot be written ({error.strerror}): see to where it goes"
    else:
        why = (
            f"{error.filename} cannot be used ({error.strerror}): see to who may read and write it"
        )
    return _complain(why, FAILURE)


def _first(group: ExceptionGroup[OSError]) -> OSError:
    error: OSError | ExceptionGroup[OSError] = group
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


def _explain(error: CycloptsError) -> str:
    """What is wrong with a command line, and which help says how it goes."""
    command = " ".join(["causerie", *(error.command_chain or ())])
    name = error.argument.name if error.argument is not None else ""
    value = error.token.value if isinstance(error, CoercionError) and error.token else ""
    match error:
        case UnusedCliTokensError(unused_tokens=[*rest]):
            what = f"`{command}` has no use for {' '.join(map(repr, rest))}."
        case UnknownOptionError() | UnknownCommandError():
            what = str(error)
        case MissingArgumentError() if name.startswith("-"):
            what = f"{name} needs a value after it."
        case MissingArgumentError():
            what = f"`{command}` needs a {name}."
        case RepeatArgumentError():
            what = f"{error.token.keyword} can be given only once."
        case CoercionError(target_type=kind) if kind in _KINDS:
            what = f"{name} {_KINDS[kind]} {value!r}."
        case _:
            what = str(error)
    return f"{what} See `{command} --help`."


_KINDS: Final[dict[object, str]] = {
    int: "must be a whole number, not",
    float: "must be a number, not",
    bool: "takes no value such as",
}


def _shown(default: object) -> str | None:
    """How help shows a default; not at all where it says no more than the description."""
    return None if default is None or default is False or default == () else str(default)


def _complain(sentence: str, code: int) -> int:
    # What somebody typed may be in it, and is to stay in the line.
    line = "".join(char if char.isprintable() else repr(char)[1:-1] for char in sentence)
    sys.stderr.write(f"causerie: {line if line.endswith(('.', '?')) else f'{line}.'}\n")
    return code
