# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the firewall of a host. Runs on the host, inside any module: files first, a process only if a file promises
an answer.

:func:`read` returns a report that is plain JSON, for :func:`compare.difference` on either side of the connection::

    {
      "provider": "ufw",                  the active filter: ufw, firewalld, nftables, iptables or none
      "installed": ["ufw", "nftables"],   providers whose tool is there
      "paths": {"nft": "/usr/sbin/nft"},
      "systemd": true,                    systemd is PID 1
      "interfaces": ["eth0"],             without the loopback
      "ssh": {"port": 22, "client": "192.0.2.10"},    the connection this module came by; {} where it is not SSH
      "ssh_ports": [22],                  where sshd listens
      "rules": [...],     rules of ufw and firewalld: an opening (see rules.py) with provider, owner ("": not ours),
                          comment, live (in force), saved (survives a reboot)
      "chains": [...],    chains of nftables and iptables on the way in (see packet_filter.py);
                          managed: owned by another tool
      "ufw_ipv6": true,   where ufw is: whether it lets IPv6 in
      "ufw_accepts": false,               and whether it accepts connections that no rule names
      "firewalld": {"default": "public", "known": [...], "ledger": {...},
                    "zones": {"public": {"interfaces": ["eth0"], "sources": [], "accepts": false}}},
      "saved": {"ip": {"path": "/etc/iptables/rules.v4", "text": "..."}},     the rules that iptables loads at boot
      "files": {"/etc/remote-notebooks/firewall/jupyter.nft": "<sha256>"},    our own
      "links": ["/etc/systemd/system/sysinit.target.wants/..."],              our own units that start at boot
      "strange": ["/etc/remote-notebooks/firewall"],                          foreign resources at paths of ours
      "watched": ["jupyter"],             owners whose nftables rules come back when somebody flushes all rules
    }

A host without any firewall tool costs a few look-ups in the file system and no process.
"""

from __future__ import annotations

import os
import re

from ..chains import blocking
from ..packet_filter import Record
from ..rules import TOOLS
from . import files, own_files
from .files import RunCommand, names_in
from .firewalld import firewalld_runs, read_firewalld
from .own_files import digests, links_at_boot, strange, watched
from .parse_iptables import IPTABLES, TABLES, parse_iptables_save
from .parse_nftables import add_texts, parse_nft
from .ufw import ufw_accepts, ufw_enabled, ufw_ipv6, ufw_rules

_PATH = ("/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/local/sbin")
_BINARIES = (
    *TOOLS.values(),
    "iptables-save",
    "ip6tables-save",
    "iptables-legacy-save",
    "ip6tables-legacy-save",
    "busctl",
)
# Debian and Ubuntu (netfilter-persistent), then RHEL and Fedora (iptables-services)
_SAVED = {
    "ip": ("/etc/iptables/rules.v4", "/etc/sysconfig/iptables"),
    "ip6": ("/etc/iptables/rules.v6", "/etc/sysconfig/ip6tables"),
}


def read(run_command: RunCommand) -> Record:
    """Return the report of this host.

    :param run_command: ``AnsibleModule.run_command`` or a similar function: a list of arguments in, ``(rc, stdout,
        stderr)`` out.
    """
    paths = {name: path for name in _BINARIES for path in [_which(name)] if path}
    report: Record = {
        "provider": "none",
        "installed": [name for name, tool in TOOLS.items() if tool in paths],
        "paths": paths,
        "systemd": os.path.isdir("/run/systemd/system"),
        "interfaces": _interfaces(),
        "ssh": _ssh(),
        "ssh_ports": _ssh_ports(),
        "rules": [],
        "chains": [],
        "firewalld": {},
        "saved": {},
        "files": digests(),
        "links": links_at_boot(),
        "watched": watched(),
        "strange": strange(),
    }
    if not report["installed"]:
        return report
    report["chains"] = _chains(paths, run_command)
    report["saved"] = {
        of: {"path": path, "text": files.text_of(path)}
        for of, names in _SAVED.items()
        for path in names
        if os.path.exists(path)
    }
    ufw, firewalld = "ufw" in paths, "firewall-cmd" in paths
    if ufw:
        report["ufw_ipv6"], report["ufw_accepts"] = ufw_ipv6(), ufw_accepts()
        report["rules"] += ufw_rules(report["chains"])
    runs = firewalld and firewalld_runs()
    if firewalld:
        report["firewalld"], rules = read_firewalld(report, run_command, runs)
        report["rules"] += rules
    report["provider"] = _provider(report, ufw and ufw_enabled(), runs)
    return report


def _which(name: str) -> str:
    return next((path for folder in _PATH for path in [os.path.join(folder, name)] if os.access(path, os.X_OK)), "")


def _interfaces() -> list[str]:
    return [name for name in names_in("/sys/class/net") if name != "lo" and os.path.isdir(f"/sys/class/net/{name}")]


def _ssh() -> Record:
    """The SSH connection this process descends from. sudo drops SSH_CONNECTION from the environment, so the parents are
    asked, too."""
    pid = os.getpid()
    while pid > 1:
        for item in files.text_of(f"/proc/{pid}/environ").split("\0"):
            if item.startswith("SSH_CONNECTION="):
                words = item.split("=", 1)[1].split()
                if len(words) == 4 and re.fullmatch(
                    r"[0-9A-Fa-f.:]+", words[0].split("%")[0]
                ):  # else "UNKNOWN": no network, but vsock or a pipe
                    return {
                        "client": words[0].replace("::ffff:", "") if "." in words[0] else words[0].split("%")[0],
                        "port": int(words[3]),
                    }
        match = re.search(r"^PPid:\s*(\d+)", files.text_of(f"/proc/{pid}/status"), re.MULTILINE)
        pid = int(match.group(1)) if match else 0
    return {}


def _ssh_ports() -> list[int]:
    """The ports of the SSH server as its configuration names them (sshd_config(5): 22 where it names none)."""
    folder = "/etc/ssh/sshd_config.d"
    texts = [
        files.text_of("/etc/ssh/sshd_config"),
        *(files.text_of(os.path.join(folder, name)) for name in names_in(folder) if name.endswith(".conf")),
    ]
    found = {
        int(port) for text in texts for port in re.findall(r"^\s*Port\s+(\d+)", text, re.MULTILINE | re.IGNORECASE)
    }
    return sorted(found | {_ssh().get("port", 0)} - {0}) or [22]


def listening() -> set[int]:
    """The TCP ports on which somebody listens for others than this host (proc(5), /proc/net/tcp: 0A is LISTEN)."""
    entries = [line.split() for name in ("tcp", "tcp6") for line in files.text_of(f"/proc/net/{name}").splitlines()[1:]]
    near = ("7F", "00000000000000000000000001000000")  # 127.0.0.0/8 and ::1, in the byte order of most machines
    places = [words[1].split(":") for words in entries if len(words) > 3 and words[3] == "0A"]
    return {
        int(port, 16)
        for address, port in places
        if not (address == near[1] or (len(address) == 8 and address.endswith(near[0])))
    }


def _chains(paths: Record, run_command: RunCommand) -> list[Record]:
    chains: list[Record] = []
    if "nft" in paths:
        rc, out, _err = run_command([paths["nft"], "-j", "list", "ruleset"])
        # fail2ban blocks addresses that guess, for a while. That is no firewall in charge, and no rule to undo.
        chains = [
            chain
            for chain in (parse_nft(out) if rc == 0 and out.strip() else [])
            if not chain["table"].startswith("f2b-")
        ]
        if any(chain["hook"] and not chain["table"].startswith("remote_notebooks_") for chain in chains):
            _rc, listed, _err = run_command([paths["nft"], "-a", "-s", "list", "ruleset"])
            add_texts(chains, listed)
    legacy = bool(
        set(TABLES)
        & {*files.text_of("/proc/net/ip_tables_names").split(), *files.text_of("/proc/net/ip6_tables_names").split()}
    )
    theirs = [
        chain for chain in chains if chain["family"] in ("ip", "ip6") and (chain["table"], chain["name"]) in IPTABLES
    ]
    if not (theirs or legacy or "nft" not in paths):
        return chains
    # iptables' own listing says more about its rules than nft's translation of them
    saved: list[Record] = []
    for of, prefix in (("ip", "iptables"), ("ip6", "ip6tables")):
        name = f"{prefix}-legacy-save" if legacy and f"{prefix}-legacy-save" in paths else f"{prefix}-save"
        if name in paths:
            rc, out, _err = run_command([paths[name]])
            saved += [
                dict(chain, managed="iptables") for chain in parse_iptables_save(out if rc == 0 else "", of, TABLES)
            ]
    known = {(chain["family"], chain["table"]) for chain in saved}
    return [chain for chain in chains if (chain["family"], chain["table"]) not in known] + saved


def _provider(report: Record, ufw: bool, firewalld: bool) -> str:
    """Which firewall is in charge. Of two packet filters it is the one that stops a stranger at a port that no rule
    speaks of."""
    if ufw:
        return "ufw"
    if firewalld:
        return "firewalld"
    managed = [chain for chain in report["chains"] if chain.get("managed")]
    native = [
        chain
        for chain in report["chains"]
        if not chain.get("managed") and not chain["table"].startswith("remote_notebooks_")
    ]
    if _stops(managed, report) and not _stops(native, report):
        return "iptables"
    links = (f"{own_files.UNITS}/{target}.wants/nftables.service" for target in ("sysinit.target", "multi-user.target"))
    if any(chain["hook"] == "input" for chain in native) or any(os.path.lexists(link) for link in links):
        return "nftables"
    if any(chain["hook"] for chain in managed) and report["saved"]:
        return "iptables"
    return "nftables" if any(chain["table"].startswith("remote_notebooks_") for chain in report["chains"]) else "none"


def _stops(chains: list[Record], report: Record) -> bool:
    nobody = {"protocol": "tcp", "port": "1", "source": "", "interface": "", "zone": "", "limit": ""}
    return bool(blocking(nobody, chains, report))
