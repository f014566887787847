# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The questions to a host: from a plan to the probe that reads its state. Pure."""

from __future__ import annotations

import glob
import posixpath
from typing import TYPE_CHECKING, Any

from ...module_utils._tunnel import names as tunnel_names
from .._acme import resources as acme_resources
from .._jupyter import conflicts, data_folders, leftovers, throttle
from .._jupyter.strangers import FIREWALL_UNIT
from .._plan.access import loopback
from . import existing, layout

if TYPE_CHECKING:
    from .._records import Plan


def probe(plan: Plan, texts: bool, details: bool = False) -> dict[str, Any]:
    """Return the probe for the module.

    :param texts: ask for the content of files that are no secret, for ``--diff``.
    :param details: also ask for the facts that a report shows beyond the comparison.
    """
    prefix, config, units = plan["prefix"], plan["config_dir"], layout.unit_dir(plan["scope"])
    instances = plan["instances"]
    roots = [layout.home_path(item["root_dir"] or "~/notebooks", f"~{item['user']}") for item in instances]
    return {
        "manifest": f"{prefix}/manifest.json",
        "paths": [
            *(
                config,
                f"{config}/*",
                f"{config}/*/*",
                f"{config}/*/jupyter/*",
                f"{config}/*/jupyter/kernels/*",
                f"{config}/*/jupyter/kernels/*/*",
            ),
            *(
                prefix,
                f"{prefix}/manifest.json",
                f"{prefix}/libexec",
                f"{prefix}/libexec/*",
                f"{prefix}/current",
                f"{prefix}/current/*",
                f"{prefix}/envs",
                f"{prefix}/installer",
                f"{prefix}/pythons",
            ),
            *(f"{units}/jupyter@*", f"{units}/jupyter@*/*"),
            *(
                glob.escape(folder)
                for path in (prefix, config, units, *roots)
                for folder in (path, *layout.above(path))
            ),
            *(
                f"~{item['user']}/{folder}"
                for item in instances
                for folder in (*layout.TRACES, *conflicts.HOME_FOLDERS)
            ),
            *(f"/home/{item['user']}" for item in instances if plan["scope"] == "system" and layout.is_made(item)),
            "/var/lib/systemd/linger/*",
            *acme_resources.paths(plan),
            *([FIREWALL_UNIT] if plan["scope"] == "system" and plan["firewall_rules"] else []),
            *([layout.USER_MANAGER.format(uid="*")] if plan["scope"] == "system" else []),
            *(layout.R_FILES if layout.uses_r(instances) else ()),
            *((throttle.FOLDER, f"{throttle.FOLDER}/*.d", *throttle.FILES) if layout.throttles(plan) else ()),
            layout.CRON.format(name="*"),
            layout.LOCK[plan["scope"]],
        ],
        "secret": [
            *("environment", "hashed_password", "tls.pem", "token"),
            *map(posixpath.basename, acme_resources.secrets(plan)),
        ],
        "acme": f"{prefix}/acme/status.json" if acme_resources.is_asked(plan) else "",
        "texts": texts,
        "details": (
            {
                "script": f"{prefix}/libexec/busy_kernels.py",
                "ports": {
                    item["name"]: [loopback(item["bind_address"]), item["port"]]
                    for item in instances
                    if item["tls"] != "none"
                },
            }
            if details
            else None
        ),
        "environments": f"{prefix}/envs/*",
        "site": f"{prefix}/envs",
        "existing": existing.asked(plan),
        "interpreters": f"{prefix}/pythons",
        "roots": {item["name"]: [item["user"], root] for item, root in zip(instances, roots)},
        "bound": sorted(
            {
                path
                for item in instances
                if item["hardening"] == "strict" and plan["scope"] == "system"
                for path in (item["root_dir"], *item["data_dirs"])
                if path.startswith("/")
            }
        ),
        "traces": list(layout.TRACES),
        "sessions": {item["name"]: layout.TMUX_SESSION.format(name=item["name"]) for item in instances},
        "owners": {item["name"]: item["user"] for item in instances},
        "shadows": [*conflicts.places(plan), *leftovers.places(plan)],
        "aside": conflicts.backups(plan),
        "accounts": sorted({item["user"] for item in instances} - {""}),
        "pythons": sorted(
            {item["python"] for item in instances}
            | {kernel["python"] for _item, kernel in layout.python_kernels(instances)}
        ),
        "ports": sorted(
            {*(item["port"] for item in instances), *ssh_port(plan), *acme_resources.challenge_ports(plan)}
        ),
        "units": [
            *(layout.UNIT.format(name=item["name"]) for item in instances),
            *([throttle.DAEMON] if layout.throttles(plan) else []),
            *([layout.ACME_TIMER] if acme_resources.is_asked(plan) else []),
        ],
        "folders": data_folders.asked(plan),
        "devices": plan["scope"] == "system" and any(item["devices"] != "none" for item in instances),
        "user_units": plan["scope"] == "user",
        # Only root can read it; and it costs a process, so it is read where a rule is wanted, or was made by an earlier
        # run.
        "firewall": plan["scope"] == "system" and bool(plan["firewall_rules"]),
        "tunnel": {
            "owner": layout.TUNNEL_OWNER,
            "accounts": plan["tunnel"]["accounts"],
            "mark": tunnel_names.mark(layout.TUNNEL_OWNER),
        },
    }


def ssh_port(plan: Plan) -> list[int]:
    """Return where an SSH server has to listen for the servers of this plan, where Ansible itself has not come through
    one."""
    contact = plan.get("contact", {})
    tunnelled = any(item["by_ssh"] for item in plan["instances"])
    return (
        [contact["port"] or 22] if tunnelled and contact.get("connection") in ("local", "ansible.builtin.local") else []
    )
