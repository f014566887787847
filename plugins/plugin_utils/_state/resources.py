# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wanted resources of a host, the existing ones, and the difference. Pure: no I/O, no Ansible.

``plan`` is :func:`_plan.plan.resolve`'s, ``report`` is the result of the module ``jupyter_state``. A *thing* is one
managed object of the host::

    {"id": "file /etc/remote-notebooks/lab/tls.pem", "kind": "file", "stage": "configure", "instance": "lab", "path":
    ..., ...}

The list of things is the one list behind the comparison, check mode, ``--diff``, the drift report and the manifest by
which everything is removed again. A stage acts on the things that carry its name.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Any

from .._acme import options as acme
from .._acme.resources import add_acme
from .._jupyter import conflicts, kernels, throttle
from .._jupyter import strangers as jupyter_strangers
from .._jupyter.strangers import ACCOUNT_COMMENT
from .._network import rules as network_rules
from . import layout, manifest
from .resource_list import ResourceList
from .service_resources import add_masks, add_services

if TYPE_CHECKING:
    from .._records import HostInstance, Owned, Plan, Resource
    from .._report_records import Report


def things(
    plan: Plan,
    instances: list[HostInstance],
    report: Report,
    credentials: dict[str, Any],
    certificates: dict[str, Any],
) -> list[Resource]:
    """List everything the host should hold.

    Content comes as ``template`` or ``source``, files of the role, or as ``control``, a file of the control node.
    That of a ``secret`` is shown nowhere.
    """
    system = report["system"]
    owner, group = ("root", "root") if plan["scope"] == "system" else (system["user"], system["group"])
    made = ResourceList(owner, group, report)
    if not instances:
        if manifest.kept(plan, [], report):
            # The manifest of the remaining resources has to stay as well, for a later removal.
            made.directory("manifest", layout.home_path(plan["prefix"], system["home"]), "0755")
            made.file(
                "manifest",
                layout.home_path(f"{plan['prefix']}/manifest.json", system["home"]),
                "0644",
                template="manifest.json.j2",
            )
            _add_strangers(made, plan)
        return list(made.made.values())
    _shared_things(made, plan, instances, report)
    for item in instances:
        pem = certificates.get(f"{plan['host']}/{item['name']}", {}).get("pem")
        _instance_things(made, item, credentials.get(item["name"], {}), pem)
        # An account that lingered before we came goes on to linger when we are gone.
        ours = any(thing["kind"] == "linger" for thing in report["manifest"])
        add_services(
            made,
            item,
            lingers=system["lingers"] and not ours,
            cron=plan["scope"] == "system" and layout.has_cron(system),
        )
    add_acme(made, plan, instances, report)
    if plan["scope"] == "system":
        add_masks(made, instances, system)
        _firewall_things(made, plan, report)
        if any(item["login_throttle"] for item in instances):
            _throttle_things(made, instances, report)
        for account in plan["tunnel_forwards"]:
            made.add("tunnel", "tunnel", account)
    made.file("manifest", f"{instances[0]['prefix']}/manifest.json", "0644", template="manifest.json.j2")
    _add_strangers(made, plan)
    return list(made.made.values())


def _add_strangers(made: ResourceList, plan: Plan) -> None:
    for each in jupyter_strangers.moved(plan, list(made.made.values()), made.report):
        made.add("stranger", "manifest", each["origin"], **each)


def _shared_things(made: ResourceList, plan: Plan, instances: list[HostInstance], report: Report) -> None:
    prefix = instances[0]["prefix"]
    for item in instances:
        known = report["accounts"].get(item["user"])
        # By its comment, not by the manifest: that may be lost, and an account that is not ours must never be removed.
        if plan["scope"] == "system" and (
            layout.is_made(item) if known is None else known["comment"] == ACCOUNT_COMMENT
        ):
            made.add("account", "account", item["user"], home=item["home"], comment=ACCOUNT_COMMENT)
    made.parents("install", prefix, report["system"]["home"])
    made.directory("install", prefix, "0755")
    for folder in ("libexec", "envs", "current", "pythons"):
        made.directory("install", f"{prefix}/{folder}", "0755")
    # Anybody who can open a file can lock it, and the installer would wait.
    made.directory("install", f"{prefix}/installer", "0700")
    if any(item["service_manager"] == "tmux" for item in instances):
        made.add("package", "install", "tmux")
    if layout.uses_r(instances):
        made.add("package", "install", "R")
    for script in layout.SCRIPTS:
        made.file("install", f"{prefix}/libexec/{script}", "0755", source=script, runs=script in layout.RUNNERS)
    for due, files in ((True, conflicts.movable(plan, report)), (False, conflicts.moved(plan, report))):
        for file in files:
            # No ``path``: an unwanted resource with a path is deleted, and this one gets its name back.
            made.add("shadow", "configure", file["origin"], backup=file["origin"] + conflicts.SUFFIX, due=due, **file)
    config = posixpath.dirname(instances[0]["config_dir"])
    made.parents("configure", config, report["system"]["home"])
    made.directory("configure", config, "0755")


def _instance_things(made: ResourceList, item: HostInstance, credential: dict[str, Any], pem: str | None) -> None:
    folder = item["config_dir"]
    own: Owned = {"instance": item["name"], "group": item["group"]}
    # Where accounts share a group, as on SUSE, the group must not read keys and hashes: they belong to the account
    # itself then. Their folder does not: its owner could put links where root writes.
    shut: Owned = {**own, "owner": item["user"]} if item["shares_group"] else own
    secret = "0400" if item["shares_group"] else "0640"
    made.environment(
        item["environment"],
        slot=item["name"],
        python=item["python_path"],
        download=item["python_download"],
        packages=item["packages"],
        account=layout.trier(item["scope"]),
    )
    mine: Owned = {"owner": item["user"], "group": item["group"]}
    homely: Owned = {**mine, "instance": item["name"]}
    # An account of ours goes with its home.
    for trace in layout.TRACES if f"account {item['user']}" not in made.made else ():
        path = f"{item['home']}/{trace}"
        if made.is_new(path):
            made.parents("configure", path, item["home"], **mine)
            made.add("trace", "configure", path, path=path, owner=item["user"], keep=True)
    made.parents("configure", item["root_dir"], item["home"], **mine)
    # The notebooks belong to their owner: only that the folder exists is ours to see to, and it outlives everything.
    # One that was there before is none of ours, and remembered as that: it may be a disk that is not mounted the next
    # time. Files in the home of an account of ours are.
    if made.is_new(item["root_dir"]) or (
        f"account {item['user']}" in made.made and item["root_dir"].startswith(f"{item['home']}/")
    ):
        made.directory("configure", item["root_dir"], None, **homely, keep=True)
    else:
        made.add("found", "configure", item["root_dir"])
    made.directory("configure", folder, "0750", **own)
    made.file(
        "configure", f"{folder}/hashed_password", secret, **shut, secret=True, control=credential.get("hash_file")
    )
    if item["has_token"]:
        made.file("configure", f"{folder}/token", secret, **shut, secret=True, control=credential.get("token_file"))
    if item["shut_variables"]:
        made.file("configure", f"{folder}/environment", secret, **shut, secret=True, template="environment.json.j2")
    for name, kept in (("remote_kernels", item["hub_file"]), ("kernel_keys", item["hub_keys_file"])):
        if kept:
            made.file("configure", f"{folder}/{name}.json", secret, **shut, secret=True, live=True, control=kept)
    if item["tls"] == "acme":
        order = acme.order(item)["id"]
        made.file("certificate", f"{folder}/tls.pem", secret, **shut, secret=True, live=True, order=order, control=None)
    elif item["tls"] != "none":
        made.file("configure", f"{folder}/tls.pem", secret, **shut, secret=True, live=True, control=pem)
    made.file(
        "configure",
        item["config_file"],
        secret,
        **shut,
        checked=True,
        template=f"{posixpath.basename(item['config_file'])}.j2",
    )
    _kernel_things(made, item)
    # Last of all: until Jupyter has accepted the new configuration, the old environment is the one in use.
    made.add(
        "link", "configure", item["current"], instance=item["name"], path=item["current"], target=item["environment"]
    )


def _kernel_things(made: ResourceList, item: HostInstance) -> None:
    """List the kernels beside the one that every server's own environment brings."""
    own: Owned = {"instance": item["name"], "group": item["group"]}
    shut: Owned = {**own, "owner": item["user"]} if item["shares_group"] else own
    file = "0400" if item["shares_group"] else "0640"
    for kernel in item["kernels"]:
        folder = f"{item['config_dir']}/jupyter/kernels/{kernel['name']}"
        if kernel["python"]:
            slot, environment = f"{item['name']}.{kernel['name']}", str(kernel["environment"])
            made.environment(
                environment,
                slot=slot,
                python=kernel["python_path"],
                download=kernel["python_download"],
                packages=kernel["packages"],
                account=layout.trier(item["scope"]),
            )
            link = f"{item['current']}.{kernel['name']}"
            made.add("link", "configure", link, instance=item["name"], path=link, target=environment)
        for path in (f"{item['config_dir']}/jupyter", f"{item['config_dir']}/jupyter/kernels", folder):
            made.directory("configure", path, "0750", **own)
        made.file(
            "configure",
            f"{folder}/kernel.json",
            file,
            **shut,
            live=True,
            template="kernel.json.j2",
            spec=kernels.spec(kernel),
        )


def _firewall_things(made: ResourceList, plan: Plan, report: Report) -> None:
    if plan["firewall_rules"]:
        from ...module_utils._firewall import rules

        for opening in rules.openings(rules.normalise(plan["firewall_rules"])):
            made.add("rule", "firewall", rules.identity(opening))
        if report["firewall"] and network_rules.firewall_provider(plan, report["firewall"]) == "nftables":
            made.add("package", "firewall", "nftables")


def _throttle_things(made: ResourceList, instances: list[HostInstance], report: Report) -> None:
    alone = throttle.is_alone(report)
    for path in throttle.FILES:
        made.parents("throttle", path, "/root")
    made.file("throttle", throttle.FILTER, "0644", source="fail2ban_filter.conf")
    made.file("throttle", throttle.ACTION, "0644", source="fail2ban_action.conf")
    made.file(
        "throttle",
        throttle.JAIL,
        "0644",
        template="fail2ban_jail.conf.j2",
        jails=throttle.jails(instances),
        alone=alone,
    )
    made.add("package", "throttle", "fail2ban")
    made.add("daemon", "throttle", throttle.DAEMON, alone=alone)
