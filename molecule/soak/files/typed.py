# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Type the commands of docs/operations.md, line by line and in order, for one fresh host: ``typed.py CHECKOUT STATE
HOST``

Prints ``ok`` or the fault of each line. README's inventory is taken as it is, too; only the values that a reader is
meant to put in is put in. The scenario smoke types the commands of README.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys

CHECKOUT, STATE, HOST = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
READER = STATE / "reader"
# A reader's own names, and places outside of this test.
OWN = {
    "    lab:": f"    {HOST}:",
    "lab.example.org": HOST,
    "migrate_user=ann": "migrate_user=debian",
    "ansible_user: admin": "ansible_user: debian",
    "192.0.2.7": HOST,
    "192.0.2.0/24": re.sub(r"\d+$", "0/24", HOST),
    "/tmp/": f"{READER}/",  # noqa: S108
    "/var/lib/prometheus/node-exporter/": f"{READER}/",
}
# They need a person at the keyboard, or change the machine that they are typed on. The scenario smoke types the second.
NOT_HERE = ("make trust", "make schedule", "make serve_kit")
#: Not shown to a reader: the checkout has its own.
NOT_THERE = (".git", ".local", "inventory")
TYPED_IN = "four words of your own\n"


def own(text):
    for theirs, ours in OWN.items():
        text = text.replace(theirs, ours)
    return text


def blocks(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def commands():
    """Return the lines in their order, each once. The removal of the servers comes last, for the others
    need them."""
    operations = (CHECKOUT / "docs/operations.md").read_text()
    lines = ["make up", *(line for block in blocks(operations, "sh") for line in block.splitlines())]
    lines.sort(key=lambda line: line.startswith("make down"))
    return [line for line in dict.fromkeys(lines) if not line.startswith(NOT_HERE)]


def prepare():
    """Create the folder that a reader sits in: a checkout with an inventory."""
    shutil.rmtree(READER, ignore_errors=True)  # of the run before, in the same checkout
    READER.mkdir(mode=0o700)
    for path in CHECKOUT.iterdir():
        if path.name not in NOT_THERE:
            (READER / path.name).symlink_to(path)
    inventory = READER / "inventory"
    (inventory / "group_vars").mkdir(mode=0o700, parents=True)
    (inventory / "hosts.yml").write_text(own(blocks((CHECKOUT / "README.md").read_text(), "yaml")[0]))
    # The way out to the package index is this machine's, not README's.
    (inventory / "group_vars/all.yml").write_text("jupyter_ca_bundle: /etc/ssl/test-bundle.crt\n")


def environment():
    others = ("ANSIBLE_", "MOLECULE_", "MAKE", "MFLAGS")  # of the make that runs the tests
    kept = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    ssh = f"-o UserKnownHostsFile={STATE}/ssh/known_hosts -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes"
    return {
        **kept,
        "ANSIBLE_PRIVATE_KEY_FILE": f"{STATE}/ssh/id_ed25519",
        "ANSIBLE_SSH_COMMON_ARGS": ssh,
        "ANSIBLE_NOCOLOR": "1",
    }


def main():
    prepare()
    for number, line in enumerate(commands(), 1):
        # A session of its own has no terminal: a program that asks for a passphrase then reads it from standard input.
        done = subprocess.run(
            ["bash", "-c", own(line)],
            check=False,
            cwd=READER,
            env=environment(),
            input=TYPED_IN,
            capture_output=True,
            text=True,
            start_new_session=True,
        )
        (READER / f"typed-{number:02}.log").write_text(f"{own(line)}\n{done.stdout}{done.stderr}")
        warned = re.findall(r"\[(?:WARNING|DEPRECATION WARNING|ERROR)\].*", done.stderr)
        said = (
            "ok"
            if done.returncode == 0 and not warned
            else f"exit code {done.returncode} {warned} {done.stdout[-1500:]}{done.stderr[-1500:]}"
        )
        print(f"{line}: {said}", flush=True)


main()
