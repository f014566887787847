# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the user's variables to complete records, or to the list of contradictions. Pure: no I/O, no Ansible.

A *plan* (:class:`_records.Plan`) is the decision of the inventory alone for one host. An *instance* holds every key of
:data:`.options.INSTANCE_KEYS` that is no secret, resolved. :mod:`_state.compare` adds the facts of the host.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from ...module_utils._errors import PlanError
from .._acme import options as acme
from .._jupyter import kernels, throttle
from .access import LOOPBACK, all_addresses, check_sources, loopback, settle_access, settle_public_url
from .account import settle_account, settle_data_dirs, settle_tunnel_accounts
from .downloads import check_downloads
from .interfaces import packages_of, settle_durable
from .near_ports import settle_near_ports
from .remote_kernels import settle_remote_kernels
from .settings import check_settings

if TYPE_CHECKING:
    from .._records import FileKey, Instance, IssuedKey, Plan, Scope


#: Only root, or a program with CAP_NET_BIND_SERVICE, listens below it: capabilities(7), ip_unprivileged_port_start in
#: ip(7).
PRIVILEGED = 1024
#: The traits of a certificate that is issued here, and their defaults. The role pki has the same.
ISSUED: dict[IssuedKey, Any] = {"certificate_days": 397, "certificate_key_type": "ecdsa_p256"}
#: Files of the control node.
PROVIDED_KEYS: tuple[FileKey, ...] = ("certificate_file", "key_file", "ca_file")
FILE_KEYS: tuple[FileKey, ...] = (*PROVIDED_KEYS, "acme_dns_key_file", "acme_eab_file", "acme_ca_file")
SECRET_KEYS = ("password", "password_hash", "token")

#: The tasks of a run besides the main job. Those that change a host work on existing servers, and on
#: nothing but their subject.
DAY2 = ("rotate_password", "upgrade", "rollback", "renew")
VERBS = (*DAY2, "backup", "report", "uninstall")

NAME = re.compile(r"[a-z0-9]([a-z0-9_-]{0,30}[a-z0-9])?")
_MEMORY = re.compile(r"[0-9]+[KMGT]?|[0-9]+%|infinity")
_QUOTA = re.compile(r"[0-9]+%")
_TASKS = re.compile(r"[0-9]+%?|infinity")
#: A host's name in the inventory: part of file names and of certificates' names
HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]*")
#: The folder with the pages of people, beside those of the hosts.
PEOPLE = "people"


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
    hosts: Sequence[str] = (),
) -> Plan:
    """Resolve the instances of one host.

    :param host: the host's name in the inventory.
    :param scope: ``system`` (root installs, a service account runs) or ``user`` (no root anywhere).
    :param defaults: the host-wide value of each key of an instance, the prefix ``jupyter_`` left off.
    :param instances: the value of ``jupyter_instances``, types already converted.
    :param hosts: the names of all hosts of the inventory.
    :raises PlanError: with every contradiction found, one a line, each naming the instance, the key and the cure.
    """
    problems: list[str] = []
    resolved = [_instance(host, defaults, given, scope, problems) for given in instances]
    problems += _conflicts(resolved)
    if not HOST.fullmatch(host):
        problems.append(
            f"host '{host}': its name in the inventory goes into the names of files and certificates. "
            "Use letters from a to z, digits, '.', '-' and '_' there, and write the address as ansible_host."
        )
    if host == PEOPLE:
        problems.append(
            f"host '{host}': the folder of that name beside the hand-off pages of the hosts holds the pages of people."
            " Give the host another name in the inventory."
        )
    # An instance with access 'direct' does without. A host whose instances all do would obey nothing of it.
    if defaults.get("tunnel_accounts") and resolved and not any(item["by_ssh"] for item in resolved):
        problems.append(
            "jupyter_tunnel_accounts: every instance of this host has an access that leads past SSH. Set"
            " jupyter_access: both, or jupyter_tunnel_accounts: [] for this host."
        )
    if defaults.get("public_url") and resolved and all(item["access"] != "proxied" for item in resolved):
        problems.append(
            "jupyter_public_url: no instance of this host has access 'proxied'. Set jupyter_access: proxied, or leave"
            " it out."
        )
    problems += _unused_acme(defaults, resolved)
    for key, usual in ISSUED.items():
        issued = [item for item in resolved if _obeys(key, item["tls"])]
        if resolved and not issued and defaults.get(key, usual) != usual:
            problems.append(
                f"jupyter_{key}: no instance of this host has a certificate that is issued here. Leave it out, or set"
                " jupyter_tls: private_ca."
            )
    if keep_environments < 0:
        problems.append("jupyter_keep_environments: say how many, 0 or more. 0 leaves nothing to roll back to.")
    if not 0 <= timeout <= 3600:
        problems.append(
            f"jupyter_timeout: {timeout} seconds cannot be waited. Say 1 to 3600, or 0 for what suits the host."
        )
    present = [instance for instance in resolved if instance["state"] == "present"]
    # Names and ports have to be good before others are derived from them.
    problems += [] if problems else settle_near_ports(host, present, [*hosts])
    if problems:
        raise PlanError("\n".join(problems))
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
        "certificates": [_certificate(host, item) for item in present if item["tls"] not in ("none", "acme")],
        "firewall_rules": [
            {"port": item["port"], "protocol": "tcp", "sources": item["allowed_sources"], "state": "present"}
            for item in present
            if item["networked"]
        ],
        "tunnel_forwards": _tunnel_forwards(present),
        "local_ports": {str(item["port"]): item["local_port"] for item in present},
    }


def _obeys(key: IssuedKey, tls: str) -> bool:
    """Tell whether certificates of a kind have a trait that the inventory says. An authority decides for how long
    its certificates are valid."""
    return tls in ("private_ca", "self_signed") or (tls == "acme" and key == "certificate_key_type")


def _unused_acme(defaults: dict[str, Any], resolved: list[Instance]) -> list[str]:
    """Refuse options of ACME that no instance of the host obeys."""
    if not resolved or any(item["tls"] == "acme" for item in resolved):
        return []
    return [
        f"jupyter_{key}: no instance of this host has tls 'acme'. Set jupyter_tls: acme, or leave it out."
        for key in acme.KEYS
        if defaults.get(key) and key not in ("acme_directory", "acme_challenge", "acme_email")
    ]


def _tunnel_forwards(present: list[Instance]) -> dict[str, list[Any]]:
    """Return the targets of each tunnel account; a bare port is the host's loopback (see the role ``tunnel``)."""
    forwards: dict[str, list[Any]] = {}
    for item in present:
        for name in item["tunnel_accounts"]:
            forwards.setdefault(name, []).append(item["port"])
    return forwards


def _instance(host: str, defaults: dict[str, Any], given: dict[str, Any], scope: str, problems: list[str]) -> Instance:
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
    _port(instance, scope, wrong)
    instance["addresses"] = all_addresses(instance["addresses"], wrong)
    check_sources(instance, wrong)
    settle_access(instance, wrong)
    settle_public_url(instance, "public_url" in given, wrong)
    acme.settle(instance, given, scope, wrong)
    for key in ISSUED:
        if key in given and not _obeys(key, instance["tls"]):
            wrong(key, f"is for a certificate that is issued here, and tls is '{instance['tls']}'. Leave it out.")
    settle_account(instance, scope, wrong)
    settle_data_dirs(instance, wrong)
    settle_tunnel_accounts(instance, "tunnel_accounts" in given, scope, wrong)
    instance["counts_logins"] = instance["access"] == "proxied" and instance["login_throttle"] is not False
    try:
        instance["login_throttle"] = throttle.settle(instance, "login_throttle" in given, scope)
    except PlanError as error:
        wrong("login_throttle", str(error))
    settle_durable(instance, "durable" in given, wrong)
    settle_remote_kernels(host, instance, HOST.fullmatch, wrong)
    _limits(instance, wrong)
    _devices(instance, wrong)
    check_downloads(instance, wrong)
    check_settings(instance, wrong)

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
    instance["packages"], instance["classic"] = packages_of(instance)
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


def _port(instance: Instance, scope: str, wrong: Any) -> None:
    """Refuse a port that the server cannot have. systemd gives one below 1024 to a service without root."""
    port = instance["port"]
    if not 1 <= port <= 65535:
        wrong("port", f"{port} is no TCP port. Choose one from 1 to 65535.")
    elif port < PRIVILEGED and scope == "user":
        wrong("port", f"{port} is reserved for root, and scope 'user' has none. Choose one from 1024 to 65535.")
    elif port < PRIVILEGED and instance["service_manager"] == "tmux":
        wrong(
            "port",
            f"{port} is reserved for root. systemd can give it to a server, but in tmux each window would have that"
            " right. Leave service_manager out, or choose a port from 1024 to 65535.",
        )


def _certificate(host: str, instance: Instance) -> dict[str, Any]:
    """Return the certificates for the role ``pki``."""
    entry: dict[str, Any] = {"name": f"{host}/{instance['name']}", "addresses": list(instance["addresses"])}
    if instance["tls"] == "provided":
        given = {key: instance[key] for key in PROVIDED_KEYS}
        files: dict[str, Any] = {key: path for key, path in given.items() if path}
        return {**entry, "source": "provided", **files}
    entry.update(days=instance["certificate_days"], key_type=instance["certificate_key_type"])
    if instance["by_ssh"]:
        # Through a tunnel, a client finds the server under its own localhost.
        entry["addresses"] = list(dict.fromkeys([*entry["addresses"], *LOOPBACK]))
    if instance["tls"] == "self_signed":
        # The file with the certificate holds its key as well. The file for people's devices must not.
        return {**entry, "source": "self_signed", "exports": ["chain"]}
    return entry


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


def _devices(instance: Instance, wrong: Any) -> None:
    """Settle ``devices``: YAML reads yes, on and true alike, and a command line gives a text."""
    said = str(instance["devices"]).lower()
    known = {"auto": "auto", **dict.fromkeys(("true", "yes"), "all"), **dict.fromkeys(("false", "no"), "none")}
    if said not in known:
        wrong("devices", f"'{instance['devices']}' is neither auto, true nor false.")
    instance["devices"] = known.get(said, "none")


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
