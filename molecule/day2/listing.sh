# shellcheck shell=bash
# Everything on the disk of this host: path, kind, mode, owner and target, then the digest of each file; and the list of
# the package manager.
set -euo pipefail
export LC_ALL=C

# Left out are files that change on any host with every login, installed package or started unit.
left_out=(
  /proc /sys /run /dev /tmp                        # not on the disk
  /var/log /var/cache /var/lib/systemd             # logs, caches, random seeds; who lingers is listed below
  /var/lib/apt /var/lib/dpkg                       # the package manager's own books: their content is listed below
  '/etc/*-' /etc/.pwd.lock                         # the copies that useradd(8) creates of passwd, group and shadow
  /root/.ansible /home/debian/.ansible             # Ansible's own
  # A person who has worked with Jupyter before keeps the files of kernels there.
  /home/ann@example.org/.ipython /home/ann@example.org/.jupyter /home/ann@example.org/.local/share/jupyter
)
prune=()
for path in "${left_out[@]}"; do prune+=(-path "$path" -prune -o); done
find / -xdev "${prune[@]}" -printf '%p\t%y %m %u:%g %l\n' | sort
find / -xdev "${prune[@]}" -type f -print0 | sort -z | xargs -0 sha256sum
dpkg-query -W -f 'package ${binary:Package} ${Version} ${db:Status-Abbrev}\n'
apt-mark showmanual | sed 's/^/asked for: /'
find /var/lib/systemd/linger -mindepth 1 -printf 'lingers: %f\n' 2>/dev/null | sort || true
