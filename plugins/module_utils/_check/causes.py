# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a client saw to what it means: facts in, verdict, cause and cure out. Pure: no I/O, no Ansible.

Three verdicts, in the words of the people who wait for their notebook:

``unreachable``
    no cell can be run at this address: the network, the tunnel, the server, the login or the kernel is in the way;
``untrusted``
    the server answers, but a browser or an app refuses its certificate;
``reachable``
    a client gets through.
"""

from __future__ import annotations

import errno
import json
import re
import socket
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlsplit

from .._errors import CheckError
from .._plain import plain
from .._tunnel.names import quoted

UNREACHABLE = "unreachable"
UNTRUSTED = "untrusted"
REACHABLE = "reachable"

DEFAULT_PORTS = {"http": 80, "https": 443}

#: Apple refuses a longer life, also under a private authority: https://support.apple.com/103769 (was HT210176).
MOST_DAYS = 825
APPLE_RULES_SINCE = datetime(2019, 7, 1, tzinfo=timezone.utc)
#: Same page: RSA keys of the server and of the authority.
LEAST_RSA_BITS = 2048
#: What every browser takes: https://cabforum.org/working-groups/server/baseline-requirements/ section 6.1.5 (no
#: Ed25519, no DSA).
BROWSER_CURVES = frozenset({"secp256r1", "secp384r1", "secp521r1"})
BROWSER_HASHES = frozenset({"sha256", "sha384", "sha512"})


@dataclass(frozen=True)
class Cause:
    """What a cause means. The two sentences are templates over the facts of the check."""

    verdict: str
    message: str
    cure: str


#: The identifiers are public: playbooks compare them. Add, never rename.
CAUSES = {
    # --- a client gets through -------------------------------------------------------------------------------------
    "ok": Cause(REACHABLE, "{url} runs code: {result} came back in {seconds} s.", "Nothing to do."),
    "no_credentials": Cause(
        REACHABLE,
        "Jupyter answers at {url}; no password or token was given, so neither the login nor a kernel was tried.",
        "Give password_file or token_file to have a kernel started as well.",
    ),
    "open_to_all": Cause(
        REACHABLE,
        "{url} runs code for anybody: the server asks for neither password nor token.",
        "Set PasswordIdentityProvider.hashed_password and password_required in its configuration and restart it.",
    ),
    # --- the way there ---------------------------------------------------------------------------------------------
    "name_not_resolved": Cause(
        UNREACHABLE,
        "The name {host} has no address on this machine: {detail}.",
        "Correct the name in the url, add it to DNS or /etc/hosts, or use an address.",
    ),
    "refused": Cause(
        UNREACHABLE,
        "{at} refuses connections: no program listens there, or a firewall rejects them.",
        "Start the service, compare the port, and see that the server binds the network and not only the loopback.",
    ),
    "timed_out": Cause(
        UNREACHABLE,
        "{at} does not answer within {seconds} s: packets are dropped on the way, or the machine is off.",
        "Open the port for this client in the host's firewall, and in a router or cloud security group between the"
        " two.",
    ),
    "no_route": Cause(
        UNREACHABLE,
        "There is no way to {at}: {detail}.",
        "Compare the address and this machine's routes (VPN, other network); a firewall that rejects with"
        " host-prohibited answers the same.",
    ),
    "connection_closed": Cause(
        UNREACHABLE,
        "{at} takes connections and closes them without a word: {detail}.",
        "Read the service's log; see that no other program or proxy took the port.",
    ),
    "no_answer": Cause(
        UNREACHABLE,
        "{at} takes connections but gave no answer to {step} within {seconds} s.",
        "Read the service's log: it hangs, is overloaded, or another program holds the port. A slow host gets longer by"
        " jupyter_timeout.",
    ),
    "port_held": Cause(
        UNREACHABLE,
        "TCP port {port} of {host} is held by {who}, and not by the server of '{instance}'. No password was sent"
        " there.",
        "Find out there why that account listens on it, end that process, and run the site playbook, which starts the"
        " server.",
    ),
    # --- the tunnel ------------------------------------------------------------------------------------------------
    "tunnel_name_not_resolved": Cause(
        UNREACHABLE,
        "ssh finds no address for {ssh_host}: {words}.",
        "Correct tunnel.host, add it to DNS, /etc/hosts or ~/.ssh/config, or use an address.",
    ),
    "tunnel_refused": Cause(
        UNREACHABLE,
        "{ssh_at} refuses SSH connections: {words}.",
        "Start sshd on that host, or correct tunnel.port.",
    ),
    "tunnel_timed_out": Cause(
        UNREACHABLE,
        "{ssh_at} does not answer SSH: {words}.",
        "Open the SSH port for this client in the firewall, or correct tunnel.host and tunnel.port.",
    ),
    "tunnel_no_route": Cause(
        UNREACHABLE,
        "There is no way to {ssh_at}: {words}.",
        "Compare the address and this machine's routes (VPN, other network).",
    ),
    "tunnel_host_key_unknown": Cause(
        UNREACHABLE,
        "This machine does not know the host key of {ssh_at} yet: {words}.",
        "Log in once with ssh and compare the fingerprint, or add the key with ssh-keyscan to ~/.ssh/known_hosts.",
    ),
    "tunnel_host_key_changed": Cause(
        UNREACHABLE,
        "{ssh_at} shows another host key than before: {words}.",
        "If the host was made anew, remove the old key with ssh-keygen -R and log in once; if not, somebody may sit in"
        " between: do not connect.",
    ),
    "tunnel_authentication_failed": Cause(
        UNREACHABLE,
        "{ssh_at} does not let {ssh_user} in: {words}.",
        "See that the public key is in that account's authorized_keys, that the private key is readable for you alone"
        " (0600), and that a key with a passphrase is in ssh-agent.",
    ),
    "tunnel_forwarding_prohibited": Cause(
        UNREACHABLE,
        "{ssh_at} lets {ssh_user} in but forbids the forwarding to {target}: {words}.",
        "Allow it in sshd_config (AllowTcpForwarding local, PermitOpen {target}) or in the key's permitopen=; the two"
        " compare the name as text.",
    ),
    "tunnel_target_refused": Cause(
        UNREACHABLE,
        "The tunnel through {ssh_at} is open, but {target} there takes no connection: {words}.",
        "Start the service on that host, or correct tunnel.remote_host and tunnel.remote_port.",
    ),
    "tunnel_failed": Cause(
        UNREACHABLE, "ssh to {ssh_at} opened no tunnel: {words}.", "Run the same ssh by hand with -v and read why."
    ),
    # --- the protocol ----------------------------------------------------------------------------------------------
    "server_speaks_tls": Cause(
        UNREACHABLE,
        "{at} speaks HTTPS, and the url says http://.",
        "Write https:// in the url (in Juno: switch HTTPS on).",
    ),
    "server_speaks_plain_http": Cause(
        UNREACHABLE,
        "{at} speaks plain HTTP, and the url says https://.",
        "Write http:// in the url (in Juno: switch HTTPS off), or give the server a certificate.",
    ),
    "tls_handshake_failed": Cause(
        UNREACHABLE,
        "{at} begins no TLS session: {detail}.",
        "Read the service's log: most often the certificate and the key do not belong together, or the service's user"
        " cannot read them.",
    ),
    "answer_too_large": Cause(
        UNREACHABLE,
        "{at} sends more than Jupyter does: over {most}.",
        "See what listens there: a proxy, another program, or a server that somebody changed.",
    ),
    "answer_unreadable": Cause(
        UNREACHABLE,
        "{at} answers what no Jupyter answers: {detail}.",
        "See what listens there: a proxy, another program, or a server that somebody changed.",
    ),
    # --- trust -----------------------------------------------------------------------------------------------------
    "unknown_ca": Cause(
        UNTRUSTED,
        "The certificate of {at} is {origin}, which {trust} does not hold.",
        "Give the authority that issued it as ca_file, or install that authority on the device.",
    ),
    "name_not_in_certificate": Cause(
        UNTRUSTED,
        "The certificate of {at} does not name {name}; it names {names}.",
        "Connect by one of those names, or add {name} to the server's addresses and issue the certificate again.",
    ),
    "expired": Cause(
        UNTRUSTED,
        "The certificate of {at} ended on {not_after}; it is {now} here.",
        "Renew it; if that date lies in the future, set this machine's clock.",
    ),
    "not_yet_valid": Cause(
        UNTRUSTED,
        "The certificate of {at} begins on {not_before}; it is {now} here.",
        "Set the clock of this machine, and of the one that issued the certificate, by NTP.",
    ),
    "ca_expired": Cause(
        UNTRUSTED,
        "The authority {issuer} that issued the certificate of {at} is not valid at {now}.",
        "Make a new authority, issue the certificates again and install the new authority on each device; or set this"
        " machine's clock.",
    ),
    "valid_too_long": Cause(
        UNTRUSTED,
        "The certificate of {at} is valid for {days} days; Apple's devices refuse more than 825.",
        "Issue it again for 825 days or less (397 is a good choice).",
    ),
    "weak_key": Cause(
        UNTRUSTED,
        "The certificate of {at} rests on a key that clients refuse: {detail}.",
        "Issue it again with an ECDSA P-256 key, or RSA of 2048 bits and more, for the server and for the authority.",
    ),
    "weak_signature": Cause(
        UNTRUSTED,
        "The certificate of {at} is signed with {detail}; clients refuse that.",
        "Issue it again with SHA-256.",
    ),
    "no_server_auth": Cause(
        UNTRUSTED,
        "The certificate of {at} is not made for a server: serverAuth is not among its extended key usages.",
        "Issue it again with the extended key usage serverAuth.",
    ),
    "name_constraint": Cause(
        UNTRUSTED,
        "The authority {issuer} may not issue for the names of {at}: {detail}.",
        "Add the name to the authority's name constraints (a new authority), or use a name inside them.",
    ),
    "other_certificate": Cause(
        UNTRUSTED,
        "{at} presents another certificate (SHA-256 {sha256}) than the one that was issued last. No password was sent"
        " there.",
        "Run the site playbook; if that changes nothing, something else listens on this address: a proxy, or another"
        " server.",
    ),
    "not_trusted": Cause(
        UNTRUSTED,
        "The certificate of {at} does not verify: {detail}.",
        "Issue the certificate again with the pki role.",
    ),
    # --- Jupyter ---------------------------------------------------------------------------------------------------
    "not_jupyter": Cause(
        UNREACHABLE,
        "What answers at {url} is not Jupyter: {detail}.",
        "Compare host, port and path; another program or a proxy may hold the port.",
    ),
    "jupyterhub": Cause(
        UNREACHABLE,
        "What answers at {url} is a JupyterHub ({detail}), which starts a Jupyter of its own for each person who"
        " logs in.",
        "Log in there with a browser; a program takes the address of a running server, /user/<name>/, with a token from"
        " the hub's page Token.",
    ),
    "wrong_base_url": Cause(
        UNREACHABLE,
        "Jupyter does not answer under the path {path} at {at}: {detail}.",
        "Write the server's base_url as the path of the url.",
    ),
    "host_blocked": Cause(
        UNREACHABLE,
        "Jupyter at {at} refuses the name {host_header} in the Host header; it answers to localhost.",
        "Add the name to ServerApp.local_hostnames, or set ServerApp.allow_remote_access for a server that binds the"
        " network.",
    ),
    "server_error": Cause(
        UNREACHABLE,
        "{at} answers {step} with HTTP {status}: {detail}.",
        "Read the service's log.",
    ),
    "login_refused": Cause(
        UNREACHABLE,
        "Jupyter at {at} refuses the {credential}.",
        "Compare {credential_source} with the server's configuration; an old hash in ~/.jupyter or /etc/jupyter may win"
        " over it.",
    ),
    "cookie_lost": Cause(
        UNREACHABLE,
        "Jupyter at {at} takes the password, but its login cookie did not come back.",
        "See that no proxy strips cookies, and that no cookie option (secure, domain, path) keeps clients from sending"
        " them to this url.",
    ),
    "xsrf": Cause(
        UNREACHABLE,
        "Jupyter at {at} refuses {step} because its XSRF cookie did not come back: {detail}.",
        "See that no proxy strips cookies, and that no cookie option (secure, domain, path) keeps clients from sending"
        " them to this url.",
    ),
    "kernel_not_started": Cause(
        UNREACHABLE,
        "The login works, but no kernel starts: {detail}.",
        "Read the service's log; run the environment's `jupyter kernelspec list`, and see memory and disk of the host.",
    ),
    "websocket_refused": Cause(
        UNREACHABLE,
        "The kernel starts, but its WebSocket is refused: {detail}.",
        "A proxy in between must pass the Upgrade and Connection headers (and the Host header); else read the service's"
        " log.",
    ),
    "kernel_died": Cause(
        UNREACHABLE,
        "The kernel started and died: {detail}.",
        "Read the service's log; most often the memory limit, or a package built for another processor.",
    ),
    "no_result": Cause(
        UNREACHABLE,
        "The kernel runs, but the code gave no result within {seconds} s.",
        "See what loads the host: processor, memory, disk. Then check again. A slow host gets longer by"
        " jupyter_timeout.",
    ),
    "code_failed": Cause(
        UNREACHABLE,
        "The kernel runs, but the code failed: {detail}.",
        "Something in the server's environment is broken: upgrade it or go back. Where the code of the check is yours,"
        " correct it.",
    ),
    "wrong_result": Cause(
        UNREACHABLE,
        "The code came back with {result} instead of {expect}.",
        "See what kernel the server starts by default. Where code and expect of the check are yours, correct them.",
    ),
}


class Stop(Exception):
    """The check ends here, for one of CAUSES; ``facts`` fill its sentences."""

    def __init__(self, cause: str, **facts: Any) -> None:
        super().__init__(cause)
        self.cause = cause
        self.facts = facts


def conclude(cause: str, facts: dict[str, Any]) -> dict[str, str]:
    """Return ``verdict``, ``cause``, ``message`` and ``cure``: two sentences made from the facts (all of them text or
    numbers).

    Facts are what the other side says, so they come into a sentence as text that does nothing to a terminal.
    """
    meaning = CAUSES[cause]
    facts = {name: plain(fact) if isinstance(fact, str) else fact for name, fact in facts.items()}
    return {
        "verdict": meaning.verdict,
        "cause": cause,
        "message": meaning.message.format_map(facts),
        "cure": meaning.cure.format_map(facts),
    }


# --- addresses
# ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Address:
    """Where a server is, as the person's url says it."""

    scheme: str  # http or https
    host: str  # a name, or an address without brackets
    port: int
    base: str  # the path, beginning with / and not ending with one: "" for the root

    @property
    def at(self) -> str:
        return join_host(self.host, self.port)

    @property
    def netloc(self) -> str:
        """The Host header: the port only where it is not the scheme's own, as browsers do (the cookie's name depends on
        it)."""
        bracketed = f"[{self.host}]" if ":" in self.host else self.host
        return bracketed if self.port == DEFAULT_PORTS[self.scheme] else f"{bracketed}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.netloc}{self.base}/"


def join_host(host: str, port: int) -> str:
    """``host:port`` as people write it, IPv6 in brackets (RFC 3986, 3.2.2)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse_url(url: str) -> Address:
    """Split ``http(s)://host[:port][/base]``. Raise CheckError for anything else, without repeating a password found in
    it."""
    hint = "write it as https://host:port/ with the server's base_url as the path"
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise CheckError(f"url: {error}; {hint}.") from error
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise CheckError(f"url: a host after http:// or https:// is needed; {hint}.")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise CheckError(
            "url: a user, a password, a token or a query does not belong here (use password_file or token_file);"
            f" {hint}."
        )
    return Address(
        parts.scheme, parts.hostname, DEFAULT_PORTS[parts.scheme] if port is None else port, parts.path.rstrip("/")
    )


# --- the network
# -------------------------------------------------------------------------------------------------------


def connect_cause(error: OSError) -> str:
    """The cause behind a failed connect(2)."""
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if isinstance(error, (socket.timeout, TimeoutError)):
        return "timed_out"
    if error.errno in {
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
        errno.EHOSTDOWN,
        errno.EADDRNOTAVAIL,
        errno.EACCES,
        errno.EPERM,
    }:
        return "no_route"
    return "connection_closed"


def weightiest(causes: list[str]) -> str:
    """The cause to report where a name has several addresses and none connects: the one that says most about the
    server."""
    order = ["refused", "connection_closed", "timed_out", "no_route"]
    return min(causes, key=order.index)


@dataclass(frozen=True)
class Forward:
    """A tunnel to open: through whom, and to what on the far side."""

    host: str  # name, address or alias of ~/.ssh/config
    remote_port: int
    remote_host: str = "localhost"
    port: int | None = None  # None: what ssh's configuration says, else 22
    user: str | None = None
    private_key_file: str | None = None
    ssh_args: tuple[str, ...] = ()

    @property
    def facts(self) -> dict[str, str]:
        return {
            "ssh_host": self.host,
            "ssh_at": join_host(self.host, self.port) if self.port else self.host,
            "ssh_user": self.user or "this user",
            "target": join_host(self.remote_host, self.remote_port),
        }


def ssh_argv(ssh: str, forward: Forward, control: str, seconds: int) -> list[str]:
    """The command that logs in for ``forward``, and listens at the path ``control`` alone (ssh(1), ssh_config(5)).

    The first value of an option wins in ssh: what the tunnel cannot do without stands before the user's own arguments,
    what the user may know better stands behind them.
    """
    fixed = [
        "BatchMode=yes",  # never ask: nobody is there to answer
        "ControlMaster=yes",
        "ControlPersist=no",  # else it would go on in the background
        "ClearAllForwardings=yes",  # of the user's own, none is open for others because of a check
        "UpdateHostKeys=no",
        "PermitLocalCommand=no",
        "ForwardAgent=no",
        "ForwardX11=no",
        "LogLevel=INFO",  # its words are what we report
    ]
    proposed = [
        "StrictHostKeyChecking=yes",  # a check learns no host key on anybody's behalf
        f"ConnectTimeout={seconds}",
    ]
    if forward.private_key_file:
        proposed += ["IdentitiesOnly=yes", f"IdentityFile={quoted(forward.private_key_file)}"]
    argv = [ssh, "-N", "-T"]
    for option in fixed:
        argv += ["-o", option]
    argv += forward.ssh_args
    for option in proposed:
        argv += ["-o", option]
    # A connection of its own, and none that the user shares: of several -S the last one counts.
    argv += ["-S", _literal(control)]
    if forward.port:
        argv += ["-p", str(forward.port)]
    if forward.user:
        argv += ["-l", forward.user]
    return [*argv, "--", forward.host]


def channel_argv(ssh: str, forward: Forward, control: str) -> list[str]:
    """The command whose standard input and output are one connection to the target, through the ssh that listens at
    ``control``.

    Where that one is gone, this one ends: it logs in nowhere by itself.
    """
    return [*_through(ssh, control), "-W", join_host(forward.remote_host, forward.remote_port), "--", "target"]


def command_argv(ssh: str, control: str, command: str) -> list[str]:
    """The command that asks for a program of the far side, through the ssh that listens at ``control``."""
    return [*_through(ssh, control), "--", "target", command]


def _through(ssh: str, control: str) -> list[str]:
    options = ["-o", "BatchMode=yes", "-o", "ControlMaster=no", "-o", "ProxyCommand=false", "-o", "LogLevel=ERROR"]
    return [ssh, "-F", "none", *options, "-S", _literal(control)]


def _literal(path: str) -> str:
    # ssh_config(5), TOKENS: a % begins one.
    return path.replace("%", "%%")


#: ssh's own words, most telling first (OpenSSH 8 to 10; sshconnect.c, ssh.c, channels.c).
SSH_WORDS = [
    ("tunnel_host_key_changed", r"REMOTE HOST IDENTIFICATION HAS CHANGED|host key for .* has changed|REVOKED HOST KEY"),
    ("tunnel_host_key_unknown", r"Host key verification failed|No \S+ host key is known for|host key is not cached"),
    (
        "tunnel_forwarding_prohibited",
        r"administratively prohibited|forwarding .*(?:disabled|refused|prohibited)|remote port forwarding failed",
    ),
    ("tunnel_target_refused", r"open failed: (?:connect failed|unknown host|.*refused)|open failed"),
    (
        "tunnel_authentication_failed",
        r"Permission denied|Too many authentication failures|No more authentication methods|UNPROTECTED PRIVATE KEY",
    ),
    ("tunnel_name_not_resolved", r"Could not resolve hostname|Name or service not known"),
    ("tunnel_refused", r"Connection refused"),
    ("tunnel_timed_out", r"timed out"),
    ("tunnel_no_route", r"No route to host|Network is unreachable|Host is down"),
]


def ssh_cause(words: str) -> tuple[str, str]:
    """Return the cause that ssh's words (its stderr) name, and the one line of it worth repeating."""
    lines = [line.strip() for line in words.splitlines() if line.strip(" @\r\t-")]
    for cause, pattern in SSH_WORDS:
        for line in lines:
            if re.search(pattern, line, re.IGNORECASE):
                return cause, _ssh_line(cause, lines, line)
    return "tunnel_failed", lines[-1].rstrip(".") if lines else "ssh said nothing"


def _ssh_line(cause: str, lines: list[str], line: str) -> str:
    # For these two the line that matches is general, and another one names the key.
    telling = {
        "tunnel_host_key_unknown": r"host key is known",
        "tunnel_host_key_changed": r"Offending|has changed and you",
    }
    pattern = telling.get(cause)
    if pattern:
        line = next((other for other in lines if re.search(pattern, other)), line)
    return line.rstrip(".")


# --- trust
# -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Certificate:
    """What matters in an X.509 certificate (RFC 5280), in plain values."""

    serial: str  # lower-case hex
    sha256: str  # of the DER, lower-case hex
    not_before: datetime  # both aware, UTC
    not_after: datetime
    names: tuple[str, ...]  # DNS names and IP addresses of subjectAltName
    subject: str  # RFC 4514
    issuer: str
    self_issued: bool
    key_type: str  # RSA, EC, or what else it is
    key_bits: int
    curve: str  # of an EC key, else ""
    signature_hash: str  # "" where the scheme has none of its own
    server_auth: bool  # serverAuth is among the extended key usages

    def summary(self) -> dict[str, Any]:
        """What the module returns."""
        return {
            "serial": self.serial,
            "sha256": self.sha256,
            "not_after": iso(self.not_after),
            "names": list(self.names),
        }


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC, to the second."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


#: OpenSSL's answers (x509_vfy.h), by the number that ssl.SSLCertVerificationError.verify_code carries.
_VERIFY_CAUSES = {
    2: "unknown_ca",
    7: "unknown_ca",  # signature failure: another authority of the same name
    9: "not_yet_valid",
    10: "expired",
    18: "unknown_ca",
    19: "unknown_ca",
    20: "unknown_ca",
    21: "unknown_ca",
    26: "no_server_auth",
    47: "name_constraint",
    48: "name_constraint",
    62: "name_not_in_certificate",
    64: "name_not_in_certificate",
    66: "weak_key",
    67: "weak_key",
    68: "weak_signature",
}


def refused_trust(
    leaf: Certificate, authorities: list[Certificate], now: datetime, *, code: int, words: str, name: str, trust: str
) -> Stop:
    """Why OpenSSL refused a certificate, in our words.

    ``code`` and ``words`` are OpenSSL's, ``leaf`` is what the server showed, ``authorities`` is what the client trusts
    (empty for the system's store, which ``trust`` then names).
    """
    cause = _VERIFY_CAUSES.get(code, "not_trusted")
    if cause in {"expired", "not_yet_valid"} and leaf.not_before <= now <= leaf.not_after:
        cause = "ca_expired"
    if cause == "not_trusted" and not (leaf.not_before <= now <= leaf.not_after):
        cause = "expired" if leaf.not_after < now else "not_yet_valid"
    same_name = any(authority.subject == leaf.issuer for authority in authorities)
    if leaf.self_issued:
        origin = "signed by itself"
    elif same_name:
        origin = f"signed by another authority with the name {leaf.issuer} than the one at hand"
    else:
        origin = f"signed by {leaf.issuer}"
    detail = words
    if cause == "weak_key":
        detail = _weak_key(leaf, authorities) or words
    elif cause == "weak_signature":
        detail = leaf.signature_hash.upper() or words
    return Stop(cause, origin=origin, trust=trust, detail=detail, name=name, now=iso(now), **_certificate_facts(leaf))


def unfit_for_clients(leaf: Certificate, authorities: list[Certificate], now: datetime) -> Stop | None:
    """Why a certificate that OpenSSL accepts is refused by browsers and by Apple's devices; None where it is fine."""
    facts = {"now": iso(now), **_certificate_facts(leaf)}
    weak = _weak_key(leaf, authorities)
    if weak:
        return Stop("weak_key", detail=weak, **facts)
    if leaf.signature_hash and leaf.signature_hash not in BROWSER_HASHES:
        return Stop("weak_signature", detail=leaf.signature_hash.upper(), **facts)
    if not leaf.server_auth:
        return Stop("no_server_auth", **facts)
    # RFC 5280, 4.1.2.5: the last second counts.
    if leaf.not_before >= APPLE_RULES_SINCE and leaf.not_after - leaf.not_before > timedelta(days=MOST_DAYS):
        return Stop("valid_too_long", **facts)
    return None


def _certificate_facts(leaf: Certificate) -> dict[str, Any]:
    return {
        "names": ", ".join(leaf.names) or "nothing",
        "not_after": iso(leaf.not_after),
        "not_before": iso(leaf.not_before),
        "issuer": leaf.issuer,
        "days": (leaf.not_after - leaf.not_before).days,
    }


def _weak_key(leaf: Certificate, authorities: list[Certificate]) -> str:
    """Name the key that clients refuse: the server's, or that of the authority which issued it. "" where both are
    fine."""
    issuers = [authority for authority in authorities if authority.subject == leaf.issuer and authority != leaf]
    for owner, certificate in [("the server's", leaf)] + [("the authority's", authority) for authority in issuers]:
        if certificate.key_type == "RSA" and certificate.key_bits < LEAST_RSA_BITS:
            return f"{owner} is RSA of {certificate.key_bits} bits"
        if certificate.key_type == "EC" and certificate.curve not in BROWSER_CURVES:
            return f"{owner} is on the curve {certificate.curve}"
        if certificate.key_type not in {"RSA", "EC"}:
            return f"{owner} is {certificate.key_type}, which browsers do not take"
    return ""


#: What OpenSSL says when the other side speaks plain HTTP (ssl/record; the names vary with its version).
_PLAIN_HTTP_REASONS = (
    "WRONG_VERSION_NUMBER",
    "HTTP_REQUEST",
    "HTTPS_PROXY_REQUEST",
    "PACKET_LENGTH_TOO_LONG",
    "UNKNOWN_PROTOCOL",
    "RECORD_LAYER_FAILURE",
)


def not_tls(reason: str | None) -> bool:
    """Whether OpenSSL's reason means: those bytes were no TLS at all."""
    return reason in _PLAIN_HTTP_REASONS


# --- Jupyter
# -----------------------------------------------------------------------------------------------------------


def read_json(text: str | bytes) -> Any:
    """Return what a JSON text says. Raise ValueError where it says nothing, also by being nested without end."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def error_text(body: bytes) -> str:
    """The one line of an HTTP error's body worth repeating: Jupyter's JSON ``message``, or the page's title."""
    text = body[:20000].decode("utf-8", "replace")
    try:
        found = read_json(text)
        text = str(found.get("message") or found.get("reason") or "") if isinstance(found, dict) else ""
    except ValueError:
        title = re.search(r"<title>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
        text = title.group(1) if title else re.sub(r"<[^>]*>", " ", text)
    return " ".join(text.split())[:200].rstrip(".") or "without a reason"


def base_in_policy(policy: str) -> str | None:
    """The base path ("" for the root) that Jupyter names in the Content-Security-Policy of each page; None where it
    names none.

    jupyter_server.base.handlers.JupyterHandler.content_security_policy: ``report-uri
    <base_url>api/security/csp-report``.
    """
    found = re.search(r"report-uri (\S*)/api/security/csp-report", policy)
    return found.group(1) if found else None


def is_xsrf_refusal(status: int, body: bytes) -> bool:
    """Tornado's answer to a missing or a wrong ``_xsrf`` (tornado.web.RequestHandler.check_xsrf_cookie)."""
    return status == 403 and (b"_xsrf" in body or b"XSRF" in body)


def execute_request(code: str, message_id: str, session: str, now: datetime) -> dict[str, Any]:
    """The request to run ``code`` (Jupyter messaging protocol 5.3, "Execute"; the channel key is Jupyter Server's
    WebSocket wrapping)."""
    header = {
        "msg_id": message_id,
        "session": session,
        "username": "connection_check",
        "date": iso(now),
        "msg_type": "execute_request",
        "version": "5.3",
    }
    content = {
        "code": code,
        "silent": False,
        "store_history": False,
        "user_expressions": {},
        "allow_stdin": False,
        "stop_on_error": True,
    }
    return {
        "channel": "shell",
        "header": header,
        "parent_header": {},
        "metadata": {},
        "content": content,
        "buffers": [],
    }


#: Characters of a result, or of what was printed; what is beyond is cut off.
MOST_RESULT = 1 << 20


@dataclass
class Answer:
    """What came back over the WebSocket so far."""

    message_id: str
    result: str | None = None  # text of the last expression
    printed: list[str] = field(default_factory=list)
    length: int = 0  # of what was printed
    seen_alive: bool = False  # the kernel itself said something, so it did start
    done: bool = False

    @property
    def text(self) -> str:
        """The value of the last expression, or what the code printed."""
        return "".join(self.printed).strip() if self.result is None else self.result


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def absorb(answer: Answer, message: dict[str, Any]) -> None:
    """Take in one message of the kernel. Raise Stop where it says that the code failed or that the kernel is gone."""
    header, parent, content = (_table(message.get(key)) for key in ("header", "parent_header", "content"))
    kind = message.get("msg_type") or header.get("msg_type", "")
    state = content.get("execution_state", "")
    if kind == "status" and state in {"dead", "restarting", "autorestarting"}:
        raise Stop("kernel_died", detail="its process ended while the code ran")
    if parent.get("msg_id") != answer.message_id:
        return
    answer.seen_alive = True
    if kind == "execute_result":
        answer.result = str(_table(content.get("data")).get("text/plain", ""))[:MOST_RESULT]
    elif kind == "stream" and content.get("name") == "stdout":
        text = str(content.get("text", ""))[: MOST_RESULT - answer.length]
        answer.printed.append(text)
        answer.length += len(text)
    elif kind == "error":
        raise Stop("code_failed", detail=f"{content.get('ename', 'error')}: {content.get('evalue', '')}"[:200])
    elif kind == "status" and state == "idle":
        answer.done = True
