# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The records that pass through the control node: plan, instance, report, resource, change, and their parts.

Types alone. Import them below ``if TYPE_CHECKING:``: Ansible compiles a collection anew in each run, and a run needs
none of this. mypy refuses a key that is not here (``make lint``).
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

Scope = Literal["system", "user"]
#: The options of an instance that name files of the control node.
FileKey = Literal["certificate_file", "key_file", "ca_file", "acme_dns_key_file", "acme_eab_file", "acme_ca_file"]
IssuedKey = Literal["certificate_days", "certificate_key_type"]


class Contact(TypedDict):
    """How Ansible reaches a host (:mod:`_remote.contact`)."""

    connection: str
    host: str
    address: str  # the address that others can reach
    address_port: int
    address_user: str | None  # the account of ssh's own configuration
    proxy: str
    port: int | None
    user: str | None
    private_key_file: str | None
    ssh_args: list[str]


class Hop(TypedDict):
    """A jump host on the route of clients."""

    host: str
    port: int
    user: str | None
    alias: str | None  # of a tunnel account on it
    private_key_file: str | None  # the key of that account


class Route(TypedDict):
    """The route of clients to the SSH server of a host (:mod:`_remote.route`)."""

    host: str
    port: int
    user: str | None
    hops: list[Hop]  # the first to connect to first
    command: str  # a ProxyCommand that is no jump host


class Kernel(TypedDict):
    """A kernel beside the one of the server's own environment (:mod:`_jupyter.kernels`)."""

    name: str
    display_name: str
    language: str
    env: dict[str, str]
    interrupt_mode: str
    metadata: dict[str, Any]
    argv: list[str] | None
    existing: str  # the path of an environment that is not ours, as the inventory has it; empty without one
    python: str | None  # None for a kernel that is no Python of ours
    packages: list[str]
    # Added once the host has answered
    environment: NotRequired[str | None]
    conda: NotRequired[bool]  # whether it is an environment of conda
    python_path: NotRequired[str | None]
    python_download: NotRequired[str]  # the version that uv installs; empty for an interpreter of the host


class RemoteKernel(TypedDict):
    """The kernels of a server of another host, as a hub lists them (:mod:`_plan.remote_kernels`)."""

    name: str  # of the kernel in the hub
    host: str
    instance: str


class Instance(TypedDict):
    """A server as the inventory describes it, every option resolved. Secrets are left out."""

    name: str
    state: str
    access: str
    public_url: str
    tls: str
    certificate_file: str
    certificate_days: int
    certificate_key_type: str
    key_file: str
    ca_file: str
    acme_directory: str
    acme_email: str
    acme_profile: str
    acme_challenge: str
    acme_webroot: str
    acme_dns_hook: str
    acme_dns_server: str
    acme_dns_key_file: str
    acme_eab_file: str
    acme_ca_file: str
    plain_http: bool
    port: int
    local_port: int
    base_url: str
    bind_address: str
    addresses: list[str]
    allowed_sources: list[str]
    login_throttle: bool | None  # None: the host decides
    tunnel_accounts: list[str]
    service_manager: str
    user: str  # empty with scope "user"
    create_user: bool
    root_dir: str
    data_dirs: list[str]
    clients: list[str]
    interface: str
    durable: bool
    python: str
    python_downloads: bool
    python_mirror: str
    packages: list[str]
    kernels: list[Kernel]
    remote_kernels: list[RemoteKernel]
    lock: bool
    wheelhouse: bool
    installer: str
    index_url: str
    ca_bundle: str
    http_proxy: str
    settings: dict[str, dict[str, Any]]
    memory_max: str
    cpu_quota: str
    tasks_max: str
    hardening: str
    devices: str  # auto, all or none
    restart: str
    # Derived from the options
    networked: bool  # whether it listens beyond the loopback
    by_ssh: bool  # whether clients come through SSH
    public_name: str  # the DNS name in public_url; empty for an IP address, and without one
    public_origin: str  # its scheme, host and port, as in the Origin header of browsers
    counts_logins: bool  # whether the server itself refuses a client that guesses
    scheme: str
    local_url: str
    classic: str  # the path of the classic pages, empty where there are none
    has_token: bool


class Sandbox(TypedDict):
    """The folders of an account that the unit of a server names."""

    writable: list[str]
    hidden: list[str]
    bound: list[str]


class HostInstance(Instance, Sandbox):
    """An instance with the facts of its host; every path is absolute (:func:`_state.instances.complete`)."""

    scope: Scope
    timeout: int
    group: str
    shares_group: bool
    home: str
    keeper: str
    prefix: str
    libexec: str
    current: str
    environment: str
    acme_environment: str  # of the client that gets certificates; empty without one
    python_path: str | None
    python_download: str  # the version that uv installs; empty for an interpreter of the host
    config_dir: str
    config_file: str
    command: str
    unit: str
    unit_dir: str
    session: str
    tmux: list[str]
    attach: str
    variables: dict[str, str]
    shut_variables: dict[str, str]
    revision: str
    allowed_devices: list[str]  # the entries of the unit
    device_groups: list[str]
    hub_file: str  # of the control node, with the kernels of other hosts; empty without them
    hub_keys_file: str  # with the keys of hubs that start kernels here; empty without one


class Aim(TypedDict):
    """The wish of a run beyond the plan, about environments (:mod:`_environment.environments`)."""

    do: str
    stamp: str
    instances: list[str]
    environments: dict[str, str]
    same: list[str]


class FirewallOptions(TypedDict):
    provider: str
    enable: bool


class TunnelOptions(TypedDict):
    accounts: list[dict[str, Any]]
    config_file: NotRequired[str]
    override: NotRequired[bool]


class Plan(TypedDict):
    """The decision of the inventory for one host (:func:`_plan.plan.resolve`)."""

    host: str
    scope: Scope
    keep_notebooks: bool
    keep_environments: int
    timeout: int  # seconds; 0 where the host decides
    shadows: str
    absent: list[str]  # instances to remove
    prune: bool  # whether instances that the inventory does not name are removed as well
    verb: str  # of plan.VERBS; empty for the main job
    replace_existing: bool
    prefix: str  # a leading "~" is the home of the account that Ansible works as
    config_dir: str
    instances: list[Instance]
    certificates: list[dict[str, Any]]  # entries of pki_certificates
    firewall_rules: list[dict[str, Any]]  # openings, as the role firewall takes them
    local_ports: dict[str, int]  # the near port of each server, by its port
    tunnel_forwards: dict[str, list[Any]]  # the targets of each account that can only forward
    # Added by the action jupyter_plan
    contact: NotRequired[Contact]
    route: NotRequired[Route]
    guessed: NotRequired[list[str]]  # the addresses of a host of which the inventory names none
    # Added by the action jupyter_state
    firewall: NotRequired[FirewallOptions]
    tunnel: NotRequired[TunnelOptions]
    aim: NotRequired[Aim]
    hub_files: NotRequired[dict[str, dict[str, str]]]  # of each instance (:func:`_kernels.store.files`)
    today: NotRequired[str]


class Fields(TypedDict, total=False):
    """The keys of a resource that depend on its kind."""

    path: str
    mode: str | None
    owner: str
    group: str
    shared: bool
    keep: bool
    alone: bool
    ours: bool
    due: bool
    origin: str
    backup: str
    mover: str
    account: str
    user: str
    home: str
    comment: str
    manager: str
    environment: str
    restart: str
    port: int
    tmux: list[str]
    place: str
    # Content of a file: one of template, source and control
    template: str
    source: str
    control: str | None
    digest: str | None
    secret: bool
    live: bool  # a new content needs no restart
    checked: bool
    stamped: bool  # holds the revision of the server
    runs: bool
    spec: dict[str, Any]
    order: str  # of a certificate that the host gets and renews by itself
    jails: list[dict[str, Any]]
    target: str | None
    # An environment
    python: str | None
    download: str
    renew: bool
    packages: list[str]
    slot: str
    lock: str
    wheelhouse: dict[str, Any]
    before: str
    instead_of: str


class Keywords(Fields, total=False):
    """The arguments by which a resource is described."""

    instance: str


class Owned(TypedDict, total=False):
    """The arguments that several files of one instance share."""

    instance: str
    owner: str
    group: str


class Conflict(TypedDict):
    """A conflicting configuration file that is moved aside."""

    origin: str
    mover: str  # the account that renames it, empty for Ansible's own
    account: str  # whose it is, empty for the host's


class Obstacle(TypedDict):
    """A file or folder in the place of a resource, moved aside."""

    origin: str
    backup: str
    due: bool


class Resource(Fields):
    """One managed object of a host, as wanted, or as an earlier run has listed it in the manifest."""

    id: str
    kind: str
    instance: str  # empty where several share it
    stage: NotRequired[str]  # of layout.STAGES; absent in the manifest


class Change(TypedDict):
    """One difference between host and plan."""

    id: str
    kind: str
    stage: str
    instance: str
    what: str
    found: Any
    wanted: Any
    text: str


class Step(TypedDict):
    """The step that a service needs (:func:`_state.services.service_steps`)."""

    id: str
    manager: str
    user: str
    instance: str
    name: str
    step: str  # restart, start or enable
    pid: int
    uid: int
    when: str  # now, idle or later
    why: str
