# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The running servers: from the report of ``jupyter_state`` to rows, a table, JSON and the textfile of a metrics
collector. Pure: no I/O, no Ansible.

The *overview* of one host is::

    {"host": str,
     "servers": [{"host": str, "instance": str, "url": str, "service": str, "running": bool,
                  "jupyterlab": str | None, "jupyter_server": str | None, "environment": str,  # the folder's name
                  "started": float | None,              # seconds since the epoch, by the host's clock
                  "uptime": int | None,                 # seconds
                  "kernels": int | None, "busy": [str, ...] | None,   # None where nothing could be asked
                  "certificate_expires": float | None,  # the end of the certificate that the port presents, in seconds
                                                        # since the epoch
                  "certificate_valid": int | None,      # days of its whole validity
                  "restart_due": str,                   # the reason, or ""
                  "gpu": str}],                         # the names of the GPUs that its kernels may use, or ""
     "drift": [{"instance": str, "what": str, "text": str, "lines": [str, ...]}]}

``lines`` are those of a file that is no secret: ``-`` stands on the host, ``+`` is wanted by the inventory. A
person may have written a secret into one all the same, and sends the report with a question. Its value is hidden.
"""

from __future__ import annotations

import difflib
import json
import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Dict

from ...module_utils._certificate.values import ends_soon
from ...module_utils._plain import plain
from .._check import devices
from .._input.url_logins import HIDDEN, scrubbed

if TYPE_CHECKING:
    from ...module_utils._certificate.values import Certificate
    from .._records import HostInstance, Plan
    from .._report_records import ProcessDetails, Report

Overview = Dict[str, Any]

COLUMNS = (
    "host",
    "server",
    "state",
    "lab",
    "environment",
    "up",
    "kernels",
    "busy",
    "certificate",
    "drift",
    "restart",
    "gpu",
)
NUMBERS = ("up", "kernels", "busy", "drift")

#: Lines of a difference that are shown on the screen; all of them are in the JSON.
SHOWN = 6
DAY = 86400  # seconds
#: A setting whose name says that its value is a secret. A switch is none, and neither is an empty value.
SECRET = re.compile(
    r"""((?:passw|passphrase|token|secret|credential|api_?key|private_?key)\w*["']?\s*[:=])"""
    r"""(?!\s*(?:true|false|none|null|""|'')?[,}\s]*$)(\s*).+""",
    re.IGNORECASE,
)


def overview(
    plan: Plan,
    instances: list[HostInstance],
    compared: dict[str, Any],
    report: Report,
    certificates: dict[str, Certificate],
) -> Overview:
    """Return the overview of one host.

    :param compared: ``changes`` and ``steps`` of :mod:`_state.compare`, ``servers`` of :mod:`endpoints`, and ``texts``:
        path to wanted content of files.
    :param report: the answer of the host, its ``details`` included.
    :param certificates: instance to the certificate that it presents.
    """
    urls = {server["instance"]: server["url"] for server in compared["servers"]}
    due = {
        step["instance"]: step["why"] or "what it was started from has changed"
        for step in compared["steps"]
        if step["step"] == "restart"
    }
    return {
        "host": plan["host"],
        "servers": [
            {
                **_server(item, report),
                "host": plan["host"],
                "url": urls[item["name"]],
                **_certificate(certificates.get(item["name"])),
                "renewals_refused": _refused(item, report),
                "restart_due": due.get(item["name"], ""),
            }
            for item in instances
        ],
        "drift": [
            {
                **{key: change[key] for key in ("instance", "what", "text")},
                "lines": _lines(change["id"].split(" ", 1)[1], compared["texts"], report["paths"]),
            }
            for change in compared["changes"]
            if change["stage"] != "manifest"  # follows from all the others
        ],
    }


def _certificate(presented: Certificate | None) -> dict[str, Any]:
    if presented is None:
        return {"certificate_expires": None, "certificate_valid": None}
    return {"certificate_expires": presented.not_after.timestamp(), "certificate_valid": presented.days}


def _refused(item: HostInstance, report: Report) -> int | None:
    """Return how many renewals of a certificate were refused since the last success; None for one that the host does
    not renew by itself."""
    found = report["acme"].get(item["name"]) if item["tls"] == "acme" else None
    return found["failures"] if found else None


def _server(item: HostInstance, report: Report) -> dict[str, Any]:
    details = report["details"]
    process = next((server for server in report["servers"] if server["instance"] == item["name"]), None)
    seen: ProcessDetails = details["processes"].get(str(process["pid"]), {}) if process else {}
    folder = seen.get("environment") or item["environment"]
    versions = details["versions"].get(folder, {})
    return {
        "instance": item["name"],
        "service": item["unit"] if item["keeper"] else item["session"],
        "running": process is not None,
        # Notebook 6 is a program of its own; its versions are below 7, JupyterLab's at 4.
        "jupyterlab": versions.get("notebook" if item["interface"] == "notebook6" else "jupyterlab"),
        "jupyter_server": versions.get("jupyter_server"),
        "environment": folder.rpartition("/")[2],
        "started": process["started"] if process else None,
        "uptime": max(int(details["now"] - process["started"]), 0) if process else None,
        "kernels": seen.get("kernels"),
        "busy": seen.get("busy"),
        "gpu": devices.gpu(item, report),
    }


def _lines(path: str, texts: dict[str, str], found: dict[str, Any]) -> list[str]:
    before = (found.get(path) or {}).get("text")
    if before is None or path not in texts:
        return []
    lines = difflib.unified_diff(before.splitlines(), texts[path].splitlines(), n=0, lineterm="")
    shown = {str(number): line for number, line in enumerate(lines) if not line.startswith(("---", "+++", "@@"))}
    return [SECRET.sub(rf"\1\2{HIDDEN}", line) for line in scrubbed([shown])[0].values()]


def table(overviews: list[Overview], now: float) -> list[str]:
    """Return a header and one line a server, in columns."""
    rows = [_cells(server, one["drift"], now) for one in overviews for server in one["servers"]]
    widths = [max(len(line[column]) for line in (COLUMNS, *rows)) for column in range(len(COLUMNS))]
    return ["  ".join(_align(*cell) for cell in zip(COLUMNS, line, widths)).rstrip() for line in (COLUMNS, *rows)]


def _align(column: str, cell: str, width: int) -> str:
    return cell.rjust(width) if column in NUMBERS else cell.ljust(width)


def _cells(server: dict[str, Any], drift: list[dict[str, Any]], now: float) -> tuple[str, ...]:
    expires = server["certificate_expires"]
    return (
        plain(server["host"]),
        plain(server["instance"]),
        "running" if server["running"] else "stopped",
        plain(server["jupyterlab"] or "-"),
        plain(server["environment"]),
        duration(server["uptime"]),
        "-" if server["kernels"] is None else str(server["kernels"]),
        "-" if server["busy"] is None else str(len(server["busy"])),
        "-" if expires is None else f"{int((expires - now) // DAY)} days",
        str(sum(entry["instance"] == server["instance"] for entry in drift)),
        "due" if server["restart_due"] else "-",
        plain(server["gpu"] or "-"),
    )


def duration(seconds: int | None) -> str:
    """Write a span for a person: its two largest units.

    >>> duration(93784)
    '1d 2h'
    """
    if seconds is None:
        return "-"
    parts = [(seconds // 86400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "m"), (seconds % 60, "s")]
    first = next((place for place, (number, _unit) in enumerate(parts) if number), len(parts) - 1)
    return " ".join(f"{number}{unit}" for number, unit in parts[first : first + 2])


def endings(one: Overview, within: int, now: float) -> list[str]:
    """Return the remarks about certificates that end soon.

    :param within: days, as for :func:`ends_soon`.
    """
    found = []
    for server in one["servers"]:
        expires, valid = server["certificate_expires"], server["certificate_valid"]
        if expires is not None and ends_soon((expires - now) / DAY, valid, within):
            day = datetime.fromtimestamp(expires, timezone.utc)
            word = "ends" if expires > now else "ended"
            found.append(f"the certificate of {server['instance']} {word} on {day:%Y-%m-%d}")
    return [plain(line) for line in found]


def sentences(one: Overview) -> list[str]:
    """Return the remarks about one host beside its lines of the table."""
    found = []
    for server in one["servers"]:
        name = f"{one['host']}/{server['instance']}"
        found += [f"{name}: busy is {text}" for text in server["busy"] or []]
        if server["restart_due"]:
            found.append(f"{name}: a restart is due, because {server['restart_due']}")
    for entry in one["drift"]:
        found.append(f"{one['host']}: {entry['text']}")
        found += [f"    {line}" for line in entry["lines"][:SHOWN]]
        if len(entry["lines"]) > SHOWN:
            found.append(f"    and {len(entry['lines']) - SHOWN} more lines")
    return [plain(line) for line in found]


def summary(overviews: list[Overview], silent: list[str]) -> str:
    """Return the line that ends the report."""
    servers = [server for one in overviews for server in one["servers"]]
    stopped, drift = sum(not server["running"] for server in servers), sum(len(one["drift"]) for one in overviews)
    parts = [f"{len(servers)} server{'s' * (len(servers) != 1)} on {len(overviews)} host{'s' * (len(overviews) != 1)}"]
    parts += [f"{stopped} stopped"] if stopped else []
    parts += [
        (
            f"{drift} difference{'s' * (drift != 1)} from the inventory (site.yml mends them)"
            if drift
            else "no difference from the inventory"
        )
    ]
    parts += [f"no answer from {', '.join(silent)}"] if silent else []
    return f"{'; '.join(parts)}."


def as_json(overviews: list[Overview], silent: list[str], now: float) -> bytes:
    """Return everything as the file that other programs read; moments are seconds since the epoch and ISO 8601."""
    written = datetime.fromtimestamp(now, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return (
        json.dumps({"written": written, "hosts": overviews, "silent": silent}, indent=2, ensure_ascii=False) + "\n"
    ).encode()


#: Name, help and value of each metric of a server. https://prometheus.io/docs/practices/naming/
METRICS = (
    ("up", "Whether the server's process runs.", lambda server, drift: int(server["running"])),
    (
        "start_time_seconds",
        "When the server was started, seconds since the epoch.",
        lambda server, drift: server["started"],
    ),
    ("kernels", "Kernels of the server.", lambda server, drift: server["kernels"]),
    (
        "busy",
        "Kernels and terminals in which something runs.",
        lambda server, drift: None if server["busy"] is None else len(server["busy"]),
    ),
    (
        "certificate_expiry_timestamp_seconds",
        "End of the certificate that is presented.",
        lambda server, drift: server["certificate_expires"],
    ),
    (
        "certificate_renewals_refused",
        "Renewals of the certificate that an authority has refused since the last success.",
        lambda server, drift: server.get("renewals_refused"),
    ),
    ("restart_due", "Whether the server waits for a restart.", lambda server, drift: int(bool(server["restart_due"]))),
    (
        "drift",
        "Differences from the inventory.",
        lambda server, drift: sum(entry["instance"] == server["instance"] for entry in drift),
    ),
)
INFO = ("jupyterlab", "jupyter_server", "environment", "service")


def textfile(overviews: list[Overview], silent: list[str], now: float) -> bytes:
    """Return the metrics in the text format that node_exporter's textfile collector reads.

    https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format: one HELP and one TYPE before the
    samples of a metric, which stand together; backslash, quote and line feed of a label are escaped; the file ends with
    a line feed. No time stamps: the collector refuses them
    (https://github.com/prometheus/node_exporter#textfile-collector).
    """
    lines: list[str] = []

    def metric(name: str, explained: str, samples: list[tuple[dict[str, str], Any]]) -> None:
        known = [(labels, value) for labels, value in samples if value is not None]
        if known:
            lines.extend([f"# HELP remote_notebooks_{name} {explained}", f"# TYPE remote_notebooks_{name} gauge"])
            lines.extend(f"remote_notebooks_{name}{{{_labels(labels)}}} {value}" for labels, value in known)

    servers = [(server, one["drift"]) for one in overviews for server in one["servers"]]
    for name, explained, value in METRICS:
        metric(
            name,
            explained,
            [({key: server[key] for key in ("host", "instance")}, value(server, drift)) for server, drift in servers],
        )
    metric(
        "info",
        "What the server runs.",
        [
            ({**{key: server[key] for key in ("host", "instance")}, **{key: server[key] or "" for key in INFO}}, 1)
            for server, _drift in servers
        ],
    )
    answered = [({"host": one["host"]}, 1) for one in overviews] + [({"host": host}, 0) for host in silent]
    metric("host_answered", "Whether the host answered the report.", answered)
    metric(
        "host_drift",
        "Differences from the inventory on the host.",
        [({"host": one["host"]}, len(one["drift"])) for one in overviews],
    )
    lines += [
        "# HELP remote_notebooks_report_timestamp_seconds When the report was made.",
        "# TYPE remote_notebooks_report_timestamp_seconds gauge",
        f"remote_notebooks_report_timestamp_seconds {now}",
    ]
    return ("\n".join(lines) + "\n").encode()


def _labels(labels: dict[str, str]) -> str:
    def escaped(text: str) -> str:
        return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

    return ",".join(f'{name}="{escaped(text)}"' for name, text in labels.items())
