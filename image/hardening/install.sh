#!/bin/bash
# Last component. validate.sh is its mirror: what goes here is asserted gone there.
set -Eeuo pipefail

passwd --lock root
if [[ -d /etc/ssh/sshd_config.d ]]; then
    printf '%s\n' 'PermitRootLogin no' 'PasswordAuthentication no' >/etc/ssh/sshd_config.d/10-nixl.conf
fi

# Made anew at first boot, so that no two nodes share them.
rm -f /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub
find /root /home -xdev -path '*/.ssh/authorized_keys' -delete
find /root /home -xdev -name .bash_history -delete

# The journal survives a reboot; a node's story is read after it went wrong.
install -d -m 0755 /etc/systemd/journald.conf.d
cat >/etc/systemd/journald.conf.d/nixl.conf <<'CONF'
[Journal]
Storage=persistent
SystemMaxUse=512M
CONF
install -d -m 2755 -o root -g systemd-journal /var/log/journal

# First boot must look like one.
cloud-init clean --logs --seed

case $NIXL_OS in
    amazon-linux-*) dnf clean all ;;
    *)
        apt-get clean
        rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin
        ;;
esac
rm -rf /var/lib/nixl-bake

# Image Builder only touches this file: both nodes would boot with the
# builder's id. Empty means: make one at first boot.
truncate --size 0 /etc/machine-id
if [[ -d /var/lib/dbus ]]; then
    ln --force --symbolic /etc/machine-id /var/lib/dbus/machine-id
fi
