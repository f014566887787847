# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the user's variables to complete records, or to the list of contradictions. Pure: no I/O, no Ansible.

A *plan* (:class:`_records.Plan`) is the decision of the inventory alone for one host. An *instance* holds every key of
:data:`.options.INSTANCE_KEYS` that is no secret, resolved. :mod:`_state.compare` adds the facts of the host.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from typing import TYPE_CHECKING, Any, Callable, cast

from ...module_utils._errors import PlanError
from .._input import addresses
from . import kernels, throttle

if TYPE_CHECKING:
    from .._records import FileKey, Instance, Plan, Scope

#: Names by which this machine is reached from itself alone.
LOOPBACK = ("localhost", "127.0.0.1", "::1")
#: The bind addresses that all of them, and the network, lead to.
EVERYWHERE = ("*", "0.0.0.0", "::")  # noqa: S104

#: Files of the control node.
FILE_KEYS: tuple[FileKey, ...] = ("certificate_file", "key_file", "ca_file")
SECRET_KEYS = ("password", "password_hash", "token")

#: The account that the role makes by itself. Any other must exist already: a misspelt name is not a wish for a new
#: account.
SERVICE_ACCOUNT = "jupyter"

#: jupyter_server 2.21 is the first release with every known hole closed (GHSA-c3mw-737p-c7g2 was the last).
#: pip is for ``%pip install`` in a notebook, which lands in the account's home: the environment itself is nobody's to
#: change.
BASE_PACKAGES = ("jupyterlab>=4,<5", "jupyter_server>=2.21,<3", "ipykernel", "pip")
#: The packages of each ``interface``, the program that serves it, and the oldest Python that its packages accept in
#: their metadata.
#: ``lab`` has no ``notebook``: without it the classic pages that Juno opens answer at /tree, beside /lab.
#: ``notebook6`` is a server of its own: it reads NotebookApp names alone, and takes distutils, gone since Python 3.12,
#: from setuptools.
INTERFACES: dict[str, dict[str, Any]] = {
    "lab": {
        "packages": BASE_PACKAGES,
        "command": "jupyter-lab",
        "config": "jupyter_server_config.py",
        "python": (3, 10),
    },
    "notebook7": {
        "packages": (*BASE_PACKAGES, "notebook>=7.5,<8"),
        "command": "jupyter-notebook",
        "config": "jupyter_server_config.py",
        "python": (3, 10),
    },
    "notebook6": {
        "packages": ("notebook>=6.5.7,<7", "setuptools<81", "ipykernel", "pip"),
        "command": "jupyter-notebook",
        "config": "jupyter_notebook_config.py",
        "python": (3, 8),
    },
}
#: The packages of each client beside them. The pages of Notebook 6 are the classic ones already.
CLIENT_PACKAGES = {"browser": (), "juno": ("nbclassic>=1.3,<2",), "vscode": ()}
#: Beside these, nbclassic moves from /tree to /nbclassic/tree; ``jupyter`` is the package that brings Notebook 7 along.
NOTEBOOK_7 = {"notebook", "jupyter"}

#: Settings the plan answers for, and the key that changes each. Written twice they would contradict each other.
PLANNED_SETTINGS = {
    "ServerApp.ip": "access or bind_address",
    "ServerApp.port": "port",
    "ServerApp.port_retries": "port",
    "ServerApp.base_url": "base_url",
    "ServerApp.root_dir": "root_dir",
    "ServerApp.certfile": "tls",
    "ServerApp.keyfile": "tls",
    "ServerApp.password": "password",
    "ServerApp.token": "token",
    "IdentityProvider.token": "token",
    "IdentityProvider.hashed_password": "password",
    "PasswordIdentityProvider.hashed_password": "password",
    "PasswordIdentityProvider.password_required": "password",
    "PasswordIdentityProvider.token": "token",
    "NotebookApp.ip": "access or bind_address",
    "NotebookApp.port": "port",
    "NotebookApp.port_retries": "port",
    "NotebookApp.base_url": "base_url",
    "NotebookApp.notebook_dir": "root_dir",
    "NotebookApp.certfile": "tls",
    "NotebookApp.keyfile": "tls",
    "NotebookApp.password": "password",
    "NotebookApp.password_required": "password",
    "NotebookApp.token": "token",
}
#: Sections that jupyter_server brought; Notebook 6 skips them without a word, and anybody who wrote them believes they
#: hold.
SERVER_SECTIONS = ("ServerApp", "IdentityProvider", "PasswordIdentityProvider", "ZMQChannelsWebsocketConnection")

#: The tasks of a run besides the main job. Those that change a host work on existing servers, and on
#: nothing but their subject.
DAY2 = ("rotate_password", "upgrade", "rollback", "renew")
VERBS = (*DAY2, "backup", "report", "uninstall")

NAME = re.compile(r"[a-z0-9]([a-z0-9_-]{0,30}[a-z0-9])?")
#: Of an account that is created here.
_ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
#: Of one that is there: a directory service has Ann, ann.smith, ann@example.org, EXAMPLE\\ann. Whether there is one,
#: the host says.
_EXISTING = re.compile(r"(?!\d+\Z)[\w][\w.@+\\-]{0,254}\$?")
_MEMORY = re.compile(r"[0-9]+[KMGT]?|[0-9]+%|infinity")
_QUOTA = re.compile(r"[0-9]+%")
_TASKS = re.compile(r"[0-9]+%?|infinity")
#: A host's name in the inventory: part of file names and of certificates' names
HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]*")
_TRAIT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _address_or_none(text: str) -> str | None:
    """``text`` as certificates and URLs carry it; ``None`` where it is neither an IP address nor a DNS name."""
    try:
        return None if text.startswith("*") else addresses.address(text)
    except ValueError:
        return None


def default_addresses(host: str, inventory_name: str, own: list[str]) -> list[str]:
    """Return the names by which clients reach a host, best first, where the user names none.

    :param host: the address that Ansible connects to. :param inventory_name: the inventory's name of it.
    :param own: for the very machine Ansible works on, its address and name: the inventory's name may be known to
        nobody else.
    """
    named = [*own, inventory_name] if own else [host, inventory_name]
    found = [name for text in named for name in [_address_or_none(text)] if name]
    return [name for name in dict.fromkeys(found) if not (own and name in LOOPBACK)]


def unknown_key(key: str, known: tuple[str, ...]) -> str:
    """Say that ``key`` is unknown, and which one was probably meant."""
    near = difflib.get_close_matches(key, known, n=1)
    return f"there is no key '{key}'" + (f"; did you mean '{near[0]}'?" if near else f". Known: {', '.join(known)}.")


def resolve(
    host: str,
    scope: Scope,
    defaults: dict[str, Any],
    instances: list[dict[str, Any]],
    *,
    keep_notebooks: bool = True,
    keep_environments: int = 1,
    timeout: int = 0,
    shadows: str = "report",
    prune: bool = False,
    verb: str = "",
    replace_existing: bool = False,
) -> Plan:
    """Resolve the instances of one host.

    :param host: the host's name in the inventory.
    :param scope: ``system`` (root installs, a service account runs) or ``user`` (no root anywhere).
    :param defaults: the host-wide value of each key of an instance, the prefix ``jupyter_`` left off.
    :param instances: the value of ``jupyter_instances``, types already converted.
    :raises PlanError: with every contradiction found, one a line, each naming the instance, the key and the cure.
    """
    problems: list[str] = []
    resolved = [_instance(defaults, given, scope, problems) for given in instances]
    problems += _conflicts(resolved)
    if not HOST.fullmatch(host):
        problems.append(
            f"host '{host}': its name in the inventory goes into the names of files and certificates. "
            "Use letters from a to z, digits, '.', '-' and '_' there, and write the address as ansible_host."
        )
    if keep_environments < 0:
        problems.append("jupyter_keep_environments: say how many, 0 or more. 0 leaves nothing to roll back to.")
    if not 0 <= timeout <= 3600:
        problems.append(
            f"jupyter_timeout: {timeout} seconds cannot be waited. Say 1 to 3600, or 0 for what suits the host."
        )
    if problems:
        raise PlanError("\n".join(problems))
    present = [instance for instance in resolved if instance["state"] == "present"]
    absent = [instance["name"] for instance in resolved if instance["state"] == "absent"]
    return {
        "host": host,
        "scope": scope,
        "keep_notebooks": keep_notebooks,
        "keep_environments": keep_environments,
        "timeout": timeout,
        "shadows": shadows,
        "absent": absent,
        "prune": prune,
        "verb": verb,
        "replace_existing": replace_existing,
        "prefix": "/opt/remote-notebooks" if scope == "system" else "~/.local/share/remote-notebooks",
        "config_dir": "/etc/remote-notebooks" if scope == "system" else "~/.config/remote-notebooks",
        "instances": present,
        "certificates": [_certificate(host, item) for item in present if item["tls"] != "none"],
        "firewall_rules": [
            {"port": item["port"], "protocol": "tcp", "sources": item["allowed_sources"], "state": "present"}
            for item in present
            if item["access"] != "tunnel"
        ],
        "tunnel_forwards": _tunnel_forwards(present),
    }


def _tunnel_forwards(present: list[Instance]) -> dict[str, list[Any]]:
    """Return the targets of each tunnel account; a bare port is the host's loopback (see the role ``tunnel``)."""
    forwards: dict[str, list[Any]] = {}
    for item in present:
        for name in item["tunnel_accounts"]:
            forwards.setdefault(name, []).append(item["port"])
    return forwards


def _all_addresses(given: list[Any], wrong: Callable[[str, str], None]) -> list[str]:
    """The addresses in the form that certificates and URLs carry, each once."""
    found: list[str] = []
    for text in given:
        try:
            name = addresses.address(text)
        except ValueError as error:
            wrong("addresses", f"'{text}' is neither a DNS name nor an IP address that clients can type: {error}.")
            continue
        if name.startswith("*"):
            wrong("addresses", f"'{text}' is a pattern. Write the name that clients type.")
        found.append(name)
    return list(dict.fromkeys(found))


def _instance(defaults: dict[str, Any], given: dict[str, Any], scope: str, problems: list[str]) -> Instance:
    """Complete one instance. Append its faults to ``problems``."""
    label = f"instance '{given.get('name', '?')}'"

    def wrong(key: str, text: str) -> None:
        problems.append(f"{label}: {key}: {text}")

    known = ("name", *defaults)
    for key in given:
        if key not in known:
            wrong(key, unknown_key(key, known))
    options = {**defaults, **{key: value for key, value in given.items() if key in known}}
    # The specification of the role has checked the type of each option.
    instance = cast("Instance", {key: value for key, value in options.items() if key not in SECRET_KEYS})

    if not NAME.fullmatch(str(instance.get("name", ""))):
        wrong(
            "name",
            "give each instance a short name of lower-case letters, digits, '-' and '_' (32 at most), for example"
            " 'lab'.",
        )
    if not 1 <= instance["port"] <= 65535:
        wrong("port", f"{instance['port']} is no TCP port. Choose one from 1024 to 65535.")
    elif instance["port"] < 1024:
        wrong(
            "port",
            f"{instance['port']} is reserved for root, and Jupyter never runs as root. Choose one from 1024 to 65535.",
        )
    instance["addresses"] = _all_addresses(instance["addresses"], wrong)
    _sources(instance, wrong)
    _access(instance, wrong)
    _account(instance, scope, wrong)
    _tunnel_accounts(instance, "tunnel_accounts" in given, scope, wrong)
    try:
        instance["login_throttle"] = throttle.settle(instance, "login_throttle" in given, scope)
    except PlanError as error:
        wrong("login_throttle", str(error))
    _limits(instance, wrong)
    _settings(instance, wrong)

    base = "/".join(part for part in instance["base_url"].split("/") if part)
    if not re.fullmatch(r"[A-Za-z0-9._~/-]*", base):
        wrong(
            "base_url",
            f"'{instance['base_url']}' holds characters that need quoting in a URL. Use letters, digits, '-', '_', '.',"
            " '~' and '/'.",
        )
    instance["base_url"] = f"/{base}/" if base else "/"
    instance["scheme"] = "http" if instance["tls"] == "none" else "https"
    near = loopback(instance["bind_address"])
    instance["local_url"] = (
        f"{instance['scheme']}://{f'[{near}]' if ':' in near else near}:{instance['port']}{instance['base_url']}"
    )
    instance["packages"], instance["classic"] = _packages(instance)
    instance["kernels"] = kernels.complete(
        options["kernels"],
        instance["python"],
        lambda text: wrong("kernels", text),
        lambda key: unknown_key(key, kernels.KEYS),
    )
    # A file that is carried to a host has to be known by name beforehand.
    instance["lock"] = instance["lock"] or instance["wheelhouse"]
    instance["has_token"] = bool(options["token"])
    return instance


def loopback(bind: str) -> str:
    """Return the address by which the host itself reaches a server that listens on ``bind``."""
    return {"*": "127.0.0.1", "0.0.0.0": "127.0.0.1", "localhost": "127.0.0.1", "::": "::1"}.get(bind, bind)  # noqa: S104


def _certificate(host: str, instance: Instance) -> dict[str, Any]:
    """Return the certificates for the role ``pki``."""
    entry: dict[str, Any] = {"name": f"{host}/{instance['name']}", "addresses": list(instance["addresses"])}
    if instance["tls"] == "provided":
        given = {key: instance[key] for key in FILE_KEYS}
        files: dict[str, Any] = {key: path for key, path in given.items() if path}
        return {**entry, "source": "provided", **files}
    if instance["access"] != "direct":
        # Through a tunnel, a client finds the server under its own localhost.
        entry["addresses"] = list(dict.fromkeys([*entry["addresses"], *LOOPBACK]))
    if instance["tls"] == "self_signed":
        # The file with the certificate holds its key as well. The file for people's devices must not.
        return {**entry, "source": "self_signed", "exports": ["chain"]}
    return entry


def _packages(instance: Instance) -> tuple[list[str], str]:
    """Return the packages of the environment, and the path of the classic pages below the base URL, empty if
    there are none."""
    needed = {*INTERFACES[instance["interface"]]["packages"], *instance["packages"]}
    if instance["interface"] == "notebook6":
        return sorted(needed), "tree"
    needed.update(package for client in instance["clients"] for package in CLIENT_PACKAGES[client])
    names = {re.split(r"[^A-Za-z0-9._-]", package, maxsplit=1)[0].lower() for package in needed}
    classic = "nbclassic/tree" if names & NOTEBOOK_7 else "tree"
    return sorted(needed), classic if "nbclassic" in names else ""


def _sources(instance: Instance, wrong: Any) -> None:
    for source in instance["allowed_sources"]:
        try:
            ipaddress.ip_network(source)
        except ValueError as error:
            wrong(
                "allowed_sources",
                f"'{source}' is not a network ({error}). Write CIDR, for example 192.0.2.0/24 or 2001:db8::/32.",
            )


def _access(instance: Instance, wrong: Any) -> None:
    """Settle ``tls`` and ``bind_address`` from ``access``. Refuse settings that would send a password over a network in
    clear."""
    loopback = instance["access"] == "tunnel"
    if instance["tls"] == "auto":
        given = "provided" if instance["certificate_file"] else "private_ca"
        instance["tls"] = "none" if loopback or instance["plain_http"] else given
    if instance["tls"] == "provided":
        if not instance["certificate_file"]:
            wrong(
                "certificate_file",
                "tls 'provided' needs it: the certificate on the control node, in PEM, with its chain behind it.",
            )
        if loopback:
            wrong(
                "tls",
                "'provided' with access 'tunnel': clients come to localhost, which no such certificate names. Leave tls"
                " out: SSH encrypts.",
            )
    elif instance["certificate_file"] and instance["tls"] in ("private_ca", "self_signed"):
        wrong(
            "certificate_file",
            f"contradicts tls '{instance['tls']}'. Say tls: provided, or leave certificate_file out.",
        )
    if not loopback and instance["tls"] == "none":
        if not instance["plain_http"]:
            wrong(
                "tls",
                f"'none' with access '{instance['access']}' would send the password over the network in clear. "
                "Leave tls out, or say access: tunnel, or, on a network you trust, plain_http: true.",
            )
        elif not instance["allowed_sources"] or not all(_is_private(source) for source in instance["allowed_sources"]):
            wrong(
                "plain_http",
                "needs allowed_sources with nothing but private networks, for example 192.168.1.0/24: everyone on the"
                " way reads the password.",
            )
    if instance["plain_http"] and instance["tls"] != "none":
        wrong("plain_http", f"contradicts tls '{instance['tls']}'. Leave one of the two out.")
    if not instance["bind_address"]:
        # Both loopbacks: sshd's localhost is often ::1 first, and another account that listened there would be sent
        # data that comes through the tunnel.
        instance["bind_address"] = "localhost" if loopback else "*"
    elif loopback and instance["bind_address"] not in LOOPBACK:
        wrong(
            "bind_address",
            f"'{instance['bind_address']}' is not the loopback, and access 'tunnel' listens nowhere else. Say access:"
            " direct, or leave it out.",
        )
    elif not loopback:
        _listener(instance, wrong)
    if not loopback and not instance["addresses"]:
        wrong("addresses", "access from the network needs at least one name or IP address that clients use.")


def _listener(instance: Instance, wrong: Any) -> None:
    """Refuse a ``bind_address`` on which clients from the network, or from a tunnel as well, find nobody."""
    access, bind = instance["access"], instance["bind_address"]
    try:
        near = bind in LOOPBACK or (bind != "*" and ipaddress.ip_address(bind).is_loopback)
    except ValueError:
        wrong("bind_address", f"'{bind}' is no IP address of this host. Write one, or '*' for all.")
        return
    if near:
        wrong(
            "bind_address",
            f"'{bind}' is the loopback, which no network reaches, with access '{access}'. Say access: tunnel, or leave"
            " it out.",
        )
    elif access == "both" and bind not in EVERYWHERE:
        wrong(
            "bind_address", f"'{bind}' with access 'both': a tunnel ends at the loopback. Say '*', or access: direct."
        )


def _is_private(source: str) -> bool:
    try:
        return ipaddress.ip_network(source).is_private
    except ValueError:
        return True  # _sources has refused it already


def _account(instance: Instance, scope: str, wrong: Any) -> None:
    if scope == "user":
        if instance["user"] != SERVICE_ACCOUNT:
            wrong(
                "user",
                f"with scope 'user' the server runs as the account Ansible logs in as. Leave user: {instance['user']}"
                " out.",
            )
        if instance["service_manager"] == "systemd":
            wrong("service_manager", "'systemd' needs root, and scope 'user' has none. Use systemd_user, tmux or auto.")
        instance["user"] = ""
    else:
        if instance["user"] == "root":
            wrong(
                "user",
                "Jupyter never runs as root: whoever has the password would own the machine. Leave user out, or name an"
                " ordinary account.",
            )
        elif not _EXISTING.fullmatch(instance["user"]):
            wrong("user", f"'{instance['user']}' cannot be the name of an account.")
        elif instance["create_user"] and not _ACCOUNT.fullmatch(instance["user"]):
            wrong(
                "user",
                f"'{instance['user']}' is no name for a new account: lower-case letters, digits, '-' and '_', 32 at"
                " most. Choose another, or make the account yourself and leave create_user out.",
            )
        if instance["service_manager"] == "systemd_user":
            wrong(
                "service_manager",
                "'systemd_user' belongs to scope 'user'. Use systemd, tmux or auto, or set jupyter_scope: user.",
            )
    if instance["root_dir"] and not instance["root_dir"].startswith(("/", "~/")):
        wrong(
            "root_dir", f"'{instance['root_dir']}' is relative. Write a path from '/' or from '~/', the account's home."
        )
    if any(ord(character) < 32 or ord(character) == 127 for character in instance["root_dir"]):
        wrong(
            "root_dir",
            f"{instance['root_dir']!r} holds a character that no line of a file can hold. Rename the folder.",
        )
    if instance["hardening"] == "strict" and {"'", '"'} & {*instance["root_dir"]}:
        # systemd 256 and 257 hand a path of BindPaths= on to themselves without quoting it.
        wrong(
            "root_dir",
            f"systemd cannot show {instance['root_dir']} in a sandbox. Rename the folder without quotes, or say"
            " hardening: standard.",
        )


def _tunnel_accounts(instance: Instance, own: bool, scope: str, wrong: Any) -> None:
    """Accounts that may forward to this server: root makes them, and where nobody comes through SSH nobody needs
    them."""
    names = instance["tunnel_accounts"]
    if instance["access"] == "direct":
        if names and own:
            wrong("tunnel_accounts", "access 'direct' leads past SSH. Say access: both, or leave tunnel_accounts out.")
        instance["tunnel_accounts"] = []
    elif names and scope == "user":
        wrong(
            "tunnel_accounts",
            "only root can make an account, and scope 'user' has none. Leave it out, or set jupyter_scope: system.",
        )
    for name in names:
        if not _ACCOUNT.fullmatch(name) or name in ("root", instance["user"]):
            wrong("tunnel_accounts", f"'{name}' cannot be an account for tunnels alone. Choose a name such as 'ipad'.")


def _limits(instance: Instance, wrong: Any) -> None:
    if instance["memory_max"] and not _MEMORY.fullmatch(instance["memory_max"]):
        wrong(
            "memory_max",
            f"'{instance['memory_max']}' is no size. Write for example 4G or 50% (systemd.resource-control(5)).",
        )
    if instance["cpu_quota"] and not _QUOTA.fullmatch(instance["cpu_quota"]):
        wrong(
            "cpu_quota",
            f"'{instance['cpu_quota']}' is no quota. Write for example 200% for two cores"
            " (systemd.resource-control(5)).",
        )
    if instance["tasks_max"] and not _TASKS.fullmatch(instance["tasks_max"]):
        wrong(
            "tasks_max",
            f"'{instance['tasks_max']}' is no number of tasks. Write for example 500 or 10%"
            " (systemd.resource-control(5)).",
        )


def _settings(instance: Instance, wrong: Any) -> None:
    for section, traits in instance["settings"].items():
        if not isinstance(traits, dict) or not all(_TRAIT.fullmatch(str(name)) for name in (section, *traits)):
            wrong(
                "settings",
                f"'{section}' is not a class with its traits. Write for example settings: {{ServerApp: {{max_body_size:"
                " 1073741824}}.",
            )
            continue
        if instance["interface"] == "notebook6" and section in SERVER_SECTIONS:
            wrong(
                "settings",
                f"Notebook 6 knows no {section} and would skip it. Use the name of its time, most often NotebookApp.",
            )
        for trait in traits:
            if f"{section}.{trait}" in PLANNED_SETTINGS:
                wrong(
                    "settings",
                    f"{section}.{trait} is decided by {PLANNED_SETTINGS[f'{section}.{trait}']}. Set that instead.",
                )


def _conflicts(instances: list[Instance]) -> list[str]:
    """Name the values that two instances of one host cannot share."""
    problems = []
    for key in ("name", "port"):
        seen: dict[Any, str] = {}
        for instance in instances:
            if key == "port" and instance["state"] == "absent":
                continue
            value = instance.get(key, "")
            if value in seen:
                problems.append(
                    f"instance '{instance['name']}': {key}: {value} is taken by instance '{seen[value]}' already. Give"
                    " each its own."
                )
            seen.setdefault(value, instance.get("name", "?"))
    return problems
