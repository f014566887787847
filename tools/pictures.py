# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Photograph the pages to hand over, as Chromium shows them: ``python -m tools.pictures [FOLDER]``.

Writes every view to FOLDER (default .cache/pictures), and the two that README shows to docs/pictures. Needs the command
``chromium``. The pictures of a terminal during a run and at its end, docs/pictures/build.svg and docs/pictures/run.svg,
are written by rich.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml
from rich.console import Console
from rich.text import Text

from plugins.plugin_utils._progress import lines, screen
from plugins.plugin_utils._progress.builds import Count
from plugins.plugin_utils._progress.run import Host, Run

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent

SSH = {"host": "lab.example.org", "user": "jupyter-tunnel", "local_port": 8888, "remote_port": 8888}
MAC = {"user": "mac", "alias": "gpu-mac", "private_key_file": "tunnel/gpu/mac", "pem_file": "tunnel/gpu/mac.pem"}
PRIVATE = {"mode": "private_ca", "ca_file": "ca.pem", "not_after": "2027-12-22T10:00:00Z"}
LAB = {
    "host": "lab.example.org",
    "instance": "lab",
    "service": "jupyter@lab.service",
    "clients": ["browser", "juno", "vscode"],
    "classic": "tree",
}
#: A path of ninety characters, as an inventory may have them.
KEPT_IN = "/home/operator/projects/notebooks-of-the-department/inventory/credentials/gpu/gpu.password"
KEY = {"user": "ipad", "private_key_file": "tunnel/devices/ipad", "pem_file": "tunnel/devices/ipad.pem"}
SERVERS = [
    {**LAB, "url": "https://lab.example.org:8888/", "access": "both", "tls": PRIVATE, "ssh": SSH},
    {
        **LAB,
        "host": "gpu.example.org",
        "instance": "gpu",
        "url": "http://localhost:8888/",
        "access": "tunnel",
        "password_file": KEPT_IN,
        "ssh": {
            **SSH,
            "host": "gpu.example.org",
            "user": "ipad",
            "alias": "gpu-ipad",
            "private_key_file": "tunnel/gpu/ipad",
            "pem_file": "tunnel/gpu/ipad.pem",
            "others": [MAC],
        },
    },
    {
        **LAB,
        "person": "ann",
        "host": "home",
        "instance": "ann",
        "url": "https://lab.local:8890/",
        "urls": ["https://lab.local:8890/", "https://192.168.1.5:8890/", "https://home.example.org:8890/"],
        "access": "both",
        "tls": PRIVATE,
        "ssh": {**SSH, **KEY, "host": "home.example.org", "local_port": 20017, "alias": "home-ipad"},
    },
    {
        **LAB,
        "person": "ann",
        "host": "gpu.example.org",
        "instance": "ann",
        "url": "http://localhost:20031/",
        "access": "tunnel",
        "ssh": {**SSH, **KEY, "host": "gpu.example.org", "local_port": 20031, "alias": "gpu.example.org-ipad"},
    },
]
#: Name, page, width and height in CSS pixels, scale, dark. 390 is the width of a phone.
VIEWS = [
    ("handoff-light", "lab.example.org/lab.html", 1000, 1060, 1, False),
    ("handoff-phone-dark", "lab.example.org/lab.html", 390, 844, 1, True),
    ("page-light", "lab.example.org/lab.html", 1000, 4200, 1, False),
    ("page-dark", "lab.example.org/lab.html", 1000, 4200, 1, True),
    ("page-phone", "lab.example.org/lab.html", 390, 6500, 1, False),
    ("tunnel-phone", "gpu.example.org/gpu.html", 390, 4200, 1, False),
    ("tunnel-light", "gpu.example.org/gpu.html", 1000, 3000, 1, False),
    ("person-light", "people/ann.html", 1000, 3600, 1, False),
    ("person-tablet-dark", "people/ann.html", 820, 4200, 1, True),
    ("person-phone", "people/ann.html", 390, 5600, 1, False),
    ("index-light", "index.html", 1000, 1800, 1, False),
    ("index-phone-dark", "index.html", 390, 2600, 1, True),
]
FOR_README = ("handoff-light", "handoff-phone-dark")
RUN_PICTURE = ROOT / "docs" / "pictures" / "run.svg"
BUILD_PICTURE = RUN_PICTURE.with_name("build.svg")
COLUMNS = 100


def terminal(shown: list[Text], name: str) -> str:
    """Return the lines below the command, as SVG."""
    console = Console(file=io.StringIO(), record=True, width=COLUMNS, highlight=False, markup=False)
    console.print(Text("$ make up", style="bold"))
    for line in shown:
        console.print(line)
    picture = console.export_svg(title="make up", unique_id=name)
    # Fonts of another site would tell it who reads the page.
    return re.sub(r"\s*@font-face \{.*?\}", "", picture, flags=re.DOTALL).replace("Fira Code", "monospace")


def build_picture() -> str:
    """Return the terminal while two hosts build their environments, as SVG."""
    work = "Build the environment"
    hosts = [
        Host("gpu", work, 0.0, builds=True, busy=True, count=Count("download", 71, 104)),
        Host("lab", work, 0.0, builds=True, busy=True, count=Count("install", 39, 104)),
    ]
    return terminal([Text("Run Jupyter, reachable and proven"), screen.drawing(hosts, 9.0, COLUMNS, 20)], "build")


def run_picture() -> str:
    """Return the terminal at the end of a run, as SVG. Two servers were set up, and the way to a third host is shut."""
    run = Run(
        changed=dict.fromkeys(["certificates", "accounts", "environment", "configuration", "firewall", "servers"])
    )
    folder, last = "/home/you/remote.notebooks/inventory", []
    for host, address in (("gpu", "gpu.example.org"), ("lab", "lab.example.org")):
        row: dict[str, object] = {"host": host, "instance": "lab", "way": "network", "cause": "ok"}
        row |= {"verdict": "reachable", "certificate_days": 396, "milliseconds": 812 if host == "lab" else 640}
        run.learn("remote.notebooks.jupyter_verdicts", {"servers": [row]})
        run.learn(
            "remote.notebooks.jupyter_state",
            {"servers": [{"host": host, "instance": "lab", "tls": {"not_after": "2028-01-01T00:00:00Z"}}]},
        )
        last += [
            f"lab on {host}: https://{address}:8888/",
            f"password: in {folder}/credentials/{host}/lab.password",
            f"the page to hand over: {folder}/handoff/{host}/lab.html",
        ]
    run.last_lines = [[*last, f"trust once on each device: {folder}/pki/ca-bundle.pem"]]
    shut = {"msg": "pi cannot be reached: ssh: connect to host 192.0.2.9 port 22: No route to host."}
    ok = {"changed": 17, "failures": 0, "unreachable": 0}
    outcomes = {"gpu": ok, "lab": ok, "pi": {"changed": 0, "failures": 0, "unreachable": 1}}
    shown = [
        "Run Jupyter, reachable and proven",
        *lines.unreachable("pi", shut),
        "",
        *lines.recap(run, outcomes, 41),
        *lines.ending(run),
    ]
    tones = {"OUT OF REACH": "red", "ok": "green"}
    return terminal([Text(line, style=tones.get(lines.tone(line), "")) for line in shown], "run")


def write_pages(folder: Path) -> None:
    """Create the hand-off of two servers that do not exist, below an authority created for the occasion."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out", "ca.pem"]
    subprocess.run(
        ["openssl", "req", "-x509", *key, "-subj", "/CN=Private CA 31415926"],
        check=True,
        cwd=folder,
        capture_output=True,
    )
    task = {"remote.notebooks.jupyter_handoff": {"directory": "handoff", "servers": SERVERS}}
    (folder / "play.yml").write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": [task]}]))
    subprocess.run([BIN / "ansible-playbook", "play.yml"], check=True, cwd=folder, stdout=subprocess.DEVNULL)


def chromium(profile: Path, *arguments: str) -> None:
    # No sandbox: these pages are ours, and root, which a container often is, has none.
    own = [
        "--headless",
        "--no-sandbox",
        "--hide-scrollbars",
        f"--user-data-dir={profile}",
        "--virtual-time-budget=2000",
    ]
    subprocess.run(["chromium", *own, *arguments], check=True, capture_output=True)


def main() -> None:
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / ".cache" / "pictures"
    output.mkdir(parents=True, exist_ok=True)
    RUN_PICTURE.write_text(run_picture())
    BUILD_PICTURE.write_text(build_picture())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_pages(folder)
        for view, page, width, height, scale, dark in VIEWS:
            url = (folder / "handoff" / page).as_uri()
            look = [
                f"--window-size={width},{height}",
                f"--force-device-scale-factor={scale}",
                f"--blink-settings=preferredColorScheme={0 if dark else 1}",
            ]
            chromium(folder / "profile", *look, f"--screenshot={output / view}.png", url)
        for view, page in (("page", "lab.example.org/lab.html"), ("index", "index.html")):
            url = (folder / "handoff" / page).as_uri()
            chromium(folder / "profile", "--no-pdf-header-footer", f"--print-to-pdf={output / view}.pdf", url)
    for view in FOR_README:
        shutil.copy(output / f"{view}.png", ROOT / "docs" / "pictures" / f"{view}.png")
    print(f"Look at them: {output}")


if __name__ == "__main__":
    main()
