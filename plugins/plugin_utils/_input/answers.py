# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The validation of a host's answers: every answer passes here before other code on the control node uses it.

A host may be under the control of an attacker, who then answers. The answer is rebuilt from keys that are
known, of types that are known, within bounds; names are those that the plan asked for, or fit the pattern of such
names. Nothing else of an answer goes on: no
``add_host``, no ``ansible_facts``, no ``warnings``, no ``invocation``.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import json
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any, cast

from ansible import constants as C
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ...module_utils._errors import AnswerError, CheckError
from ...module_utils._plain import printable
from ...module_utils._tunnel import names as tunnel_names
from .._jupyter import migration
from .._jupyter.plan import NAME as INSTANCE
from .shapes import Shape, among, block, choice, each, flag, line, many, maybe, moment, number, record, table, where

if TYPE_CHECKING:
    from .._records import Report

#: The report of a host with dozens of servers has some hundred kilobytes; one of 100,000 rules that block an address
#: each, 25 million.
MOST = 32_000_000
#: Of rules, and of addresses in one: countries are blocked that way.
MOST_RULES = 500_000

#: Resources that a report names by their path. Parts such as ``..`` concern the host only: no path of the control node
#: is built from one.
PATH = line(4096, r"/[^\0]*")
#: A directory service has accounts such as O'Brien, and groups such as R&D (EU).
ACCOUNT_PATTERN = r"(?![-~. ])[\w.@\\+ '&()#%!,-]*[\w$)-]"
ACCOUNT = line(256, ACCOUNT_PATTERN)
INSTANCE_NAME = line(32, INSTANCE.pattern)
TUNNEL_NAME = line(32, tunnel_names.NAME.pattern)
DIGITS = r"[0-9a-f]{64}"
DIGEST = line(64, DIGITS)
MODE = line(4, r"[0-7]{4}")
PROCESS = number(1, 2**31)
PORT = number(1, 65535)
PORT_TEXT = line(5, r"[0-9]{1,5}")
WORDS = many(line(), 1000)
HOST_KEY = line(4096, tunnel_names.HOST_KEY.pattern)
#: An interpreter that Ansible may run there again: it becomes a fact, and the fact a command.
PYTHON = line(200, r"(?:/(?!\.\.?(?:/|$))[A-Za-z0-9_.+-]+)+")

#: Any number of processes may run there, and any account may name its own as it likes.
SERVER = record(
    {
        **{
            "pid": PROCESS,
            "uid": number(),
            "instance": INSTANCE_NAME,
            "revision": line(),
            "environment": PATH,
            "started": moment,
            "tmux": flag,
        },
        "trial": moment,
    }
)

LISTENER = {
    "pid": maybe(PROCESS),
    "command": maybe(line()),
    "loopback": flag,
    "everywhere": flag,
    "uid": number(),
    "account": line(256),
}
#: Of a listener that a unit of systemd has started (systemd.unit(5)).
STARTED = {"unit": line(210, r"[A-Za-z0-9:_.\\@-]{1,200}\.service"), "users": flag}

SYSTEM = record(
    {
        "id": line(100),
        "id_like": WORDS,
        "name": line(),
        "hostname": line(),
        # These two stand in names of files on the control node, and in arguments of programs there.
        "machine": line(32, r"[A-Za-z0-9_]+"),
        "libc": line(40, r"(?:[a-z]+ [0-9]+(?:\.[0-9]+){0,3})?"),
        "systemd": flag,
        "pid1": line(),
        "user_manager": flag,
        "lingers": flag,
        "polkit": flag,
        "uid": number(),
        "user": ACCOUNT,
        "group": ACCOUNT,
        "home": PATH,
        "ensurepip": flag,
        "commands": table(line(100), maybe(PATH), 100),
    }
)

VERSION = where(many(number(0, 999), 2), ("is no version", lambda version: len(version) == 2))
INTERPRETER = where(
    record({"path": maybe(PATH), "version": maybe(VERSION), "open": flag}),
    ("has a version and no path", lambda python: python["path"] or not python["version"]),
)
PERSON = record(
    {
        "uid": number(),
        "group": line(256),
        "home": line(4096),
        "home_is": choice("usable", "private", "missing", "another's", "shut"),
        "comment": line(),
        "shares_group": flag,
    }
)

STATE = where(
    record(
        {
            "kind": choice("file", "directory", "link", "other"),
            "mode": MODE,
            "owner": line(256),
            "group": line(256),
            "modified": moment,
        },
        {
            "target": line(4096),
            "directory": flag,
            "entries": number(),
            "digest": line(64, rf"(?:{DIGITS})?"),
            "text": block(2_000_000),
        },
    ),
    (
        "does not say what it holds",
        lambda state: (
            {"file": "digest", "directory": "entries", "link": "target", "other": "kind"}[state["kind"]] in state
        ),
    ),
)
SEALED = record(
    {"sealed": flag, "missing": many(line(4096), 10)},
    {"built": maybe(moment), "before": maybe(line(4096, r"(?:/[^\0]*)?"))},
)

#: The further fields of a resource of each kind.
_NEEDED = {
    "shadow": ("origin", "backup", "mover", "account"),
    "stranger": ("origin", "backup"),
    "service": ("manager",),
    "daemon": ("alone",),
    "environment": ("path",),
}
#: Of a list that an earlier release has written there, the known entries count.
THING = where(
    record(
        {
            "id": line(5000, r"[a-z_]+ .+"),
            "kind": line(20, r"[a-z_]+"),
            "instance": line(32, rf"(?:{INSTANCE.pattern})?"),
        },
        {
            **dict.fromkeys(("path", "origin", "backup"), PATH),
            **dict.fromkeys(("shared", "keep", "alone", "ours", "due"), flag),
            **dict.fromkeys(("owner", "user", "mover", "account"), line(256)),
            "manager": choice("systemd", "systemd_user", "tmux"),
            "port": PORT,
            "tmux": many(line(4096), 50),
        },
        others=True,
    ),
    ("is incomplete", lambda thing: set(_NEEDED.get(thing["kind"], ())) <= set(thing)),
)

#: The words of :mod:`_firewall.rules` and :mod:`packet_filter`, which a run that finds nothing to do can go without.
PROVIDERS = ("ufw", "firewalld", "nftables", "iptables", "none")
HOOKS = ("ingress", "prerouting", "input")

OPENING = {
    "protocol": line(20),
    "port": line(200),
    "source": line(200),
    "interface": line(100),
    "zone": line(100),
    "limit": line(100, r"(?:[0-9]+/[a-z]+)?"),
}


def _condition(value: Any, place: str) -> list[Any]:
    """A condition of a rule: the field, ``in`` or ``not in``, and the values."""
    if not isinstance(value, list) or len(value) != 3:
        raise AnswerError(f"{place}: is no condition")
    field, operator, values = value
    return [
        line(100)(field, place),
        choice("in", "not in")(operator, place),
        many(line(500), MOST_RULES)(values, place),
    ]


FILTER = record(
    {
        "when": many(_condition, 1000),
        "verdict": line(),
        "target": line(),
        "handle": number(),
        "comment": line(5000),
        "limited": choice("", "over", "up to"),
    },
    {"line": number(), "text": line(4000)},
)
CHAIN = record(
    {
        "family": line(20),
        "table": line(),
        "name": line(),
        "hook": choice("", *HOOKS),
        "priority": number(-(2**31), 2**31),
        "policy": line(),
        "rules": many(FILTER, MOST_RULES),
    },
    {"managed": choice("iptables")},
)
FIREWALL = record(
    {
        "provider": choice(*PROVIDERS),
        "installed": many(choice(*PROVIDERS), len(PROVIDERS)),
        "paths": table(line(), PATH),
        "systemd": flag,
        "interfaces": many(line(), 100_000),  # each container has one
        "ssh": record({}, {"client": line(100, r"[0-9A-Fa-f.:]+"), "port": number(0, 65535)}),
        "ssh_ports": many(number(0, 65535), 100),
        "rules": many(
            record(
                {
                    **OPENING,
                    "provider": choice(*PROVIDERS),
                    "owner": line(),
                    "comment": line(5000),
                    "live": flag,
                    "saved": flag,
                }
            ),
            MOST_RULES,
        ),
        "chains": many(CHAIN, MOST_RULES),
        "firewalld": record(
            {},
            {
                "default": line(),
                "known": WORDS,
                "zones": table(line(), record({"interfaces": WORDS, "sources": WORDS, "accepts": flag})),
                "ledger": table(line(), many(record({**OPENING, "comment": line(5000)}), 10_000)),
            },
        ),
        "saved": among(("ip", "ip6"), record({"path": PATH, "text": block(MOST)})),
        "files": table(PATH, DIGEST),
        "links": many(PATH),
        "watched": many(line(20), 10_000),
        "strange": many(PATH),
    },
    {"ufw_ipv6": flag, "ufw_accepts": flag},
)


ORIGIN = record({"path": line(4096), "line": number(), "text": line(20_000), "match": line(20_000)})
APPLIES = {"values": table(line(100), many(line(20_000))), "origins": table(line(100), ORIGIN)}
FORWARDER = record(
    {"uid": number(), "comment": line(), "shell": line(4096), "home": line(4096), "password": line(20), "groups": WORDS}
)
KEYS = record({"text": block(1_000_000), "mode": MODE, "owner": line(256)})


def _tunnels(names: Collection[str]) -> Shape:
    """The tunnel accounts in a host's answer, if it was asked for those of these names."""
    asked = record(
        {
            "accounts": each(names, maybe(FORWARDER)),
            "groups": many(line(256), 100_000),
            "owned": many(TUNNEL_NAME, 10_000),
            "keys": table(TUNNEL_NAME, maybe(KEYS), 10_000),
            "block": block(4_000_000),
            "place": line(4096),
            "error": block(20_000),
            "effective": among(names, record(APPLIES)),
            "address": line(100, r"[0-9A-Fa-f.:]*"),
            "loose": many(record({"path": PATH, "mode": MODE, "owner": line(256)}), 10),
            "anyone": record({}, APPLIES),
            "host_keys": many(HOST_KEY, 20),
        }
    )
    return where(
        asked,
        ("speaks of some accounts only", lambda said: bool(said["error"]) or len(said["effective"]) == len(set(names))),
        (
            "does not say what applies to everybody",
            lambda said: bool(said["error"]) or not names or len(said["anyone"]) == 2,
        ),
    )


def _presented(value: Any, place: str) -> str:
    """A certificate that a port of the host shows."""
    from ...module_utils._certificate.reader import read_pem_bundle

    pem = block(100_000)(value, place)
    try:
        read_pem_bundle(pem.encode(), place)
    except CheckError as error:
        raise AnswerError(f"{place}: is no certificate") from error
    return str(pem)


def report(probe: dict[str, Any]) -> Shape:
    """What :func:`observation.report.report` answers to ``probe``."""
    asked, closer = probe.get("tunnel"), probe.get("details")
    details = record(
        {
            "now": moment,
            "processes": table(
                line(10, r"[0-9]+"),
                record({"environment": PATH, "kernels": number(), "busy": maybe(many(line(5000), 10_000))}),
                10_000,
            ),
            "versions": table(PATH, table(line(100), line(100))),
            "presented": each(closer["ports"] if closer else (), maybe(_presented)),
        }
    )
    return record(
        {
            "tunnel": maybe(_tunnels([account["name"] for account in asked["accounts"]] if asked else [])),
            "firewall": maybe(FIREWALL),
            "system": SYSTEM,
            "manifest": many(THING, 100_000),
            "pythons": each(probe["pythons"], INTERPRETER),
            "accounts": each(probe["accounts"], maybe(PERSON)),
            "homes": table(line(256), record({"path": PATH, "strangers": many(line(5000), 10)}), 10_000),
            "paths": table(PATH, maybe(STATE), 100_000),
            "used": many(PATH, 10_000),
            "servers": many(SERVER, 100_000),
            "shadows": table(PATH, record({"options": many(line(), 100_000), "error": line(5000)}), 10_000),
            "aside": many(PATH, 10_000),
            **dict.fromkeys(("unusable", "astray", "sessions"), many(choice(*probe["roots"]))),
            "listeners": among(
                [str(port) for port in probe["ports"]],
                record(LISTENER, {**STARTED, "also": many(record(LISTENER, STARTED), 1000)}),
            ),
            "units": table(line(), table(line(), line(5000)), 10_000),
            "environments": table(PATH, SEALED, 10_000),
        },
        {"details": details} if closer else {},
    )


def built(value: Any, place: str) -> dict[str, Any]:
    """The answer of :func:`_jupyter.build.attempt`."""
    failed = isinstance(value, dict) and value.get("failed")
    shape = record(
        {"failed": flag, "msg": block(20_000)} if failed else {"changed": flag, "same": flag, "remark": block(20_000)}
    )
    return dict(shape(value, place))


_REQUEST = where(block(20_000), ("is no request", lambda pem: pem.startswith("-----BEGIN CERTIFICATE REQUEST-----\n")))
OBSERVED_FAILURE = record({"msg": block(20_000)})


def observed(probe: dict[str, Any]) -> Shape:
    """The answer of a bare program that observes."""
    said = record({"report": report(probe)})
    return lambda value, place: (OBSERVED_FAILURE if isinstance(value, dict) and "msg" in value else said)(value, place)


def observed_report(answer: dict[str, Any]) -> Report | None:
    """Return the report of an answer that :func:`observed` or :func:`observe` has checked; None where it has none."""
    return cast("Report | None", answer.get("report"))


ENVIRONMENT = record({"same": flag, "remark": block(20_000)})
FILES = record({"paths": many(PATH, 100_000), "remarks": many(line(20_000), 10_000)})
REMOVED = record({"removed": many(line(5000), 100_000), "remarks": many(line(20_000), 10_000)})


def notebooks(limit: float) -> Shape:
    """A folder of notebooks of so many MB at most, as the module jupyter_notebooks packs it, or its message about one
    that it has unpacked."""
    most = int(2_000_000 * limit) + 1_000_000
    return record(
        {
            "archive": line(most, r"[A-Za-z0-9+/]*=*"),
            "there": flag,
            "problem": line(20_000),
            "left_out": many(line(), 100),
        }
    )


_ENTRY = record(
    {
        "id": line(5000),
        "what": choice("missing", "unwanted", "inactive", "outdated", "blocked"),
        # It is part of the name of a file of tasks.
        "provider": choice(*PROVIDERS),
        "opening": record({}, {**OPENING, "comment": line(5000)}),
        "detail": line(20_000),
    },
    {"comment": line(5000), "rich_rule": line(5000)},
)
_LEDGER = many(record({**OPENING, "comment": line(5000)}), 10_000)
_EXPECTED = record(
    {
        "port": number(1, 65535),
        "client": line(100, r"[0-9A-Fa-f.:]+"),
        **dict.fromkeys(("anybody", "listed", "silent", "listens"), flag),
        "admitted": maybe(flag),
        "lines": many(line(20_000), 1000),
    }
)
FIREWALL_STATE = record(
    {
        **dict.fromkeys(("provider", "active"), choice(*PROVIDERS)),
        "installed": many(choice(*PROVIDERS), len(PROVIDERS)),
        "difference": many(_ENTRY, 50_000),
        "wanted": many(record({**OPENING}, {"comment": line(5000)}, others=True), 50_000),
        "ssh_to_open": many(number(0, 65535), 100),
        "ssh_zones": WORDS,
        "systemd": flag,
        **dict.fromkeys(("ledger", "ledger_before"), _LEDGER),
        **dict.fromkeys(("remarks", "sentences", "blocked", "left_out"), many(line(20_000), 50_000)),
        "expected": many(_EXPECTED, 50_000),
        "seen": line(100, r"[0-9A-Fa-f.:]*"),
    }
)
FIREWALL_CHANGE = record({"difference": many(_ENTRY, 50_000), "transactions": many(block(4_000_000), 100_000)})
TUNNEL_STATE = record(
    {
        "difference": many(
            where(
                record(
                    {
                        "id": line(5000),
                        "kind": choice("account", "keys", "sshd", "unwanted"),
                        "name": line(4096),
                        "text": line(20_000),
                    }
                ),
                (
                    "is no name of an account",
                    lambda one: one["kind"] == "sshd" or bool(tunnel_names.NAME.fullmatch(one["name"])),
                ),
            ),
            10_000,
        ),
        # Files with these names are removed, on the control node as well.
        **dict.fromkeys(("unwanted", "cut_off", "new", "due"), many(TUNNEL_NAME, 10_000)),
        "elsewhere": table(TUNNEL_NAME, line(20_000), 10_000),
        "host_keys": many(HOST_KEY, 20),
    }
)
TUNNEL_CHANGE = record({"files": many(PATH, 10_000)})
TUNNEL_REFUSAL = record({"why": many(line(20_000), 1000), "heard": many(line(2000), 20), "left": line(20_000)})
ANCHORS = record({"anchors": many(PATH)})
STORES = record({"stores": many(PATH)})


#: The configuration of a person, by the names of its files.
CONFIGURATION = record(
    {"texts": among(migration.FILES, block(1_000_000)), "account": line(256, rf"(?:{ACCOUNT_PATTERN})?")}
)


def slurped(most: int) -> Shape:
    """A file that ``ansible.builtin.slurp`` brings: its ``content``, still in base64."""
    return record({"content": line(most * 4 // 3 + 4, r"[A-Za-z0-9+/]*=*")}, others=True)


def decoded(content: str) -> bytes:
    """Return the base64 text there. Nothing if there is none."""
    try:
        return base64.b64decode(content, validate=True)
    except ValueError:
        return b""


def requests(names: Collection[str]) -> Shape:
    """The requests for certificates of these names, which the plan gives to the host that answers."""
    return record({"requests": among(names, _REQUEST)})


def parse(text: str) -> Any:
    """Read JSON from a host. Raises AnswerError for other text, and for an answer that is too long or too deep."""
    if len(text) > MOST:
        raise AnswerError(f"it has {len(text)} characters, and {MOST} are the most that make sense")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise AnswerError("it cannot be read") from error


def refused(host: str, error: AnswerError) -> AnsibleActionFail:
    """The failure of a host whose answer is not one."""
    return AnsibleActionFail(
        f"{host} gave an answer that no program of ours gives, so nothing of it was used: {error}. Another program may"
        f" answer in its place: look at it before you trust it, and leave it out meanwhile (--limit '!{host}')."
    )


#: The message of Ansible itself, or of our own ``fail_json``, about a module that ended.
_ENDED = record(
    {},
    {
        "changed": flag,
        "failed": flag,
        "unreachable": flag,
        "skipped": flag,
        "msg": block(100_000),
        "rc": number(-(2**31), 2**31),
        **dict.fromkeys(("module_stderr", "module_stdout"), block(100_000)),
    },
    others=True,
)
#: Fields of any result that belong to Ansible, or are unused.
_AROUND = {
    *("changed", "failed", "unreachable", "skipped", "msg", "rc", "module_stderr", "module_stdout", "diff"),
    *(
        "ansible_facts",
        "warnings",
        "deprecations",
        "invocation",
        "exception",
        "stdout_lines",
        "stderr_lines",
        "tmpdir",
        "_ansible_parsed",
    ),
}
_DIFF = record(
    {},
    dict.fromkeys(("before", "after"), block(4_000_000)) | dict.fromkeys(("before_header", "after_header"), line(4096)),
)


def module(
    action: ActionBase,
    task_vars: dict[str, Any],
    shape: Shape,
    name: str | None = None,
    arguments: dict[str, Any] | None = None,
) -> Any:
    """Run a module on the host. Return the part of its result that has ``shape``, and whether it failed and why.

    :param name: another module than that of the task.
    :raises AnsibleActionFail: where the answer is not of that shape.
    """
    host = task_vars.get("inventory_hostname", "The host")
    try:
        said = action._execute_module(module_name=name, module_args=arguments, task_vars=task_vars)
        return _kept(action, said, shape)
    except RecursionError:
        raise refused(host, AnswerError("it is too deep")) from None
    except AnswerError as error:
        raise refused(host, error) from None


@contextlib.contextmanager
def unlogged(action: ActionBase) -> Iterator[None]:
    """Keep other output of a host out of every log: ``-vvv`` prints it as the connection brings it, and a module's
    result may hold a hash.

    The connection has a play context of its own since ansible-core 2.19, and asks that one.
    """
    contexts = [action._play_context, action._connection._play_context]
    said = [context.no_log for context in contexts]
    for context in contexts:
        context.no_log = True
    try:
        yield
    finally:
        for context, before in zip(contexts, said):
            context.no_log = before


def observe(action: ActionBase, task_vars: dict[str, Any], probe: dict[str, Any]) -> dict[str, Any]:
    """Ask the module ``jupyter_state`` for the answer of a bare program."""
    shape = record({"report": report(probe)})
    answer: dict[str, Any] = module(
        action, task_vars, shape, "remote.notebooks.jupyter_state", {"plan": {}, "probe": probe}
    )
    found = answer.get("ansible_facts", {}).get("discovered_interpreter_python")
    return {**answer, **({"python": found} if found else {})}


def _kept(action: ActionBase, said: dict[str, Any], shape: Shape) -> dict[str, Any]:
    kept: dict[str, Any] = _ENDED(said, "result")
    if not kept.get("failed") and not kept.get("unreachable"):
        kept.setdefault("changed", False)
        kept.update(shape({key: value for key, value in said.items() if key not in _AROUND}, "result"))
        if action._task.diff and said.get("diff"):
            several = isinstance(said["diff"], list)
            kept["diff"] = (many(_DIFF, 100_000) if several else _DIFF)(said["diff"], "result.diff")
    # Only Ansible's own discovery leaves this one (remove_internal_keys), and it asks the host.
    found = python((said.get("ansible_facts") or {}).get("discovered_interpreter_python"))
    return {**kept, **({"ansible_facts": {"discovered_interpreter_python": found}} if found else {})}


def python(path: Any) -> str | None:
    """Return the path of an interpreter, as far as it may be run again by that; else None."""
    try:
        return str(PYTHON(path, "python"))
    except AnswerError:
        return None


#: The prefixes of the variables that decide about actions, reads and writes here.
OWN = ("jupyter_", "pki_", "tunnel_", "firewall_", "trust_", "backup_", "rotate_", "report_", "check_", "migrate_")
#: Who the host is: by its name it gets its keys, and its files are found here.
_IDENTITY = ("inventory_hostname", "inventory_hostname_short", "group_names")
_OTHERS = (*_IDENTITY, "inventory_dir", "inventory_file", "playbook_dir", "target")


def require_own_variables(variables: dict[str, Any], connection: str = "ssh") -> None:
    """Refuse a host that sets a variable of the inventory.

    Any module may return facts, and Ansible makes variables of them that win over the inventory
    (``INJECT_FACTS_AS_VARS``): a host that is in other hands could name a folder of the control node that way, or a
    file there that it wants to have, or say that it is another host.

    :param connection: the plugin that leads there. Ansible lets a fact decide some of its options, which programs it
        runs here among them.
    """
    facts = variables.get("ansible_facts") or {}
    for name in facts:
        # A fact whose name begins so loses that among the facts, and keeps it as a variable.
        full = f"ansible_{name}"
        said = (
            name
            if str(name).lstrip("_").startswith(OWN) or name in _OTHERS
            else full
            if full in _connected(connection)
            else None
        )
        if said in variables and variables[said] == facts[name]:
            own = None if said == "inventory_hostname" else variables.get("inventory_hostname")
            raise AnsibleActionFail(
                f"{own or 'A host'} says by a fact what {printable(str(said))} is, and that is for the inventory alone"
                " to say. If no playbook of yours sets it with cacheable: true, another program may answer there: look"
                " at the host before you trust it."
            )


@functools.cache
def _connected(plugin: str) -> frozenset[str]:
    """The variables by which a connection is set up, without those that Ansible takes from no fact
    (ansible.vars.clean)."""
    known = {name for names in C.MAGIC_VARIABLE_MAPPING.values() for name in names} | C.COMMON_CONNECTION_VARS
    names = set(C.config.get_plugin_vars("connection", plugin))
    return frozenset(name for name in names - known if not name.startswith("ansible_ssh_"))
