"""The peers: how each is started so that it is at its best, and what version it is.

All refuse compression, write no logs and nothing to disk, use one core and switch Nagle's algorithm off. The relays
are the small programs of `relays/`; the others are configured here.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from benchmarks.native import compiled
from benchmarks.peer_plans import Dialect
from benchmarks.peer_setup import (
    INSTALL,
    NCHAN_PACKAGE,
    NotInstalled,
    find_nchan,
    find_program,
    find_python,
    node_modules,
)
from benchmarks.serving import Server, free_port, serve_command

RELAYS = Path(__file__).parent / "relays"


class Launch(msgspec.Struct, frozen=True):
    """What to run, and what it is."""

    command: list[str]
    version: str
    environment: dict[str, str] = {}


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """`launch(port, folder)` writes what the server needs into the folder; it raises NotInstalled."""

    key: str
    name: str
    launch: Callable[[int, Path], Launch]
    dialect: Dialect = "plain"


class RunningPeer(msgspec.Struct, frozen=True):
    server: Server
    version: str


@contextmanager
def serve_peer(peer: Peer, folder: Path, *, cpu: int | None) -> Iterator[RunningPeer]:
    """Raises NotInstalled, or ServerDied with what the peer said."""
    port = free_port()
    own = folder / peer.key
    own.mkdir()
    launch = peer.launch(port, own)
    with serve_command(
        peer.name,
        launch.command,
        port=port,
        log_path=own / "log",
        environment=launch.environment,
        cpu=cpu,
    ) as server:
        yield RunningPeer(server, launch.version)


def _limit(port: int, folder: Path) -> Launch:
    return Launch([str(compiled("epoll_limit")), "--port", str(port)], "this repository")


def _nchan(port: int, folder: Path) -> Launch:
    nginx, module = find_program("nginx"), find_nchan()
    # A device's location subscribes to a channel that is always silent: nchan answers each message of those who only
    # publish, which would be a second write per fix. Without a buffer a message goes to whoever listens and is gone.
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi"))
    config = folder / "nginx.conf"
    config.write_text(f"""
        load_module {module};
        daemon off;
        worker_processes 1;
        pid {folder}/pid;
        error_log stderr crit;
        events {{ worker_connections 32768; use epoll; multi_accept on; }}
        http {{
            access_log off;
            tcp_nodelay on;
            {temporary} scgi_temp_path {folder}/scgi;
            nchan_shared_memory_size 256m;
            nchan_message_buffer_length 0;
            map $http_authorization $topic {{ "~^Bearer (.+)$" $1; }}
            server {{
                listen 127.0.0.1:{port} backlog=4096;
                location = /ws/device {{
                    nchan_pubsub websocket;
                    nchan_publisher_channel_id $topic;
                    nchan_subscriber_channel_id silent;
                }}
                location ~ ^/ws/appointments/(.+)$ {{
                    nchan_subscriber websocket;
                    nchan_channel_id $1;
                    nchan_subscriber_first_message newest;
                }}
            }}
        }}
        """)
    version = f"nginx {_said(nginx, '-v').rpartition('/')[2]}"
    if nchan := _debian_version(NCHAN_PACKAGE):
        version += f", nchan {nchan}"
    return Launch([nginx, "-e", "stderr", "-p", str(folder), "-c", str(config)], version)


def _mosquitto(port: int, folder: Path) -> Launch:
    mosquitto = find_program("mosquitto")
    # Some versions refuse to start with nothing but a websocket listener, hence the other one.
    config = folder / "mosquitto.conf"
    config.write_text(f"""
listener {free_port()} 127.0.0.1
listener {port} 127.0.0.1
protocol websockets
allow_anonymous true
persistence false
log_dest none
connection_messages false
sys_interval 0
set_tcp_nodelay true
max_queued_messages 0
""")
    version = _said(mosquitto, "-h").removeprefix("mosquitto version ")
    return Launch([mosquitto, "-c", str(config)], f"mosquitto {version}")


def _nats(port: int, folder: Path) -> Launch:
    nats = find_program("nats-server")
    config = folder / "nats.conf"
    config.write_text(f"""
host: 127.0.0.1
port: -1
max_connections: 65536
log_file: "/dev/null"
websocket {{ host: 127.0.0.1, port: {port}, no_tls: true, compression: false }}
""")
    version = _said(nats, "-v").removeprefix("nats-server: v")
    return Launch([nats, "-c", str(config)], f"nats-server {version}")


def _node_ws(port: int, folder: Path) -> Launch:
    node, package = find_program("node"), node_modules() / "ws" / "package.json"
    if not package.exists():
        raise NotInstalled(f"the npm package ws is not here: {INSTALL}")
    ws = msgspec.json.decode(package.read_bytes())["version"]
    version = f"node {_said(node, '--version').removeprefix('v')}, ws {ws}"
    environment = {"NODE_PATH": str(node_modules()), "NODE_ENV": "production"}
    return Launch([node, str(RELAYS / "ws_relay.js"), str(port)], version, environment)


def _python(relay: str, *packages: str) -> Callable[[int, Path], Launch]:
    def launch(port: int, folder: Path) -> Launch:
        python, version = find_python(*packages)
        return Launch([python, str(RELAYS / relay), str(port)], version)

    return launch


def _said(*command: str) -> str:
    """The first line a program printed, wherever it printed it."""
    asked = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return (asked.stdout.splitlines() or [""])[0].strip()


def _debian_version(package: str) -> str:
    if shutil.which("dpkg-query") is None:
        return ""
    asked = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True)
    return asked.stdout.strip()


LIMIT = "C limit"
PEERS = (
    Peer(key="limit", name=LIMIT, launch=_limit),
    Peer(key="nchan", name="nchan", launch=_nchan),
    Peer(key="mosquitto", name="mosquitto", launch=_mosquitto, dialect="mqtt"),
    Peer(key="nats", name="NATS", launch=_nats, dialect="nats"),
    Peer(key="ws", name="node ws", launch=_node_ws),
    Peer(key="websockets", name="websockets", launch=_python("broadcast_relay.py", "websockets", "uvloop")),
    Peer(
        key="starlette",
        name="Starlette",
        launch=_python("starlette_relay.py", "starlette", "uvicorn", "websockets", "uvloop", "httptools"),
    ),
    Peer(key="picows", name="picows", launch=_python("picows_relay.py", "picows", "uvloop")),
    Peer(key="uwebsockets", name="uWebSockets", launch=_python("socketify_relay.py", "socketify")),
)
