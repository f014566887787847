# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the observations of a client to their meaning: facts in, verdict, cause and cure out. Pure: no I/O, no Ansible.

Three verdicts, in the words of the people who wait for their notebook:

``unreachable``
    no cell can be run at this address: the network, the tunnel, the server, the login or the kernel is in the way;
``untrusted``
    the server answers, but a browser or an app refuses its certificate;
``reachable``
    a client gets through.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .._plain import plain

UNREACHABLE = "unreachable"


UNTRUSTED = "untrusted"


REACHABLE = "reachable"


@dataclass(frozen=True)
class Cause:
    """The meaning of a cause. The two sentences are templates over the facts of the check."""

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
        "Write the server's base_url as the path of the url. A proxy has to pass the path as it is.",
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
    "bad_gateway": Cause(
        UNREACHABLE,
        "A proxy answers at {at} with HTTP {status}: it does not reach the server behind it.",
        "See that the server runs, and that the proxy has its address, port and scheme; its log says why.",
    ),
    "body_limit": Cause(
        UNREACHABLE,
        "A proxy at {at} refuses a request of {size} MB ({detail}), so no such notebook can be saved, and no such file"
        " uploaded.",
        "Raise the limit of the proxy for the size of a request (nginx: client_max_body_size 0).",
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
    "not_classic": Cause(
        UNREACHABLE,
        "The classic pages that Juno opens are not at {page}: {detail}.",
        "Run the site playbook, which writes the hand-off page again. If that changes nothing, remove the setting that"
        " disables the extension nbclassic.",
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
    "not_durable": Cause(
        UNREACHABLE,
        "The kernel runs, but a line that it printed after its client had gone is lost: {detail}.",
        "A server that runs since before jupyter_durable needs a restart. Else read the service's log; jupyter_durable:"
        " false does without.",
    ),
    "host_away": Cause(
        UNREACHABLE,
        "The kernel runs on another host, and cannot: {detail}.",
        "Start that host, and run the check for it: its own row has the reason.",
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
    """Return ``verdict``, ``cause``, ``message`` and ``cure``: two sentences, generated from the facts (all of them
    text or numbers).

    Facts are the words of the other side, so they come into a sentence as text that does nothing to a terminal.
    """
    meaning = CAUSES[cause]
    facts = {name: plain(fact) if isinstance(fact, str) else fact for name, fact in facts.items()}
    return {
        "verdict": meaning.verdict,
        "cause": cause,
        "message": meaning.message.format_map(facts),
        "cure": meaning.cure.format_map(facts),
    }
