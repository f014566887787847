# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of the host itself, as JSON; read through standard input of its python3, so no file of ours is on
it."""

import glob
import hashlib
import json
import os
import subprocess

PREFIX = "/opt/remote-notebooks"


def said(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def memory(pid):
    """Resident memory of a process in MB, 0 when it is gone."""
    try:
        with open(f"/proc/{pid}/status") as file:
            return next(int(line.split()[1]) // 1024 for line in file if line.startswith("VmRSS"))
    except FileNotFoundError:
        return 0


def main():
    server = int(said("systemctl", "show", "--property=MainPID", "--value", "jupyter@lab"))
    kernel, count, gap = 0, 0, 0.0
    if os.path.exists("/home/jupyter/notebooks/counter"):
        with open("/home/jupyter/notebooks/counter") as file:
            kernel, count, gap = (float(word) for word in file.read().split())
    with open("/home/jupyter/notebooks/thesis.ipynb", "rb") as file:
        thesis = hashlib.sha256(file.read()).hexdigest()
    with open(f"/proc/{server}/cmdline") as file:
        runs_in = file.read().split("/bin/")[0]
    with open(f"{PREFIX}/manifest.json") as file:
        manifest = json.load(file)
    link = os.readlink(f"{PREFIX}/current/lab")
    unfinished = [
        folder for folder in glob.glob(f"{PREFIX}/envs/*") if not os.path.exists(f"{folder}/remote-notebooks.json")
    ]
    # A run may leave: its lock, its temporary files. systemd and ssh have folders of their own in /tmp.
    temporary = ("/tmp/*", "/var/tmp/*", "/root/.ansible/tmp/*", "/home/*/.ansible/tmp/*")  # noqa: S108
    places = ("/run/remote-notebooks*", *temporary, "/etc/remote-notebooks/*/.*")
    strays = [path for place in places for path in glob.glob(place) if "systemd-private-" not in path]
    print(
        json.dumps(
            {
                "server": server,
                "server_mb": memory(server),
                "runs_in": runs_in,
                "link": link,
                "tiny": said(f"{link}/bin/python", "-c", "import tiny; print(tiny.VALUE)"),
                "kernel": int(kernel),
                "kernel_mb": memory(int(kernel)),
                "count": int(count),
                "gap": gap,
                "thesis": thesis,
                "environments": len(os.listdir(f"{PREFIX}/envs")),
                "prefix_mb": int(said("du", "-sm", PREFIX).split()[0]),
                "manifest": len(manifest["things"]),
                "strays": sorted(strays + unfinished),
            }
        )
    )


main()
