# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import difflib
import functools
import gc
import os
import socket
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.inventory.manager import InventoryManager
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins import action as ansible_action

from ..module_utils._errors import PlanError
from ..module_utils._tunnel import names as tunnel_names
from ..plugin_utils._acme import options as acme
from ..plugin_utils._action import OwnAction
from ..plugin_utils._input import facts, inventory_values, operator_folder
from ..plugin_utils._input.options import INSTANCE_KEYS, OPTIONS, PREFIX
from ..plugin_utils._input.url_logins import Logins
from ..plugin_utils._kernels import store
from ..plugin_utils._plan import access, remote_kernels
from ..plugin_utils._plan import plan as jupyter_plan
from ..plugin_utils._remote.contact import LOCAL, configured, contact, own_configuration
from ..plugin_utils._remote.route import route

if TYPE_CHECKING:
    from ..plugin_utils._records import Hop, Plan, Route

# Keys that are allowed both in argument_specs.yml and in the specification of a module.
SPEC_KEYS = ("type", "elements", "choices", "no_log")
SECRETS = tuple(PREFIX + key for key in jupyter_plan.SECRET_KEYS)

GUESSABLE = (
    "%s: instance '%s': password: it has less than 15 characters, and the server answers every address. A person who"
    " guesses it can run programs there. Leave the password out to have one generated, or list allowed_sources."
)

# Everything that Ansible has loaded until now stays to the end of the run. Garbage collection of it, there at the
# latest, takes a tenth of a second: a run without a change takes 0.98 s on one host, and 1.12 s without this line
# (medians of nine runs in turn).
gc.freeze()
# Each task of each host is a fork that lives for a moment. Its inherited data, the state of a whole fleet, is no
# garbage there, and to look for some in it is work that grows with the fleet
# (https://docs.python.org/3/library/gc.html#gc.freeze).
os.register_at_fork(after_in_child=gc.freeze)


class ActionModule(OwnAction):
    """Resolve the plan of one host on the control node; asks the host nothing."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_diff = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        self._separate_facts()
        logins = Logins(self._templar, task_vars or {})
        with logins.hiding():
            return dict(logins.hide(self._resolved(result, task_vars or {})))

    def _separate_facts(self) -> None:
        """Give the host facts of its own before the first task with ``run_once``.

        In ansible-core 2.21, hosts without facts share one dictionary after a ``set_fact`` or ``debug`` with
        ``run_once``: then the Python of one host counts for all (https://github.com/ansible/ansible/issues/87148).
        """
        register = getattr(self, "register_host_variables", None)  # not in 2.20
        if register is not None:
            register({}, ansible_action.VariableLayer.CACHEABLE_FACT)

    def _resolved(self, result: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        _result, arguments = self.validate_argument_spec(
            {"verb": {"type": "str", "default": "", "choices": ["", *jupyter_plan.VERBS]}}
        )
        verb = arguments["verb"]
        # The same words serve twice: jupyter_port is the host's, port is the instance's, and one specification checks
        # both.
        specs = {
            name[len(PREFIX) :]: {key: spec[key] for key in SPEC_KEYS if key in spec} for name, spec in OPTIONS.items()
        }
        values = {name: self._value(name, task_vars) for name in OPTIONS if name in task_vars}
        problems, remarks = _misspelt(task_vars)
        for remark in remarks:
            self._display.warning(remark)
        problems += [
            problem
            for name, value in values.items()
            if not _is_default(name, value)
            for problem in inventory_values.problems(name, value, specs[name[len(PREFIX) :]])
        ]
        if problems:
            raise AnsibleActionFail("\n".join(problems))
        validated = ArgumentSpecValidator({name: specs[name[len(PREFIX) :]] for name in values}).validate(values)
        problems += [inventory_values.reworded(message, values, SECRETS) for message in validated.error_messages]
        if problems:
            raise AnsibleActionFail("\n".join(problems))
        values = validated.validated_parameters

        # A play may run this action without the defaults of the role.
        defaults = {key: values.get(PREFIX + key, OPTIONS[PREFIX + key].get("default")) for key in INSTANCE_KEYS}
        reached = contact(task_vars, self._templar)
        guessed: list[str] = []
        if not defaults["addresses"]:
            own = _own_names() if reached["connection"] in LOCAL or reached["host"] in access.LOOPBACK else []
            guessed = access.default_addresses(
                reached["address"], _named(task_vars["inventory_hostname"], reached), own
            )
            defaults["addresses"] = guessed

        instances = []
        # Independent of the names in the inventory, or in -e: uninstall covers every server on the host.
        for given in values["jupyter_instances"] if verb != "uninstall" else []:
            converted, found = _convert(given, {**{key: specs[key] for key in INSTANCE_KEYS}, "name": {"type": "str"}})
            instances.append(converted)
            problems += found
        problems = problems or self._find_servers(verb, defaults, instances, task_vars)
        if problems:
            raise AnsibleActionFail("\n".join(problems))
        # Without an inventory file, as on any command line: from where one stands.
        beside = operator_folder.inventory(task_vars) or os.getcwd()
        for given in (defaults, *instances):
            given.update(
                {
                    key: os.path.join(beside, os.path.expanduser(given[key]))
                    for key in jupyter_plan.FILE_KEYS
                    if given.get(key)
                }
            )
        try:
            plan = jupyter_plan.resolve(
                task_vars["inventory_hostname"],
                values["jupyter_scope"],
                defaults,
                instances,
                keep_notebooks=values["jupyter_keep_notebooks"],
                replace_existing=values["jupyter_replace_existing"],
                hosts=(task_vars.get("groups") or {}).get("all", []),
                keep_environments=values["jupyter_keep_environments"],
                timeout=values["jupyter_timeout"],
                shadows=values["jupyter_shadows"],
                prune=values["jupyter_prune"] or verb == "uninstall",
                verb=verb,
            )
            problems = _only(values["jupyter_only"], plan)
            if problems:
                raise PlanError("\n".join(problems))
        except PlanError as error:
            raise AnsibleActionFail(str(error)) from error
        problems = _missing_files(plan)
        if problems:
            raise AnsibleActionFail("\n".join(problems))
        if plan["certificates"] and self._value("pki_key_location", task_vars) == "host":
            names = [entry["name"] for entry in plan["certificates"] if entry.get("source") != "provided"]
            if names:
                raise AnsibleActionFail(
                    f"pki_key_location: host, but the keys of {', '.join(names)} are made on the control node. Leave it"
                    " out for these hosts, or issue the certificates in a play of your own with the role pki and say"
                    " jupyter_tls: provided with the files."
                )
        given = {each["name"]: each.get("password") or values.get("jupyter_password") for each in instances}
        for name in access.weak_passwords(plan["instances"], given):
            self._display.warning(GUESSABLE % (plan["host"], name))
        folder = os.path.join(os.path.expanduser(values["jupyter_credentials_dir"]), plan["host"])
        ways = {"contact": reached, "route": self._route(task_vars, reached), "guessed": guessed}
        return {**result, "changed": False, "plan": {**plan, **ways}, "needs": _needs(plan, folder)}

    def _find_servers(
        self, verb: str, defaults: dict[str, Any], instances: list[dict[str, Any]], task_vars: dict[str, Any]
    ) -> list[str]:
        """Replace each ``remote_kernels`` by the servers that it means. Return the mistakes."""
        problems: list[str] = []
        if verb == "uninstall":  # a host that has left the inventory keeps nobody from it
            defaults["remote_kernels"] = []
        if not any(given.get("remote_kernels") for given in (defaults, *instances)):
            return []
        inventory = InventoryManager(self._loader, parse=False)
        for group, hosts in (task_vars.get("groups") or {}).items():
            inventory.add_group(group)
            for host in hosts:
                inventory.add_host(host, group=group)

        def matching(pattern: str) -> list[str]:
            try:
                return [host.name for host in inventory.get_hosts(pattern)]
            except AnsibleError:  # no regular expression, or no host where the configuration has that as an error
                return []

        for label, given in [
            ("jupyter_", defaults),
            *((f"instance '{each.get('name', '?')}': ", each) for each in instances),
        ]:
            if given.get("remote_kernels"):
                found: list[str] = []
                given["remote_kernels"] = remote_kernels.servers(given["remote_kernels"], matching, found.append)
                problems += [f"{label}remote_kernels: {text}" for text in found]
        return problems

    def _route(self, task_vars: dict[str, Any], reached: Any) -> Route:
        """Return the route of clients to the SSH server."""
        words = own_configuration(reached["ssh_args"])
        program = self._value("ansible_ssh_executable", task_vars) or "ssh"
        return route(
            reached,
            self._value("tunnel_address", task_vars) or "",
            self._value("tunnel_jump", task_vars) or "",
            functools.cache(lambda host: configured(program, host, words)),
            lambda name: self._account(name, task_vars),
        )

    def _account(self, name: str, task_vars: dict[str, Any]) -> Hop | None:
        """Return the tunnel account of another host that a jump host's name means, as in ``bastion-ipad``."""
        hostvars = task_vars.get("hostvars") or {}
        host = next((each for each in hostvars if name.startswith(f"{each}-")), None)
        account = name[len(host) + 1 :] if host else ""
        variables = hostvars[host] if host else {}
        entries = variables.get("tunnel_accounts") or []
        entry = next((entry for entry in entries if entry.get("name") == account), None)
        if entry is None:
            return None
        facts.require_own_variables(variables)
        reached = contact(variables, self._templar)
        folder = self._value("tunnel_dir", task_vars) or os.path.join(operator_folder.folder(task_vars), "tunnel")
        return {
            "host": reached["address"],
            "port": reached["address_port"],
            "user": account,
            "alias": name,
            "private_key_file": tunnel_names.key_file(folder, str(host), entry),
        }

    def _value(self, name: str, task_vars: dict[str, Any]) -> Any:
        return self._templar.template(task_vars.get(name))


def _missing_files(plan: Plan) -> list[str]:
    """Name the files of the control node that are not there, as far as no other part of a run looks for them."""
    named = [
        (item["name"], key, str(dict(item).get(key) or ""))
        for item in plan["instances"]
        if item["tls"] == "acme" or item["access"] == "proxied"
        for key in ("ca_file", *(acme.FILE_KEYS if item["tls"] == "acme" else ()))
    ]
    return [
        f"instance '{name}': {key}: there is no {path} on the control node. Correct the path"
        + (", or leave it out for an authority that is trusted already." if key.endswith("ca_file") else ".")
        for name, key, path in named
        if path and not os.path.isfile(path)
    ]


def _is_default(name: str, value: Any) -> bool:
    """Tell whether nothing was written where that is the default: the host then decides."""
    return value is None and OPTIONS.get(name, {}).get("default", "") is None


def _convert(given: dict[str, Any], specs: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Convert the types of one instance. Return it, and its problems."""
    label = f"instance '{given.get('name', '?')}'"
    known = {key: value for key, value in given.items() if key in specs}
    shapes = [
        problem
        for key, value in known.items()
        if not _is_default(PREFIX + key, value)
        for problem in inventory_values.problems(f"{label}: {key}", value, specs[key])
    ]
    if shapes:
        return given, shapes
    validated = ArgumentSpecValidator({key: specs[key] for key in known}).validate(known)
    problems = [
        f"{label}: {inventory_values.reworded(message, known, jupyter_plan.SECRET_KEYS)}"
        for message in validated.error_messages
    ]
    return {**given, **{key: validated.validated_parameters[key] for key in known}}, problems


def _only(names: list[str], plan: Plan) -> list[str]:
    """Refuse names where a verb cannot obey them."""
    if names and plan["verb"] == "uninstall":
        return [
            f"jupyter_only: uninstall removes all that is ours. For {', '.join(names)} alone say state: absent in"
            " jupyter_instances; run site.yml."
        ]
    return []


def _needs(plan: Plan, folder: str) -> list[str]:
    """Return the work on the control node that comes before the host is compared with its plan."""
    needs = {
        "look": _has_to_look(plan, folder),
        "certificates": bool(plan["certificates"]),
        "tunnels": bool(plan["tunnel_forwards"]),
        "kernels": any(item["remote_kernels"] for item in plan["instances"]) or store.has_files(folder),
    }
    return [name for name, needed in needs.items() if needed]


def _has_to_look(plan: Plan, folder: str) -> bool:
    """Tell whether the host has to be looked at before anything is created for it on the control node.

    That is so for a verb, which may be refused, and for a server that this control node has no password of: it would
    get a certificate, or a key, although the run is then refused. Anybody who runs the main job again, for servers that
    are known, need not look twice.
    """
    made = bool(plan["certificates"] or plan["tunnel_forwards"])
    known = all(os.path.exists(os.path.join(folder, f"{item['name']}.hash")) for item in plan["instances"])
    return plan["verb"] in jupyter_plan.DAY2 or (made and not known)


def _misspelt(task_vars: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Name variables that are one slip away from one of ours: those that were meant for us, and those that may well be
    another role's.

    A plural is a word of its own, and a list is not meant where ours is a number: jupyter_users, jupyter_ports. Others
    are none of our business.
    """
    problems, remarks = [], []
    for name, value in task_vars.items():
        if name.startswith(PREFIX) and name not in OPTIONS:
            near = difflib.get_close_matches(name, OPTIONS, n=1, cutoff=0.9)
            if near and (name in (f"{near[0]}s", f"{near[0]}es") or not inventory_values.fits(value, OPTIONS[near[0]])):
                remarks.append(
                    f"{name} is no variable of this collection, and nothing obeys it here. If {near[0]} was meant,"
                    " write that."
                )
            elif near:
                problems.append(f"{name}: there is no such variable; did you mean {near[0]}?")
    return problems, remarks


def _named(name: str, reached: dict[str, Any]) -> str:
    """Return the inventory's name of a host, unless only ssh's own configuration knows it."""
    return str(reached["address"]) if name == reached["host"] else name


def _own_names() -> list[str]:
    """Return the address this very machine would send from, and its name. Connecting a UDP socket sends nothing (RFC
    5737 address)."""
    names = [socket.gethostname()]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            names.insert(0, probe.getsockname()[0])
        except OSError:
            pass
    return names
