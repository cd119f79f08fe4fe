#!/bin/bash
# systemd/usr is laid out as on the node, so unpacking it in /usr installs it.
set -Eeuo pipefail

install -m 0755 -o root -g root "$NIXL_FILES/nixl-noded" /usr/bin/nixl-noded
# The archive holds files and links only: folders that exist keep their mode and owner.
tar --extract --file "$NIXL_FILES/systemd.tar" --directory /usr --same-permissions --no-same-owner

systemd-sysusers
journalctl --update-catalog

# tmpfiles and the units themselves are for the first boot.
systemctl enable nixl-noded.socket nixl-noded.service nixl-environment.service nixl-mlflow.service
