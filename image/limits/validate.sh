#!/bin/bash
set -Eeuo pipefail

# What boot will make of all files together, a later one over an earlier one.
files=$(find /usr/lib/sysctl.d /etc/sysctl.d -name '*.conf' -printf '%f %p\n' | sort | cut -d' ' -f2-)
# shellcheck disable=SC2086 # names without blanks
said=$(sed -n 's/^ *vm\.nr_hugepages *= *//p' $files | tail -n1)
[[ $said == "$NIXL_INPUT_HUGE_PAGES" ]] || die "$said huge pages at boot, not $NIXL_INPUT_HUGE_PAGES"
grep -qx 'DefaultLimitMEMLOCK=infinity' /etc/systemd/system.conf.d/60-nixl.conf \
    || die "services may lock little memory"
grep -q '^\* - memlock unlimited$' /etc/security/limits.d/60-nixl.conf \
    || die "logins may lock little memory"
