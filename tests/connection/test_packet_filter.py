# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdict of the model on a rule set, and the result of a client in a second network namespace that tries to get
through it.

The lines are those of common guides ("drop malformed TCP", "protect against port scans", nftables' and iptables' own
examples).
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Iterator

import pytest
from ansible_collections.remote.notebooks.plugins.module_utils._firewall import temporary
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.compare import difference
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.netfilter.unit import digest
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.netfilter.view import View, view
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.observation import report as firewall_report
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.packet_filter import doubts, obstacles
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.remarks import remarks
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.rules import normalise, openings
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.transactions import transactions as plan
from ansible_collections.remote.notebooks.plugins.module_utils._firewall.zones import resolve

HOST, CLIENT, STRANGER = "10.77.27.1", "10.77.27.2", "10.77.27.3"
HOST6, CLIENT6 = "fd77:27::1", "fd77:27::2"
MAC = ("02:00:00:00:27:02", "02:00:00:00:27:01")  # the client's, the host's
PAIRS = (
    12  # so many rule sets are tried at the same time: most of the time a client waits for an answer that does not come
)
SERVER = """
import socket, threading
def serve(one):
    with one:
        one.sendall(one.recv(1))
with socket.create_server(("::", 8888), family=socket.AF_INET6, dualstack_ipv6=True, backlog=64) as listening:
    print("listening", flush=True)
    while True:
        threading.Thread(target=serve, args=listening.accept()[:1], daemon=True).start()
"""
TRY = """
import socket, sys
try:
    with socket.create_connection((sys.argv[1], 8888), 2, source_address=(sys.argv[2], 0)) as one:
        one.sendall(b"x")
        sys.exit(one.recv(1) != b"x")
except OSError:
    sys.exit(1)
"""


def seen_by(rules: list[dict[str, Any]], report: dict[str, Any], provider: str = "nftables") -> View:
    return view(resolve(openings(rules), provider, report), "jupyter", report)


class Pair:
    """A host and a client, each a network namespace, with a real server on the host."""

    def __init__(self, number: int) -> None:
        self.host, self.client = (f"rn{os.getpid()}-{number}{kind}" for kind in "hc")
        for name in (self.host, self.client):
            _run("ip", "netns", "add", name)
            _run("ip", "-n", name, "link", "set", "lo", "up")
        _run(
            "ip",
            "link",
            "add",
            "eth0",
            "netns",
            self.host,
            "type",
            "veth",
            "peer",
            "name",
            "eth0",
            "netns",
            self.client,
        )
        for name, addresses in ((self.host, (HOST, HOST6)), (self.client, (CLIENT, STRANGER, CLIENT6))):
            for address in addresses:
                plain = ["nodad"] if ":" in address else []
                _run("ip", "-n", name, "address", "add", address + ("/64" if plain else "/24"), "dev", "eth0", *plain)
            _run("ip", "-n", name, "link", "set", "eth0", "up", "address", MAC[name == self.host])
        for name, addresses in ((self.host, (CLIENT, STRANGER, CLIENT6)), (self.client, (HOST, HOST6))):
            for address in addresses:  # a firewall that stops IPv6's search for neighbours is not under test here
                _run(
                    "ip",
                    "-n",
                    name,
                    "neigh",
                    "replace",
                    address,
                    "lladdr",
                    MAC[name == self.client],
                    "dev",
                    "eth0",
                    "nud",
                    "permanent",
                )
        self.server = subprocess.Popen(
            ["ip", "netns", "exec", self.host, sys.executable, "-c", SERVER], stdout=subprocess.PIPE
        )
        assert self.server.stdout is not None
        assert self.server.stdout.readline() == b"listening\n"

    def close(self) -> None:
        self.server.kill()
        self.server.wait()
        for name in (self.host, self.client):
            _run("ip", "netns", "delete", name)

    def load(self, rules: str) -> None:
        """Load ``nft`` text, or lines of ``iptables`` and ``ip6tables``, and nothing else."""
        self.command(["nft", "flush", "ruleset"])
        if rules.lstrip().startswith("table"):
            self.command(["nft", "-f", "-"], data=rules)
        else:
            for line in filter(None, rules.splitlines()):
                _run("ip", "netns", "exec", self.host, "sh", "-ec", line)

    def command(self, words: list[str], data: str = "") -> tuple[int, str, str]:
        done = subprocess.run(
            ["ip", "netns", "exec", self.host, *words], check=False, capture_output=True, text=True, input=data
        )
        assert done.returncode == 0, (words, data, done.stderr)
        return done.returncode, done.stdout, done.stderr

    def connects(self, source: str) -> bool:
        """Whether a client with this address gets an answer."""
        to = HOST6 if ":" in source else HOST
        words = ["ip", "netns", "exec", self.client, sys.executable, "-c", TRY, to, source]
        return subprocess.run(words, check=False, timeout=60).returncode == 0

    def report(self) -> dict[str, Any]:
        """The report of the role on this host."""
        found = firewall_report.read(self.command)
        return {
            **found,
            "interfaces": ["eth0"],
            "systemd": False,
            "saved": {},
            "rules": [],
            "files": {},
            "ssh": {},
            "links": [],
            "watched": [],
            "strange": [],
        }


def _run(*words: str) -> None:
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    assert done.returncode == 0, (words, done.stderr)


@pytest.fixture(scope="module")
def pairs() -> Iterator[queue.SimpleQueue[Pair]]:
    free: queue.SimpleQueue[Pair] = queue.SimpleQueue()
    with contextlib.ExitStack() as stack:
        for number in range(PAIRS):
            pair = Pair(number)
            stack.callback(pair.close)
            free.put(pair)
        yield free


def nft(*lines: str, policy: str = "accept", hook: str = "input", before: str = "") -> str:
    body = "\n".join(lines)
    return (
        f"table inet filter {{\n{before}\nchain input {{\ntype filter hook {hook} priority 0; policy"
        f" {policy};\n{body}\n}}\n}}\n"
    )


def iptables(*rules: str, policy: str = "ACCEPT", tool: str = "iptables") -> str:
    return "\n".join(
        [
            f"{tool} -P INPUT {policy}",
            *(f"{tool} {rule if rule.startswith('-t') else '-A INPUT ' + rule}" for rule in rules),
        ]
    )


KEEP = "ct state established,related accept"
KEPT = "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
OPEN, CLOSED, SILENT = "open", "closed", "not judged"
# (rule set, verdict for IPv4, verdict for IPv6)
CASES: dict[str, tuple[str, str, str]] = {
    # nftables: flags
    "no new connection without SYN": (nft("tcp flags & (fin|syn|rst|ack) != syn ct state new drop"), OPEN, OPEN),
    "the same, with a policy that drops": (
        nft(KEEP, "tcp flags & (fin|syn|rst|ack) != syn ct state new drop", policy="drop"),
        CLOSED,
        CLOSED,
    ),
    "the same, and the port is open": (
        nft(KEEP, "tcp flags & (fin|syn|rst|ack) != syn ct state new drop", "tcp dport 8888 accept", policy="drop"),
        OPEN,
        OPEN,
    ),
    "nothing but SYN may be new": (
        nft("tcp flags & (fin|syn|rst|ack) == syn ct state new accept", KEEP, policy="drop"),
        OPEN,
        OPEN,
    ),
    "no flag at all": (nft("tcp flags & (fin|syn|rst|psh|ack|urg) == 0x0 drop", "tcp flags == 0x0 drop"), OPEN, OPEN),
    "all flags": (nft("tcp flags & (fin|syn|rst|psh|ack|urg) == fin|syn|rst|psh|ack|urg drop"), OPEN, OPEN),
    "a Christmas tree": (
        nft("tcp flags & (fin|psh|urg) == fin|psh|urg drop", "tcp flags fin,psh,urg / fin,psh,urg drop"),
        OPEN,
        OPEN,
    ),
    "flags that exclude each other": (
        nft("tcp flags & (syn|rst) == syn|rst drop", "tcp flags & (fin|syn) == fin|syn drop"),
        OPEN,
        OPEN,
    ),
    "SYN, whatever else": (nft("tcp flags syn drop"), CLOSED, CLOSED),
    "SYN alone": (nft("tcp flags == syn drop"), CLOSED, CLOSED),
    "SYN without ACK": (nft("tcp flags & (syn|ack) == syn drop"), CLOSED, CLOSED),
    "SYN with ACK": (nft("tcp flags & (syn|ack) == syn|ack drop"), OPEN, OPEN),
    "FIN or RST": (nft("tcp flags & (fin|rst) != 0 ct state new drop"), OPEN, OPEN),
    "no SYN, whatever the state": (nft("tcp flags & syn == 0 drop"), CLOSED, CLOSED),
    "all but SYN, whatever the state": (nft("tcp flags != syn drop"), CLOSED, CLOSED),
    "one of two combinations": (nft("tcp flags { syn, syn|ack } drop"), CLOSED, CLOSED),
    "neither of two combinations": (nft("tcp flags != { syn, ack, psh|ack, fin|ack } drop"), OPEN, OPEN),
    "a verdict map over flags": (
        nft("tcp flags & (fin|syn|rst|ack) vmap { syn : drop, fin|rst : accept }"),
        CLOSED,
        CLOSED,
    ),
    "SYN beyond a rate": (
        nft("tcp flags & (fin|syn|rst|ack) == syn limit rate over 100/second burst 100 packets drop"),
        OPEN,
        OPEN,
    ),
    # nftables: other operators and other parts of a packet
    "all ports from 1024 on": (nft("tcp dport >= 1024 drop"), CLOSED, CLOSED),
    "all ports above 8888": (nft("tcp dport > 8888 drop"), OPEN, OPEN),
    "the ports below 1024": (nft("tcp dport < 1024 drop", "tcp dport <= 1023 drop"), OPEN, OPEN),
    "a port below 1024 on the client's side": (nft("tcp sport < 1024 drop", "tcp sport 0 drop"), OPEN, OPEN),
    "any high port on the client's side": (
        nft(KEEP, "tcp sport 1024-65535 tcp dport 8888 accept", policy="drop"),
        OPEN,
        OPEN,
    ),
    "a group's address": (nft("ip daddr 224.0.0.0/4 drop", "ip6 daddr ff00::/8 drop"), OPEN, OPEN),
    "fragments": (nft("ip frag-off & 0x1fff != 0 drop"), OPEN, OPEN),
    "no fragments": (nft("ip frag-off & 0x1fff == 0 drop"), CLOSED, OPEN),
    "routing headers": (nft("rt type 0 drop", "exthdr frag exists drop"), OPEN, OPEN),
    "a wrong way back": (nft("fib saddr . iif oif missing drop", hook="prerouting"), OPEN, OPEN),
    "not for this host": (nft("fib daddr type != { local, broadcast, multicast } drop"), OPEN, OPEN),
    "tiny segments": (nft("tcp option maxseg size 1-535 drop"), OPEN, OPEN),
    "one family": (nft("meta protocol ip6 drop"), OPEN, CLOSED),
    "one family by its version": (nft("ip version 4 drop"), CLOSED, OPEN),
    "invalid, then established": (
        nft("ct state vmap { invalid : drop, established : accept, related : accept }", policy="drop"),
        CLOSED,
        CLOSED,
    ),
    "all but established": (nft("ct state != { established, related } drop"), CLOSED, CLOSED),
    "new is accepted, what follows is not": (nft("ct state new tcp dport 8888 accept", policy="drop"), CLOSED, CLOSED),
    "many connections of one address": (nft("tcp dport 8888 ct count over 20 drop"), OPEN, OPEN),
    "pings": (nft("icmp type echo-request drop", "icmpv6 type echo-request drop"), OPEN, OPEN),
    "ingress": (
        (
            "table netdev f {\nchain i {\ntype filter hook ingress device eth0 priority 0;\n"
            "tcp flags & (fin|syn) == fin|syn drop\nip protocol tcp tcp dport 8888 drop\n}\n}\n"
        ),
        CLOSED,
        OPEN,
    ),
    # nftables: lines that the model does not follow
    "a length": (nft("meta length 0-39 drop"), SILENT, SILENT),
    "a hop limit": (nft("ip ttl < 5 drop"), SILENT, OPEN),
    "a mark": (nft(KEEP, "meta mark 0x1 accept", policy="drop"), SILENT, SILENT),
    "one address of the host": (nft(KEEP, f"ip daddr {HOST} tcp dport 8888 accept", policy="drop"), SILENT, CLOSED),
    "a pair of address and port": (nft("ip saddr . tcp dport { 203.0.113.9 . 8888 } drop"), SILENT, SILENT),
    "a length, behind which all is dropped anyway": (nft("meta length 0-39 drop", "drop"), CLOSED, CLOSED),
    # iptables
    "iptables: no new connection without SYN": (iptables("-p tcp ! --syn -m state --state NEW -j DROP"), OPEN, OPEN),
    "iptables: the same, with a policy that drops": (
        iptables(KEPT, "-p tcp ! --syn -m state --state NEW -j DROP", policy="DROP"),
        CLOSED,
        OPEN,
    ),
    "iptables: all flags, none, a Christmas tree": (
        iptables(
            "-p tcp --tcp-flags ALL ALL -j DROP",
            "-p tcp --tcp-flags ALL NONE -j DROP",
            "-p tcp --tcp-flags ALL FIN,PSH,URG -j DROP",
        ),
        OPEN,
        OPEN,
    ),
    "iptables: flags that exclude each other": (
        iptables(
            "-p tcp --tcp-flags SYN,RST SYN,RST -j DROP",
            "-p tcp --tcp-flags SYN,FIN SYN,FIN -j DROP",
            "-p tcp --tcp-flags ACK,FIN FIN -j DROP",
        ),
        OPEN,
        OPEN,
    ),
    "iptables: SYN alone": (iptables("-p tcp --tcp-flags ALL SYN -j DROP"), CLOSED, OPEN),
    "iptables: SYN": (iptables("-p tcp --syn -j REJECT --reject-with tcp-reset"), CLOSED, OPEN),
    "iptables: all but SYN": (iptables("-p tcp ! --syn -j DROP"), CLOSED, OPEN),
    "iptables: all but a Christmas tree": (iptables("-p tcp ! --tcp-flags ALL FIN,PSH,URG -j DROP"), CLOSED, OPEN),
    "iptables: SYN beyond a rate": (
        iptables("-p tcp --syn -m limit --limit 100/s -j ACCEPT", KEPT, policy="DROP"),
        OPEN,
        OPEN,
    ),
    "iptables: many connections": (
        iptables("-p tcp --syn -m connlimit --connlimit-above 20 -j REJECT --reject-with tcp-reset"),
        OPEN,
        OPEN,
    ),
    "iptables: tiny segments": (
        iptables("-p tcp -m conntrack --ctstate NEW -m tcpmss ! --mss 536:65535 -j DROP"),
        OPEN,
        OPEN,
    ),
    "iptables: fragments": (iptables("-f -j DROP"), OPEN, OPEN),
    "iptables: a high port on the client's side": (
        iptables(KEPT, "-p tcp --sport 1024:65535 -m multiport --dports 80,8888 -j ACCEPT", policy="DROP"),
        OPEN,
        OPEN,
    ),
    "iptables: a range of addresses": (iptables("-m iprange --src-range 10.77.27.2-10.77.27.9 -j DROP"), CLOSED, OPEN),
    "iptables: not for this host": (iptables("-m addrtype ! --dst-type LOCAL -j DROP"), OPEN, OPEN),
    "iptables: in mangle, before the routing": (
        iptables(
            "-t mangle -A PREROUTING -p tcp ! --syn -m conntrack --ctstate NEW -j DROP",
            "-t raw -A PREROUTING -m rpfilter --invert -j DROP",
        ),
        OPEN,
        OPEN,
    ),
    "iptables: dropped in mangle": (iptables("-t mangle -A PREROUTING -p tcp --syn -j DROP"), CLOSED, OPEN),
    "iptables: dropped in raw": (iptables("-t raw -A PREROUTING -p tcp --dport 8888 -j DROP"), CLOSED, OPEN),
    "ip6tables: routing headers": (iptables("-m rt --rt-type 0 -j DROP", tool="ip6tables"), OPEN, OPEN),
    "ip6tables: SYN": (iptables("-p tcp --syn -j DROP", tool="ip6tables"), OPEN, CLOSED),
    "iptables: a length": (iptables("-m length --length 0:39 -j DROP"), SILENT, OPEN),
    "iptables: a list of port scanners": (
        iptables("-m recent --name portscan --rcheck --seconds 86400 -j DROP"),
        SILENT,
        OPEN,
    ),
    "iptables: a time of day": (
        iptables(KEPT, "-m time --timestart 00:00 --timestop 23:59:59 -j ACCEPT", policy="DROP"),
        SILENT,
        OPEN,
    ),
    "iptables: a mark is set": (iptables("-p tcp -j MARK --set-mark 0x1", "-p tcp --dport 8888 -j LOG"), OPEN, OPEN),
}


def judged(chains: list[dict[str, Any]], source: str) -> str:
    packet = {
        "family": "ip6" if ":" in source else "ip",
        "protocol": "tcp",
        "port": "8888",
        "source": source,
        "interface": "eth0",
    }
    stopped = bool(obstacles(chains, packet))
    return SILENT if doubts(chains, packet, "accept" if stopped else "drop") else CLOSED if stopped else OPEN


@pytest.fixture(scope="module")
def seen(pairs) -> dict[str, list[tuple[str, bool]]]:
    """For each rule set and both families: the verdict of the model and the result of the client."""

    def one(rules: str) -> list[tuple[str, bool]]:
        pair = pairs.get()
        try:
            pair.load(rules)
            chains = pair.report()["chains"]
            return [(judged(chains, source), pair.connects(source)) for source in (CLIENT, CLIENT6)]
        finally:
            pairs.put(pair)

    with ThreadPoolExecutor(PAIRS) as pool:
        return dict(zip(CASES, pool.map(one, (rules for rules, _four, _six in CASES.values()))))


@pytest.mark.parametrize("name", CASES)
def test_the_verdict_is_what_a_client_sees(name, seen):
    for (said, connected), expected in zip(seen[name], CASES[name][1:]):
        assert said == expected
        assert said == SILENT or connected == (said == OPEN)


MALFORMED = "tcp flags & (fin|syn|rst|ack) != syn ct state new drop"
HOSTS = {
    "nftables lets all in but malformed TCP": ("nftables", nft(MALFORMED)),
    "nftables drops what it does not know, malformed TCP first": (
        "nftables",
        nft(KEEP, MALFORMED, f"ip saddr {STRANGER} drop", policy="drop"),
    ),
    "nftables has a line that the model does not follow": ("nftables", nft("meta length 0-39 drop")),
    "nftables lets in by a line that the model does not follow": (
        "nftables",
        nft(KEEP, "meta length 40-1500 accept", policy="drop"),
    ),
    "iptables lets all in but malformed TCP": (
        "iptables",
        iptables("-p tcp ! --syn -m state --state NEW -j DROP", "-p tcp --tcp-flags ALL ALL -j DROP"),
    ),
    "iptables drops what it does not know": (
        "iptables",
        iptables(KEPT, "-p tcp ! --syn -m conntrack --ctstate NEW -j DROP", f"-s {STRANGER} -j DROP", policy="DROP"),
    ),
    "nftables stops what follows the SYN": ("nftables", nft("tcp flags & syn == 0 drop", policy="drop")),
}


@pytest.mark.parametrize("name", HOSTS)
def test_the_sources_are_in_force(name, pairs):
    """The listed network gets in, and nobody else: not the operator's banned address either, which belongs to the
    network."""
    provider, rules = HOSTS[name]
    banned = STRANGER in rules
    wanted = normalise([{"port": 8888, "sources": ["10.77.27.0/24"] if banned else [CLIENT]}])
    pair = pairs.get()
    try:
        pair.load(rules)
        before = pair.report()
        for command, text in plan(seen_by(wanted, before, provider), provider)[0]:
            pair.command(command, data=text)
        after = pair.report()
        assert [entry for entry in difference(wanted, "jupyter", after, provider) if entry["detail"] != "file"] == []
        assert [pair.connects(CLIENT), pair.connects(STRANGER)] == [True, False]
        said = [line for line in remarks(wanted, "jupyter", after, provider) if "was not judged" in line]
        # a line that may let in says nothing about the listed network, which has its own accept behind it
        assert ["handle" in line and "(meta length 0-39 drop)" in line for line in said] == (
            [True] if "meta length 0-39" in rules else []
        )
    finally:
        pairs.put(pair)


BLOCK = f"ip saddr {STRANGER} drop"
GROWN = {
    "a block list above": (nft(KEEP, "tcp dport 22 accept", BLOCK, "log drop"), True),
    "two lines more, and the last one twice": (
        nft("tcp dport 25 accept", KEEP, BLOCK, "tcp dport 22 accept", "log drop", "log drop"),
        False,
    ),
    "the last line changed": (nft(KEEP, BLOCK, 'log prefix "it\'s over" reject'), False),
    "the policy alone": (nft(KEEP, BLOCK, policy="drop"), False),
}


@pytest.mark.parametrize("name", GROWN)
def test_a_reboot_after_the_operator_changed_his_chain(name, pairs, tmp_path):
    """Rules of the operator above our accept keep their effect. If the rule that stopped the connection is gone, or is
    there twice, the port is closed."""
    rules, opens = GROWN[name]
    wanted = normalise([{"port": 8888, "sources": ["10.77.27.0/24"]}])
    pair = pairs.get()
    try:
        pair.load(nft(KEEP, "tcp dport 22 accept", "log drop"))
        transactions, files = plan(seen_by(wanted, pair.report()), "nftables")
        for command, text in transactions:
            pair.command(command, data=text)
        assert [pair.connects(CLIENT), pair.connects(STRANGER)] == [True, True]
        pair.load(rules)
        for path, (text, _mode) in files.items():
            (tmp_path / os.path.basename(path)).write_text(text or "")
        for _start in range(2):  # the unit runs it at each start and reload
            pair.command(["nft", "-f", str(tmp_path / "jupyter.nft")])
            said = pair.command(["sh", "-e", str(tmp_path / "jupyter.hooks.sh")])[2]
            assert [pair.connects(CLIENT), pair.connects(STRANGER)] == [opens, False]
            assert ("not added" in said) is (name == "the last line changed" or name == "the policy alone")
        after = dict(pair.report(), files={path: digest(text or "") for path, (text, _mode) in files.items()})
        assert (difference(wanted, "jupyter", after, "nftables") == []) is opens
    finally:
        pairs.put(pair)


KNOCKED = {
    "nothing filters": ("", "connected"),
    "a drop": ("tcp dport 8888 drop", "silence"),
    "a reject, as nftables has it without a word": ("tcp dport 8888 reject", "refused"),
    "a reject that looks like a closed port": ("tcp dport 8888 reject with tcp reset", "refused"),
    "a reject as firewalld has it": ("tcp dport 8888 reject with icmpx type admin-prohibited", "prohibited"),
}
KNOCK = """
import sys
from ansible_collections.remote.notebooks.plugins.plugin_utils._firewall.knock import knock
print(knock(sys.argv[1], 8888, sys.argv[2]))
"""


@pytest.mark.parametrize("name", KNOCKED)
def test_how_a_connection_ends(name, pairs):
    rule, outcome = KNOCKED[name]
    pair = pairs.get()
    try:
        pair.load(nft(rule))
        for to, source in ((HOST, CLIENT), (HOST6, CLIENT6)):
            words = ["ip", "netns", "exec", pair.client, sys.executable, "-c", KNOCK, to, source]
            assert subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip() == outcome
    finally:
        pairs.put(pair)


FLUSHED = {
    "nothing else filters": ("", "flush ruleset\n", [True, False]),
    "a policy that closes": (nft(KEEP, policy="drop"), "flush ruleset\n" + nft(KEEP, policy="drop"), [True, False]),
    "off and on again": (
        nft(KEEP, "log drop"),
        "flush ruleset\n",
        [True, True],
    ),  # the host's own rules have closed it
}


@pytest.mark.parametrize("name", FLUSHED)
def test_whoever_flushes_all_rules_opens_nothing(name, pairs, tmp_path):
    """The first line of Debian's /etc/nftables.conf, typed by hand. Connections made meanwhile are cut again."""
    before, typed, reached = FLUSHED[name]
    wanted = normalise([{"port": 8888, "sources": [f"{CLIENT}/32"]}])
    pair = pairs.get()
    watch = None
    try:
        pair.load(before or "table inet none {}")
        transactions, files = plan(seen_by(wanted, {**pair.report(), "systemd": True}), "nftables")
        for command, text in transactions:
            pair.command(command, data=text)
        for path, (text, _mode) in files.items():
            (tmp_path / os.path.basename(path)).write_text(
                (text or "").replace("/etc/remote-notebooks/firewall", str(tmp_path))
            )
        watch = subprocess.Popen(
            ["ip", "netns", "exec", pair.host, "sh", str(tmp_path / "jupyter.hooks.sh"), "watch"],
            start_new_session=True,
        )
        assert [pair.connects(CLIENT), pair.connects(STRANGER)] == [True, False]
        for _time in range(2):
            pair.command(["nft", "-f", "-"], data=typed)
            time.sleep(3)
            assert [pair.connects(CLIENT), pair.connects(STRANGER)] == reached
        if name == "off and on again":
            pair.command(["nft", "-f", "-"], data="flush ruleset\n" + before)
            time.sleep(3)
            assert [pair.connects(CLIENT), pair.connects(STRANGER)] == [True, False]
    finally:
        if watch:
            os.killpg(watch.pid, signal.SIGKILL)
            watch.wait()
        pairs.put(pair)


@pytest.mark.parametrize(
    "rules",
    [
        "table inet lab {\n chain in {\n type filter hook input priority 0; policy drop;\n iifname lo accept\n }\n}\n",
        "iptables -P INPUT DROP\nip6tables -P INPUT DROP\niptables -A INPUT -i lo -j ACCEPT",
    ],
    ids=["nftables", "iptables"],
)
def test_an_opening_for_some_minutes_leaves_the_rules_as_they_were(rules, pairs, monkeypatch):
    pair = pairs.get()
    try:
        pair.load(rules)
        monkeypatch.setattr(temporary, "read", lambda _run: pair.report())
        before = pair.command(["nft", "list", "ruleset"])[1]
        assert not pair.connects(CLIENT)
        assert temporary.change(8888, True, "jupyter_acme", pair.command)
        assert pair.connects(CLIENT) and pair.connects(CLIENT6)
        assert temporary.change(8888, True, "jupyter_acme", pair.command) == [], "it is open already"
        assert temporary.change(8888, False, "jupyter_acme", pair.command)
        assert not pair.connects(CLIENT)
        after = pair.command(["nft", "list", "ruleset"])[1]
        assert [line for line in after.splitlines() if "8888" in line or "remote" in line] == []
        assert len(after) == len(before) or rules.startswith("iptables")
        assert temporary.change(8888, False, "jupyter_acme", pair.command) == []
    finally:
        pairs.put(pair)
