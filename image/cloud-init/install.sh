#!/bin/bash
# AWS's Debian images carry cloud-init; a slimmer base may not.
set -Eeuo pipefail

if ! command -v cloud-init >/dev/null; then
    case $NIXL_OS in
        amazon-linux-*) retry dnf install --assumeyes cloud-init ;;
        *)
            retry apt-get update
            retry apt-get install --yes --no-install-recommends cloud-init
            ;;
    esac
fi

# Its generator decides at boot; this file would tell it to stay off.
rm -f /etc/cloud/cloud-init.disabled

# Which of cloud-init's units exist differs between its versions.
for unit in cloud-init-local cloud-init-main cloud-init-network cloud-init cloud-config cloud-final; do
    if [[ -e /usr/lib/systemd/system/$unit.service || -e /lib/systemd/system/$unit.service ]]; then
        systemctl enable "$unit.service"
    fi
done
