# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The records of a report: the state of a host, read there and checked by :mod:`_input.answers`.

Types alone, as in :mod:`_records`.
"""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

from ._records import Instance, Resource


class System(TypedDict):
    id: str
    id_like: list[str]
    name: str
    hostname: str
    machine: str
    libc: str
    systemd: bool
    pid1: str
    user_manager: bool
    lingers: bool
    polkit: bool
    uid: int
    user: str
    group: str
    home: str
    ensurepip: bool
    commands: dict[str, str | None]


class DeviceClass(TypedDict):
    """The devices of one kind (:mod:`_jupyter.observation.devices`)."""

    nodes: list[str]
    allow: list[str]  # the entries of a unit
    groups: list[str]


class Network(TypedDict):
    """The host in its networks (:mod:`_jupyter.observation.network`)."""

    addresses: list[str]  # none: unknown
    senders: list[str]
    published: str
    answers: bool


class Card(TypedDict):
    """A GPU."""

    name: str
    driver: bool


class Devices(TypedDict):
    classes: dict[str, DeviceClass]
    cards: list[Card]


class Interpreter(TypedDict, total=False):
    path: str | None
    version: list[int] | None
    open: bool
    # Added by the control node
    download: str  # the version that uv installs; empty for one of the host


class Interpreters(TypedDict):
    """The interpreters that uv has installed."""

    builds: dict[str, list[str]]  # the environments that need each
    links: dict[str, str]  # by version the build that it leads to


class Account(TypedDict, total=False):
    uid: int
    group: str
    home: str
    home_is: str  # usable, private, missing, another's or shut
    comment: str
    shares_group: bool


class Home(TypedDict):
    path: str
    strangers: list[str]


class PathState(TypedDict, total=False):
    """A file, folder or link of the host."""

    kind: str  # file, directory, link or other
    mode: str
    owner: str
    group: str
    modified: float
    target: str
    directory: bool
    entries: int
    digest: str
    text: str


class Process(TypedDict):
    """A running server."""

    pid: int
    uid: int
    instance: str
    revision: str
    environment: str
    started: float
    tmux: bool
    trial: NotRequired[float]
    notebook7: bool


class ConfigFile(TypedDict):
    """A configuration file that is not ours. No value of it ever leaves the host."""

    options: list[str]
    error: str


class Listener(TypedDict):
    """A process that listens on a port."""

    pid: int | None
    command: str | None
    loopback: bool
    everywhere: bool
    uid: int
    account: str
    unit: NotRequired[str]
    users: NotRequired[bool]
    also: NotRequired[list[Listener]]


class Environment(TypedDict, total=False):
    """An environment below ``envs``."""

    sealed: bool
    missing: list[str]
    built: float | None
    before: str | None


class ExistingEnvironment(TypedDict):
    """An environment that is not ours, as the account of a server finds it."""

    problem: str
    said: str
    conda: bool
    real: list[str]  # the folders behind its path and its interpreter
    astray: bool  # somebody but root can change it


class ProcessDetails(TypedDict, total=False):
    environment: str
    kernels: int
    busy: list[str] | None


class Details(TypedDict):
    """The part of a report that only the overview needs."""

    now: float
    processes: dict[str, ProcessDetails]
    versions: dict[str, dict[str, str]]
    presented: dict[str, str | None]


class SshConnection(TypedDict, total=False):
    """The SSH connection of Ansible to the host; empty where there is none."""

    client: str
    port: int


class FirewallPicture(TypedDict):
    """The firewall of a host, as :mod:`_firewall.observation` of the host side reads it."""

    provider: str
    installed: list[str]
    paths: dict[str, str]
    systemd: bool
    interfaces: list[str]
    ssh: SshConnection
    ssh_ports: list[int]
    rules: list[dict[str, Any]]
    chains: list[dict[str, Any]]
    firewalld: dict[str, Any]
    saved: dict[str, dict[str, str]]
    files: dict[str, str]
    links: list[str]
    watched: list[str]
    strange: list[str]
    ufw_ipv6: NotRequired[bool]
    ufw_accepts: NotRequired[bool]


#: Written and read by :mod:`_tunnel` of the host side.
TunnelReport = dict[str, Any]


class AcmeStatus(TypedDict):
    """A certificate that the host gets by itself, as ``acme_renew.py`` of the role ``jupyter`` left it."""

    id: str  # of the order that it was issued for
    not_after: float | None
    served: bool | None  # None: no server answered
    failures: int  # since the last success
    error: str
    tried: float
    next: float


class Report(TypedDict):
    """The state of a host (:func:`_input.answers.report` checks the same keys)."""

    tunnel: TunnelReport | None
    firewall: FirewallPicture | None
    system: System
    manifest: list[Resource]
    pythons: dict[str, Interpreter]
    accounts: dict[str, Account | None]
    homes: dict[str, Home]
    paths: dict[str, PathState | None]
    used: list[str]
    servers: list[Process]
    shadows: dict[str, ConfigFile]
    aside: list[str]
    unusable: list[str]
    astray: list[str]
    loose: list[str]
    sessions: list[str]
    listeners: dict[str, Listener]
    units: dict[str, dict[str, str]]
    folders: dict[str, list[str]]  # by account: for data, and writable
    devices: Devices
    network: Network
    environments: dict[str, Environment]
    existing: dict[str, ExistingEnvironment]  # by instance and kernel
    acme: dict[str, AcmeStatus]  # by instance
    interpreters: Interpreters
    details: NotRequired[Details]


class Slot(TypedDict):
    """A place that needs an environment: an instance, or a Python kernel of one (:func:`_state.instances.slots`)."""

    slot: str
    instance: Instance
    python: Interpreter
    packages: list[str]
    key: str
    link: NotRequired[str | None]
    lock: NotRequired[str | None]
