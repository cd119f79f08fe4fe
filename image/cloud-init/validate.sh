#!/bin/bash
set -Eeuo pipefail

cloud-init --version >/dev/null 2>&1 || die "cloud-init does not run"
[[ ! -e /etc/cloud/cloud-init.disabled ]] || die "cloud-init is disabled"
for unit in cloud-config cloud-final; do
    state=$(systemctl is-enabled "$unit.service" || true)
    [[ $state == enabled ]] || die "$unit.service is ${state:-not there}"
done
