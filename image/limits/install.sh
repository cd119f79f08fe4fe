#!/bin/bash
# Registered memory is locked memory: EFA's providers fail with ENOMEM at the usual 8 MiB.
set -Eeuo pipefail

[[ $NIXL_INPUT_HUGE_PAGES =~ ^[0-9]+$ ]] || die "huge_pages $NIXL_INPUT_HUGE_PAGES is no number"
install -d /etc/sysctl.d /etc/security/limits.d /etc/systemd/system.conf.d
echo "vm.nr_hugepages = $NIXL_INPUT_HUGE_PAGES" >/etc/sysctl.d/60-nixl.conf
# Logins go by PAM, services and containers by their manager.
printf '%s\n' '* - memlock unlimited' 'root - memlock unlimited' >/etc/security/limits.d/60-nixl.conf
printf '[Manager]\nDefaultLimitMEMLOCK=infinity\n' >/etc/systemd/system.conf.d/60-nixl.conf
