#!/bin/sh
# Runs inside a new test host. Standard input: the public key to let in. Last line of output: the host's public key.
# A few tries: right after the start of the container systemd does not answer yet.
for _ in $(seq 60); do
  case $(systemctl is-system-running --wait 2>/dev/null) in running | degraded) break ;; esac
  sleep 0.5
done
ssh-keygen -q -A
key=$(cat)
for home in /root /home/debian; do
  install -d -m 0700 -o "$(stat -c %u $home)" -g "$(stat -c %g $home)" $home/.ssh
  echo "$key" >$home/.ssh/authorized_keys
  chown --reference=$home $home/.ssh/authorized_keys
  chmod 0600 $home/.ssh/authorized_keys
done
systemctl reset-failed ssh.service # it tried to start without host keys
systemctl restart ssh.service
cut -d ' ' -f 1,2 /etc/ssh/ssh_host_ed25519_key.pub
