#!/bin/sh
# The files of an installer's last steps. Argument: the root of the new system.
set -eu
root=$1

# The ordinary account of Debian's cloud images: sudo without a password, no password of its own.
chroot "$root" useradd --create-home --shell /bin/bash --user-group debian
echo 'debian ALL=(ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/debian"
chmod 0440 "$root/etc/sudoers.d/debian"

# Every host makes its own identity: no two test hosts share a key or a machine id.
rm -f "$root"/etc/ssh/ssh_host_*
: >"$root/etc/machine-id"

# Nobody can log in at a container's console, so nothing should wait there.
chroot "$root" systemctl mask --quiet getty@tty1.service console-getty.service

# A run at midnight, or at six o'clock, would find files in /var/backups, or a package manager at work.
chroot "$root" systemctl mask --quiet dpkg-db-backup.timer apt-daily.timer apt-daily-upgrade.timer
