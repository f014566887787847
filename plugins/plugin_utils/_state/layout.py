# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a server and its parts lie on a host, and by which names. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .._jupyter import kernels, throttle
from .._plan.account import SERVICE_ACCOUNT

if TYPE_CHECKING:
    from .._records import Instance, Kernel, Plan
    from .._report_records import Report, System


#: In the order in which they act.
STAGES = (
    *("account", "install", "configure", "certificate", "service"),
    *("firewall", "throttle", "tunnel", "remove", "manifest"),
)

#: Families of systems whose packages the role knows by name: roles/jupyter/vars/<family>.yml.
FAMILIES = {
    "debian": "debian",
    "ubuntu": "debian",
    "rhel": "redhat",
    "fedora": "redhat",
    "suse": "suse",
    "opensuse": "suse",
    "sles": "suse",
}

#: Marks our tunnel accounts among those of other owners (the role ``tunnel``).
TUNNEL_OWNER = "jupyter"

SCRIPTS = (
    "browser_connections.py",
    "busy_kernels.py",
    "cell_outputs.py",
    "check_config.py",
    "durable_outputs.py",
    "kernel_answers.py",
    "kernel_bridge.py",
    "kernel_channels.py",
    "kernel_connection.py",
    "kernel_keys.py",
    "kernel_memory.py",
    "kernel_messages.py",
    "kernel_servers.py",
    "light_pages.py",
    "live_outputs.js",
    "output_recorder.py",
    "probe_environment.py",
    "remote_kernels.py",
    "run_jupyter.py",
    "seal_environment.py",
    "system_packages.sh",
    "wait_ready.py",
)
#: Those that a server runs in: it is the old one until it restarts.
RUNNERS = (
    "browser_connections.py",
    "cell_outputs.py",
    "durable_outputs.py",
    "kernel_answers.py",
    "kernel_channels.py",
    "kernel_keys.py",
    "kernel_memory.py",
    "kernel_servers.py",
    "light_pages.py",
    "live_outputs.js",
    "output_recorder.py",
    "remote_kernels.py",
    "run_jupyter.py",
)

#: The files that servers and kernels write below a home folder beside the notebooks
#: (https://docs.jupyter.org/en/latest/use/jupyter-directories.html).
TRACES = (".ipython", ".jupyter", ".local/share/jupyter")

#: Where the systems' packages put the R side of an R kernel.
R_FILES = tuple(
    f"/usr/{place}/IRkernel/DESCRIPTION"
    for place in ("lib/R/site-library", "lib/R/library", "lib64/R/library", "local/lib/R/site-library")
)
UNIT = "jupyter@{name}.service"
#: The units by which a host renews its certificates.
ACME_TIMER, ACME_SERVICE = ACME_UNITS = ("remote-notebooks-acme.timer", "remote-notebooks-acme.service")
#: Who tries an environment. Several accounts may use it, and none of them has a hand in that: whose rights a process
#: has can read it and end it.
TRIER = "nobody"
#: Its tmux socket has the same name: each server has a tmux of its own, and none shares the account's.
TMUX_SESSION = "jupyter-{name}"
#: The file that starts a tmux session after a reboot without systemd (crontab(5)).
CRON = "/etc/cron.d/remote-notebooks-{name}"


#: The systemd of an account: it would run files of its home, outside of the units of its servers.
USER_MANAGER = "/etc/systemd/system/user@{uid}.service"

#: The paths that systemd leaves writable beside a read-only system, and hides as a whole when it hides homes
#: (systemd.exec(5), ProtectHome=).
HOMES = ("/home", "/root", "/run/user")

#: Where a run says that it is at work: gone after a reboot, as the run is.
LOCK = {"system": "/run/remote-notebooks.lock", "user": "~/.remote-notebooks.lock"}
#: No run takes that long: a lock this old, in seconds, is nobody's.
LOCK_AGE = 7200


def family(system: System) -> str | None:
    """Return the family that the packages are named by, or None for a system the role does not know."""
    return next((FAMILIES[name] for name in (system["id"], *system["id_like"]) if name in FAMILIES), None)


def python_kernels(instances: Sequence[Instance]) -> list[tuple[Instance, Kernel]]:
    return [(item, kernel) for item in instances for kernel in item["kernels"] if kernel["python"]]


def uses_r(instances: Sequence[Instance]) -> bool:
    return any(
        kernel["language"] == "R" and kernel["argv"] == list(kernels.R_COMMAND)
        for item in instances
        for kernel in item["kernels"]
    )


def throttles(plan: Plan) -> bool:
    """Tell whether logins to some instance are throttled, or would be where the host can."""
    said = [(item["login_throttle"], item) for item in plan["instances"]]
    return any(asked or (asked is None and not throttle.hindrance(item, plan["scope"])) for asked, item in said)


def unit_dir(scope: str) -> str:
    return "/etc/systemd/system" if scope == "system" else "~/.config/systemd/user"


def home_path(path: str, home: str) -> str:
    return home + path[1:] if path.startswith("~") else path


def above(path: str) -> list[str]:
    """Return the folders above ``path``, the outermost first, the root and the home folder it begins at left out."""
    above: list[str] = []
    while (path := posixpath.dirname(path)) not in ("", "/") and "/" in path:
        above.insert(0, path)
    return above


def r_is_missing(report: Report) -> bool:
    return not report["system"]["commands"].get("R") or not any(report["paths"].get(path) for path in R_FILES)


def is_made(item: Instance) -> bool:
    """Tell whether the role creates the account of an instance where there is none."""
    return bool(item["user"] == SERVICE_ACCOUNT or item["create_user"])


def service_manager(scope: str, item: Instance, system: System) -> str:
    """Settle ``service_manager: auto``."""
    if item["service_manager"] != "auto":
        return str(item["service_manager"])
    if scope == "system":
        return "systemd" if system["systemd"] else "tmux"
    return "systemd_user" if system["user_manager"] and (system["lingers"] or system["polkit"]) else "tmux"


def is_throttled(scope: str, item: Instance, system: System) -> bool:
    """Settle whether guesses are counted, where nobody said so."""
    if item["login_throttle"] is not None:
        return bool(item["login_throttle"])
    return not throttle.hindrance(item, scope) and throttle.is_possible(
        service_manager(scope, item, system), system, family(system)
    )


def keeper(scope: str, item: Instance, system: System) -> str:
    """Name the systemd that keeps a server running, also one in tmux: nothing else starts it at boot and outlives a
    login. Empty without one."""
    manager = service_manager(scope, item, system)
    if manager != "tmux":
        return manager
    if scope == "system":
        return "systemd" if system["systemd"] else ""
    return "systemd_user" if system["user_manager"] and (system["lingers"] or system["polkit"]) else ""


def install_prefix(plan: Plan, report: Report) -> str:
    return home_path(plan["prefix"], report["system"]["home"])


def trier(scope: str) -> str:
    """Return the account that tries an environment; empty where only one account is ours."""
    return TRIER if scope == "system" else ""


def has_cron(system: System) -> bool:
    return any(system["commands"].get(name) for name in ("cron", "crond"))
