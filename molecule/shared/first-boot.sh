# shellcheck shell=sh
# Runs inside a new test host. Standard input: the public key to let in. Last line of output: the host's public key.
if [ "$(cat /proc/1/comm)" = systemd ]; then
  booted=
  for _ in $(seq 60); do # right after the start of the container it does not answer yet; a boot that hangs never does
    case $(timeout 10 systemctl is-system-running --wait 2>/dev/null) in running | degraded) booted=yes && break ;; esac
    sleep 0.5
  done
  if [ -z "$booted" ]; then
    journalctl --no-pager --lines=20 >&2
    exit 1
  fi
  ssh-keygen -q -A
  systemctl reset-failed ssh.service # it tried to start without host keys
  systemctl restart ssh.service
fi
for _ in $(seq 60); do
  if [ -s /etc/ssh/ssh_host_ed25519_key.pub ]; then break; fi
  sleep 0.5
done
key=$(cat)
for home in /root /home/debian; do
  install -d -m 0700 -o "$(stat -c %u $home)" -g "$(stat -c %g $home)" $home/.ssh
  echo "$key" >$home/.ssh/authorized_keys
  chown --reference=$home $home/.ssh/authorized_keys
  chmod 0600 $home/.ssh/authorized_keys
done
cut -d ' ' -f 1,2 /etc/ssh/ssh_host_ed25519_key.pub
