"""Let a hostile host answer, attack by attack, and look at the control node after each: attacks.py STATE INVENTORY
[INVENTORY ...]

Prints a line for each attack: its result, the files that it left on the control node, and whether the honest host was
served.
"""

import hashlib
import json
import os
import re
import ssl
import subprocess
import sys

STATE, SOURCES = sys.argv[1], sys.argv[2:]
HERE = os.path.dirname(os.path.abspath(__file__))
ADDRESS = "10.99.26.12"
PLAIN = {
    "ANSIBLE_NOCOLOR": "1",
    "ANSIBLE_FORCE_COLOR": "0",
    "ANSIBLE_INJECT_FACT_VARS": "true",
    "ANSIBLE_DEPRECATION_WARNINGS": "false",
}
OBSERVED = ["new_host", "wrong_type", "wrong_list", "missing", "machine", "libc", "home", "number", "long"]
OBSERVED += ["instance", "python_key", "path", "state", "time", "listener", "deep", "huge", "other"]
AGAIN = ["wrong_type", "machine", "instance", "path", "deep"]
#: Not compared: files of the runs themselves, and of the hostile hosts.
OWN = re.compile(
    r"^(ssh|\.ansible|tmp|attack|inventory)/|^tunnel/(\.gitignore|config)$|/evil_|/\.lock$|^handoff/(index|people/lab)\.html$"
    r"|^handoff/.*\.mobileconfig$"
)


TOOK = """
- hosts: hostile
  gather_facts: false
  tasks:
    - ansible.builtin.stat: {path: /opt/hostile/stolen}
      register: found
    - ansible.builtin.debug: {msg: "{{ {'exists': found.stat.exists} | to_nice_yaml }}"}
"""


def write(name, text):
    path = os.path.join(STATE, name)
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
    return path


def files():
    found = {}
    for folder, _folders, names in os.walk(STATE):
        for name in names:
            path = os.path.join(folder, name)
            relative = os.path.relpath(path, STATE)
            if not OWN.search(relative) and os.path.isfile(path):
                with open(path, "rb") as file:
                    found[relative] = hashlib.sha256(file.read()).hexdigest()
    return found


def inventory(names, variables=None):
    """The hostile host under each of these names, with the interpreter of that name."""
    hosts = {
        f"evil_{name}": {
            "ansible_host": ADDRESS,
            "ansible_pipelining": pipelining,
            "ansible_python_interpreter": f"/opt/hostile/evil_{name.removesuffix('_plain')}",
        }
        for name, pipelining in names.items()
    }
    # YAML holds JSON
    return write(
        "attack/evil.yml", json.dumps({"evil": {"vars": {"ansible_become": True, **(variables or {})}, "hosts": hosts}})
    )


def run(playbook, *words, names=None, variables=None):
    """Return exit code and output."""
    sources = [f"--inventory={source}" for source in [*SOURCES, inventory(names or {}, variables)]]
    # All its names are one machine, whose sshd drops some of those who come at once (MaxStartups in sshd_config(5):
    # from the tenth on).
    command = ["ansible-playbook", "--forks=6", playbook, *sources, *words]
    done = subprocess.run(
        command, check=False, env={**os.environ, **PLAIN}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=STATE
    )
    text = done.stdout.decode("utf-8", "replace")
    write(f"attack/{len(os.listdir(os.path.join(STATE, 'attack')))}.log", text)
    return done.returncode, text


def recap(text, host):
    found = re.search(rf"(?m)^{host} +: ok=(\d+) +changed=(\d+) +unreachable=(\d+) +failed=(\d+)", text)
    return found.groups() if found else None


def served(text):
    found = recap(text, "honest")
    return "served" if found and found[2:] == ("0", "0") else f"NOT SERVED {found}"


def left(before):
    after = files()
    names = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    return f"LEFT {' '.join(names)}" if names else "nothing left"


def refused(text, name):
    """Say how the host was refused, if it was."""
    found = re.search(
        rf"(?ms)^fatal: \[evil_{name}\].*?(?=^(?:fatal|ok|changed|skipping|included): |^(?:TASK|PLAY) |\Z)", text
    )
    if found is None:
        return "ACCEPTED"
    said = found.group()
    if "Traceback" in said:
        return "TRACEBACK"
    for words in ("gave an answer that no program of ours gives", "says by a fact what"):
        if words in " ".join(said.split()):
            return "refused"
    return "failed otherwise: " + " ".join(said.split())[:300]


def say(attack, *words):
    print(": ".join([attack, *words]), flush=True)


def plant():
    """Restore the files that an attack may have removed, and return the existing ones."""
    write("victim/.ssh/id_ed25519", "VICTIM-SECRET\n")
    touch = f"ansible.builtin.file: {{path: {STATE}/pwned_by_tasks, state: touch, mode: '0600'}}"
    write("victim/tasks.yml", f"- {touch}\n  delegate_to: localhost\n  become: false\n")
    for form in ("", ".pem", ".pub", ".config"):
        write(f"tunnel/honest/ipad{form}", f"of the honest host {form}\n")
    for name, text in secrets.items():
        write(name, text)
    return files()


secrets = {}
for kind in ("password", "hash"):
    with open(f"{STATE}/credentials/honest/lab.{kind}") as file:
        secrets[f"credentials/honest/lab.{kind}"] = file.read()
begin = plant()
say(
    "there are",
    *(
        name
        for name in ("credentials/honest/lab.password", "victim/.ssh/id_ed25519", "tunnel/honest/ipad.pem")
        if name in begin
    ),
)

# --- its report, through a bare program and through a module ---
names = {**dict.fromkeys(OBSERVED, True), **{f"{name}_plain": False for name in AGAIN}}
before = plant()
code, text = run("remote.notebooks.site", "--limit=evil", names=names)
for name in names:
    say(name, refused(text, name))
say("reports", f"rc {code}", left(before), served(run("remote.notebooks.site", "--limit=honest", "--check")[1]))

# --- texts that are templates elsewhere, and signs that a terminal obeys ---
before = plant()
code, text = run(
    "remote.notebooks.site", "--limit=honest:evil", "--check", "--diff", names={"text": True, "text_plain": False}
)
report = run("remote.notebooks.report", names={"text": True, "text_plain": False})[1]
raw = re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", text + report)
say("text", "RAW" if raw else "escaped", left(before), served(text), served(report))

# --- its word on a build, with and without pipelining. One name at a time: they are one machine, and who comes second
# may find its lock taken. ---
before = plant()
said = []
for name in ("build", "built_facts", "build_plain"):
    code, text = run("remote.notebooks.site", "--limit=honest:evil", names={name: not name.endswith("_plain")})
    # Ansible removes a host to add from a module's answer. The run ends when it needs the environment.
    result = refused(text, name)
    said += ["stopped later" if result.startswith("failed otherwise") else result, served(text)]
say("build", *said, left(before))

# --- names of its tunnel accounts ---
play = write(
    "attack/tunnel.yml",
    """
- hosts: evil
  gather_facts: false
  roles: [remote.notebooks.tunnel]
""",
)
before = plant()
tunnels = {
    "tunnel_accounts": [{"name": "ipad", "permit_open": ["127.0.0.1:8888"]}],
    "tunnel_owner": "lab",
    "tunnel_dir": f"{STATE}/tunnel",
}
code, text = run(play, names={"unwanted": True, "unwanted_plain": False, "host_keys": True}, variables=tunnels)
say("tunnel", *(refused(text, name) for name in ("unwanted", "unwanted_plain", "host_keys")), left(before))

# --- names of instances in its list ---
before = plant()
code, text = run("remote.notebooks.uninstall", "--limit=evil", names={"instance": True, "instance_plain": False})
say("uninstall", *(refused(text, name) for name in ("instance", "instance_plain")), left(before))

# --- requests for certificates ---
web = {"addresses": ["web.example.org"], "host": {"path": "/etc/web/server.pem"}}
play = write(
    "attack/pki.yml",
    """
- hosts: honest:evil
  gather_facts: false
  become: true
  tasks:
    - ansible.builtin.file: {path: /etc/web, state: directory, mode: "0700"}
    - ansible.builtin.include_role: {name: remote.notebooks.pki}
      vars:
        pki_key_location: host
        pki_certificates: CERTIFICATES
        pki_dir: STATE/attack/pki
    - ansible.builtin.command: openssl pkey -in /etc/web/server.pem -pubout
      register: key
    - ansible.builtin.copy: {content: "{{ key.stdout }}", dest: "STATE/attack/{{ inventory_hostname }}.key",
        mode: "0600"}
      delegate_to: localhost
      become: false
      vars: {ansible_python_interpreter: "{{ ansible_playbook_python }}"}
""".replace(
        "CERTIFICATES",
        json.dumps([{"name": f"{host}/web", **web} for host in ("honest", "evil_request", "evil_request_plain")]),
    ).replace("STATE", STATE),
)
before = plant()
code, text = run(play, names={"request": True, "request_plain": False})
show = ["openssl", "x509", "-in", f"{STATE}/attack/pki/certificates/honest/web.pem", "-noout", "-pubkey"]
issued = subprocess.run(show, check=False, stdout=subprocess.PIPE, text=True).stdout.strip()
key = (
    write("attack/honest.key", "") if not os.path.exists(f"{STATE}/attack/honest.key") else f"{STATE}/attack/honest.key"
)
with open(key) as file:
    own = "its own key" if issued and issued == file.read().strip() else "ANOTHER KEY"
say("requests", *(refused(text, name) for name in ("request", "request_plain")), own, left(before), served(text))

# --- a file that a person of a host wrote there ---
before = plant()
kept = f"{STATE}/attack/migrated.yml"
migrate = ["-e", "migrate_folder=/home/debian/.jupyter", "-e", f"migrate_file={kept}", "--limit=honest"]
code, text = run("remote.notebooks.migrate", *migrate)
next_code, next_text = run("remote.notebooks.site", "--limit=honest", "--check", "-e", f"@{kept}")
with open(kept) as file:
    migrated = file.read()
say(
    "migrate",
    f"rc {code}",
    "a path of this machine" if "id_ed25519" in migrated else "no path of this machine",
    left(before),
)

# --- facts that are variables of ours ---
before = plant()
words = ["-e", "target=evil", "-e", "trust_browsers=false"]
ours = {"trust_ca_file": f"{STATE}/attack/ca.pem", "trust_state": "present"}
write("attack/ca.pem", ssl.DER_cert_to_PEM_cert(b"x"))
code, text = run("remote.notebooks.trust", *words, names={"fact": True, "fact_plain": False}, variables=ours)
code, took = run(write("attack/took.yml", TOOK), names={"none": True})
say(
    "facts",
    *(refused(text, name) for name in ("fact", "fact_plain")),
    "STOLEN" if "exists: true" in took else "not stolen",
    left(before),
)

# --- facts by which it is another host, and gets the files of that one; or leads there ---
play = write(
    "attack/named.yml",
    """
- hosts: evil
  gather_facts: true
  roles: [remote.notebooks.jupyter]
""",
)
before = plant()
code, text = run(play, names={"name": True, "name_plain": False, "way": True})
reached = "WENT ON" if "Read the state of the host" in text else "stopped at once"
say("names", *(refused(text, name) for name in ("name", "name_plain", "way")), reached, left(before))

# --- a firewall whose name is a path ---
play = write(
    "attack/firewall.yml",
    """
- hosts: evil
  gather_facts: false
  roles: [remote.notebooks.firewall]
""",
)
before = plant()
code, text = run(
    play,
    names={"provider": True, "provider_plain": False},
    variables={"firewall_rules": [{"port": 8888}], "firewall_owner": "lab"},
)
say("firewall", *(refused(text, name) for name in ("provider", "provider_plain")), left(before))
say("all", left(begin))
