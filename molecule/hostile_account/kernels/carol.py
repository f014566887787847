"""Folders that become links."""

import os

os.chdir(os.path.expanduser("~"))
os.rename("projects", "p2")
os.symlink("/etc/systemd/system", "projects")
os.rename(".local", "l2")
os.symlink("/etc", ".local")
print("two links")
