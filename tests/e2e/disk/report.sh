#!/bin/bash
# Runs in the machine once it is up: tells of it on its second serial port, which nobody
# else writes to, and powers it off.
set -uo pipefail
exec >/dev/ttyS1 2>&1 </dev/null

# Behind what the firmware wrote.
echo

tell() { printf '%s\t%s\n' "$1" "$2"; }

cloud-init status --wait >/dev/null
# Both are waited for below a limit of the test's.
until systemctl is-active --quiet nixl-noded.service; do sleep 1; done
until health=$(curl --silent --max-time 10 http://127.0.0.1:9100/health); do sleep 1; done

tell hostname "$(hostname)"
tell machine_id "$(cat /etc/machine-id)"
tell cloud_init "$(cloud-init status --long | tr '\n' ' ')"
tell noded "$(systemctl is-active nixl-noded.service)"
tell failed "$(systemctl list-units --failed --plain --no-legend | tr '\n' ' ')"
tell sshd "$(systemctl is-enabled ssh.service 2>/dev/null)"
tell host_keys "$(cat /etc/ssh/ssh_host_*_key.pub 2>/dev/null)"
tell journal "$(journalctl --header --file "/var/log/journal/$(cat /etc/machine-id)/system.journal" | awk '/^Boot ID/ { print $3 }')"
tell boot "$(tr -d - </proc/sys/kernel/random/boot_id)"
tell root_bytes "$(df --output=size --block-size=1 / | tail -n 1 | tr -d ' ')"
tell resolver "$(readlink /etc/resolv.conf)"
tell kernel "$(uname -r)"
tell health "$(tr -d '\n' <<<"$health")"
tell up_secs "$(cut -d' ' -f1 /proc/uptime)"
systemctl poweroff
