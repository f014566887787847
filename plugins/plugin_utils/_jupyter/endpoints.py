# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How clients reach each server: one record, behind the check from the client's side and the hand-off alike. Pure.

``contact`` is how Ansible itself reaches the host, from the inventory::

    {"connection": "ssh" | "local" | ..., "host": str, "port": int | None, "user": str | None,
     "private_key_file": str | None, "ssh_args": [str, ...]}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...module_utils._check.address import DEFAULT_PORTS
from ...module_utils._tunnel import names
from .._pki import paths
from .._plan.account import SERVICE_ACCOUNT
from .._plan.plan import HOST
from .._remote.route import ssh_command

if TYPE_CHECKING:
    from .._records import HostInstance, Instance, Plan


#: Certificates of another authority. None of them names localhost.
FOREIGN = ("provided", "acme")
#: The certificate of a proxy is not of ours.
PROXY_TLS = {"https": "provided", "http": "none"}


def servers(
    plan: Plan, instances: list[HostInstance], credentials: dict[str, Any], pki: dict[str, Any]
) -> list[dict[str, Any]]:
    """Return for each instance the hand-off record (see the module ``jupyter_handoff``) and, under ``checks``, how the
    control node tries it.

    :param pki: the result of the ``pki`` role: ``authority`` and ``certificates``; empty where no certificate is in
        use.
    """
    return [_server(plan, instance, credentials.get(instance["name"], {}), pki) for instance in instances]


def connect(servers: list[dict[str, Any]], instances: list[HostInstance], pages: str, ssh_config: str) -> list[str]:
    """Return the lines that say where to connect, at the end of a run. A command has a line of its own.

    :param pages: the folder of the hand-off. :param ssh_config: the file of the accounts that can only forward; empty
        where there are none.
    """
    lines = []
    for server in servers:
        ssh, page = server["ssh"], f"{pages}/{server['host']}/{server['instance']}.html"
        lines.append(f"{server['instance']} on {server['host']}: {server['url']}")
        lines += [f"    or {url}" for url in server["urls"][1:]]
        if "alias" in ssh:
            logins = [ssh, *ssh["others"]]
            for each in logins:
                lines += [
                    f"as {each['user']}, which can forward and do nothing else:",
                    f"    ssh -F {ssh_config} -N {each['alias']}",
                ]
        elif server["access"] != "direct":
            lines += ["from another machine first:", f"    {ssh_command(ssh)}"]
        if server["tls"]["ca_file"]:
            lines.append(f"trust once on each device: {server['tls']['ca_file']}")
        if server["password_file"]:
            lines.append(f"password: in {server['password_file']}")
        lines.append(f"the page to hand over: {page}")
    for instance in instances:
        if instance["attach"]:
            lines += [
                f"{instance['name']} runs in tmux. To see it on the host, and leave with Ctrl-b, then d:",
                f"    {instance['attach']}",
            ]
    return lines


def targets(plan: Plan, instance: Instance, ca_file: str | None, credential: dict[str, Any]) -> list[dict[str, Any]]:
    """Return every way to an instance, the one of the hand-off first, with the data that the control node needs for
    using it.

    :param ca_file: the authorities that clients trust. None for the system's own list.
    :param credential: ``password_file`` of a generated password, ``given``: "password" or "token" of the inventory. No
        secret. A login takes one: a server with a token has a generated password all the same, and people type
        it.
    """
    generated = credential.get("password_file")
    known = {
        "ca_file": ca_file,
        "password_file": generated,
        "given": "" if generated else credential.get("given", ""),
        "classic": instance["classic"],
        "durable": instance["durable"],
    }
    found = [{"host": plan["host"], "instance": instance["name"], **way, **known} for way in ways(plan, instance)]
    # Which way leads to the hub makes no difference to the kernels behind it.
    found[0]["kernels"] = [each["name"] for each in instance["remote_kernels"]]
    return found


def ways(plan: Plan, instance: Instance) -> list[dict[str, Any]]:
    """Return every way by which clients come to an instance, and how the control node goes it; the first is the one it
    is handed over by.

    ``{"way": "network" | "tunnel" | "loopback" | "proxy", "url": str, "possible": bool, "tunnel": dict | None}``:
    ``url`` is the address that a client types, ``tunnel`` is the option of the module ``connection_check``;
    ``possible`` is false where only the host's own loopback leads there.
    """
    contact, found = plan["contact"], []
    if instance["access"] == "proxied":
        # A notebook with pictures has some megabytes.
        way = {"way": "proxy", "url": instance["public_url"], "possible": True, "tunnel": None}
        return [{**way, "upload": 5_000_000}]
    if instance["networked"]:
        found.append(
            {"way": "network", "url": _url(instance, instance["addresses"][0]), "possible": True, "tunnel": None}
        )
    if instance["by_ssh"] and contact["connection"] == "local":
        found.append({"way": "loopback", "url": instance["local_url"], "possible": True, "tunnel": None})
    elif instance["by_ssh"]:
        ssh = {
            "host": contact["host"],
            "port": contact["port"],
            "user": contact["user"],
            "private_key_file": contact["private_key_file"],
            "ssh_args": contact["ssh_args"],
            "remote_port": instance["port"],
        }
        # The way of an account that can forward and do nothing else is the one that has to work; nobody is there to
        # type a passphrase.
        account = next((each for each in _accounts(plan, instance) if each.get("locked") is False), None)
        if account:
            ssh.update(user=account["name"], private_key_file=account["identity_file"])
        possible = contact["connection"] in ("ssh", "ansible.builtin.ssh", "smart")
        tunnel = {key: value for key, value in ssh.items() if value}
        near = _url(instance, "localhost", instance["local_port"])
        found.append({"way": "tunnel", "url": near, "possible": possible, "tunnel": tunnel})
    return found


def authority_file(host: str, instance: Instance, pki_directory: str) -> str | None:
    """Return the file of the control node with the authorities that clients have to trust. None if that is the system's
    own list, or nothing."""
    if instance["access"] == "proxied":
        return instance["ca_file"] or None
    if instance["tls"] == "private_ca":
        return paths.bundle_path(pki_directory)
    if instance["tls"] == "self_signed":
        return paths.export_path(pki_directory, f"{host}/{instance['name']}", "chain")
    return instance["ca_file"] or None if instance["tls"] in FOREIGN else None


def _url(instance: Instance, host: str, port: int = 0) -> str:
    number = port or instance["port"]
    # As browsers show it: without the port that the scheme implies (RFC 9110, 4.2.1 and 4.2.2).
    shown = "" if number == DEFAULT_PORTS[instance["scheme"]] else f":{number}"
    return f"{instance['scheme']}://{f'[{host}]' if ':' in host else host}{shown}{instance['base_url']}"


def _server(plan: Plan, instance: HostInstance, credential: dict[str, Any], pki: dict[str, Any]) -> dict[str, Any]:
    route, port = plan["route"], instance["port"]
    urls = _shown(plan, instance)
    # On this very machine the server is at its own port.
    near = instance["port"] if plan["contact"]["connection"] == "local" else instance["local_port"]
    url = urls[0] if urls else _url(instance, "localhost", near)
    certificate = (
        pki.get("certificates", {}).get(f"{plan['host']}/{instance['name']}", {}) if instance["tls"] != "none" else {}
    )
    proxied = instance["access"] == "proxied"
    trust = _trust(instance, certificate, pki.get("authority", {}))
    return {
        "host": plan["host"],
        "instance": instance["name"],
        "person": _person(instance),
        "url": url,
        "urls": urls,
        "api_url": f"{url}api",
        # For a client, a proxy is the server.
        "access": "direct" if proxied else instance["access"],
        "tls": {
            "mode": PROXY_TLS[url.partition(":")[0]] if proxied else instance["tls"],
            **trust,
            "not_after": None if proxied else certificate.get("not_after"),
        },
        "ssh": {
            "host": _ssh_host(plan, instance),
            "port": route["port"],
            **_login(plan, instance),
            "local_port": instance["local_port"],
            "remote_port": port,
            "hops": route["hops"],
            "command": route["command"] or None,
        },
        "password_file": credential.get("password_file"),
        "service": instance["unit"] if instance["keeper"] else instance["session"],
        "clients": instance["clients"],
        "classic": instance["classic"],
        "checks": [
            {**target, "sha256": None if proxied else certificate.get("sha256")}
            for target in _provable(plan, instance, trust["ca_file"], credential)
        ],
    }


def _person(instance: Instance) -> str:
    """Name the user of a server. Under the account that servers share by default, its own name is all that tells."""
    user = instance["user"]
    return user if user != SERVICE_ACCOUNT and HOST.fullmatch(user) else instance["name"]


def _provable(plan: Plan, instance: Instance, ca_file: str | None, credential: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the ways that have to work; a certificate from elsewhere does not name the localhost at which a tunnel
    ends."""
    found = targets(plan, instance, ca_file, credential)
    return found[:1] if instance["tls"] in FOREIGN else found


def _trust(instance: Instance, certificate: dict[str, Any], authority: dict[str, Any]) -> dict[str, Any]:
    """Return the authorities that clients have to trust: ``ca_file`` (None for the system's own list) and ``ca_sha256``
    (None if the file alone tells)."""
    if instance["access"] == "proxied":
        return {"ca_file": instance["ca_file"] or None, "ca_sha256": None}
    if instance["tls"] == "private_ca":
        # All roots to trust, the one in use first: two while one authority takes over from another.
        return {"ca_file": authority.get("bundle"), "ca_sha256": authority.get("sha256")}
    if instance["tls"] == "self_signed":
        return {"ca_file": certificate.get("exports", {}).get("chain"), "ca_sha256": certificate.get("sha256")}
    return {"ca_file": instance["ca_file"] or None if instance["tls"] in FOREIGN else None, "ca_sha256": None}


def _shown(plan: Plan, instance: Instance) -> list[str]:
    """The URLs to hand over, best first. A short name that only the inventory gives is known to nobody else."""
    if instance["access"] == "proxied":
        return [instance["public_url"]]
    if not instance["networked"]:
        return []
    first, *more = instance["addresses"]
    guessed = instance["addresses"] == plan.get("guessed")
    names = [first, *(name for name in more if not guessed or "." in name or ":" in name)]
    return [_url(instance, name) for name in names]


def _ssh_host(plan: Plan, instance: Instance) -> str:
    """Name the host for somebody who sits elsewhere: this very machine is localhost to nobody else."""
    contact, host = plan["contact"], plan["route"]["host"]
    is_own = contact["connection"] == "local" and host == contact["address"]
    return instance["addresses"][0] if is_own and instance["addresses"] else host


def _accounts(plan: Plan, instance: Instance) -> list[dict[str, Any]]:
    """The accounts that can forward to this server and do nothing else, as the user lists them."""
    known = {account["name"]: account for account in plan.get("tunnel", {}).get("accounts", [])}
    return [known[name] for name in instance["tunnel_accounts"] if name in known]


def _login(plan: Plan, instance: Instance) -> dict[str, Any]:
    """As whom people forward: the accounts for that alone, where there are some, else as Ansible comes."""
    logins = [
        {
            "user": account["name"],
            "private_key_file": account["identity_file"] or None,
            "pem_file": account.get("pem_file"),
            "alias": names.alias(plan["host"], account["name"]),
        }
        for account in _accounts(plan, instance)
    ]
    return {**logins[0], "others": logins[1:]} if logins else {"user": plan["route"]["user"]}
