#!/bin/bash
set -Eeuo pipefail

echo "$NIXL_SHA256_NIXL_NODED  /usr/bin/nixl-noded" | sha256sum --check --status \
    || die "/usr/bin/nixl-noded is not the binary that was uploaded"
/usr/bin/nixl-noded --version >/dev/null || die "/usr/bin/nixl-noded does not run here"

units=/usr/lib/systemd/system
for unit in nixl-noded.socket nixl-noded.service nixl-environment.service nixl-mlflow.service; do
    state=$(systemctl is-enabled "$unit" || true)
    [[ $state == enabled ]] || die "$unit is ${state:-not there}"
done
systemd-analyze verify --man=no "$units"/nixl-*.socket "$units"/nixl-*.path "$units"/nixl-*.service \
    || die "systemd finds fault with the units"

# A unit with a group that is not there does not start.
groups=$(sed -n 's/^SupplementaryGroups=//p' "$units"/nixl-*.service)
for group in $groups; do
    getent group "$group" >/dev/null || die "group $group does not exist"
done

# Every user the package declares, not only those this script would think of.
users=$(awk '$1 ~ /^u/ { print $2 }' /usr/lib/sysusers.d/nixl.conf)
[[ -n $users ]] || die "/usr/lib/sysusers.d/nixl.conf declares no user"
for user in $users; do
    getent passwd "$user" >/dev/null || die "user $user does not exist"
done
