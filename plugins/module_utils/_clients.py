# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How clients reach each server: one record, behind the check from the client's side and the hand-off alike. Pure.

``contact`` is how Ansible itself reaches the host, from the inventory::

    {"connection": "ssh" | "local" | ..., "host": str, "port": int | None, "user": str | None,
     "private_key_file": str | None, "ssh_args": [str, ...]}
"""

from __future__ import annotations

import ipaddress
from typing import Any

#: What a time-out means where the host is not to blame.
BEYOND = (
    "The host listens and its own firewall lets {client} in, so the connection is lost on the way: "
    "open TCP port {port} in the cloud's security group, or forward it in the router."
)


def servers(
    plan: dict[str, Any], instances: list[dict[str, Any]], credentials: dict[str, Any], pki: dict[str, Any], firewall: dict[str, Any] | None
) -> list[dict[str, Any]]:
    """Return for each instance the hand-off record (see the module ``jupyter_handoff``) and, under ``check``, how the control node tries it.

    :param firewall: what the host said of its firewall, or None where it was not asked.
    :param pki: the result of the ``pki`` role: ``authority`` and ``certificates``; empty where no certificate is in use.
    """
    return [_server(plan, instance, credentials.get(instance["name"], {}), pki, _beyond(instance, firewall)) for instance in instances]


def _beyond(instance: dict[str, Any], firewall: dict[str, Any] | None) -> str | None:
    """Say what to do where a connection is lost although the rules of the plan let it in."""
    client = ((firewall or {}).get("ssh") or {}).get("client", "clients")
    allowed = not instance["allowed_sources"] or any(_inside(client, source) for source in instance["allowed_sources"])
    return BEYOND.format(client=client, port=instance["port"]) if allowed and instance["access"] != "tunnel" else None


def _inside(address: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(network)
    except ValueError:
        return False


def _server(plan: dict[str, Any], instance: dict[str, Any], credential: dict[str, Any], pki: dict[str, Any], beyond: str | None) -> dict[str, Any]:
    contact, port = plan["contact"], instance["port"]
    tunnel = instance["access"] == "tunnel"
    host = "localhost" if tunnel else instance["addresses"][0]
    url = f"{instance['scheme']}://{f'[{host}]' if ':' in host else host}:{port}{instance['base_url']}"
    issued = pki if instance["tls"] != "none" else {}
    authority = issued.get("authority", {})
    certificate = issued.get("certificates", {}).get(f"{plan['host']}/{instance['name']}", {})
    return {
        "host": plan["host"],
        "instance": instance["name"],
        "url": url,
        "api_url": f"{url}api",
        "access": instance["access"],
        "tls": {
            "mode": instance["tls"],
            # All roots to trust, the one in use first: two while one authority takes over from another.
            "ca_file": authority.get("bundle"),
            "ca_sha256": authority.get("sha256"),
            "not_after": certificate.get("not_after"),
        },
        "ssh": {"host": _ssh_host(plan, instance), "port": contact["port"] or 22, "user": contact["user"], "local_port": port, "remote_port": port},
        "password_file": credential.get("password_file"),
        "service": instance["session"] if instance["service_manager"] == "tmux" else instance["unit"],
        "clients": instance["clients"],
        "classic": instance["classic"],
        "check": {**_check(contact, instance, url, tunnel), "sha256": certificate.get("sha256"), "beyond": beyond},
    }


def _ssh_host(plan: dict[str, Any], instance: dict[str, Any]) -> str:
    """Name the host for somebody who sits elsewhere: this very machine is localhost to nobody else."""
    contact = plan["contact"]
    return str(instance["addresses"][0] if contact["connection"] == "local" and instance["addresses"] else contact["host"])


def _check(contact: dict[str, Any], instance: dict[str, Any], url: str, tunnel: bool) -> dict[str, Any]:
    """Say what the control node connects to. ``possible`` is false where only the host's own loopback leads there."""
    if not tunnel:
        return {"possible": True, "url": url, "tunnel": None}
    if contact["connection"] == "local":
        return {"possible": True, "url": instance["local_url"], "tunnel": None}
    ssh = {
        "host": contact["host"],
        "port": contact["port"],
        "user": contact["user"],
        "private_key_file": contact["private_key_file"],
        "ssh_args": contact["ssh_args"],
        "remote_port": instance["port"],
    }
    return {
        "possible": contact["connection"] in ("ssh", "ansible.builtin.ssh", "smart"),
        "url": url,
        "tunnel": {key: value for key, value in ssh.items() if value},
    }
