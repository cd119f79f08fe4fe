#!/bin/bash
set -Eeuo pipefail

record=/opt/amazon/efa_installed_packages
grep -qs "^# EFA installer version: $NIXL_INPUT_VERSION$" "$record" \
    || die "$record does not name installer $NIXL_INPUT_VERSION"

# What will boot, not what runs; the builder may have no EFA device.
for folder in /lib/modules/*/; do
    kernel=$(basename "$folder")
    magic=$(modinfo -k "$kernel" -F vermagic efa) || die "kernel $kernel has no module efa"
    [[ $magic == "$kernel "* ]] || die "module efa is for kernel ${magic%% *}, not for $kernel"
done
if command -v dkms >/dev/null; then
    broken=$(dkms status | grep -v ': installed' || true)
    [[ -z $broken ]] || die "modules that are not built: $broken"
fi

known=$(ldconfig -p)
library=$(awk '$1 == "libfabric.so.1" { print $NF; exit }' <<<"$known")
[[ $library == /opt/amazon/efa/* ]] || die "the loader takes ${library:-no libfabric.so.1}, not EFA's"
# `fi_info -l` lists efa only where a device is.
grep -qa efadv_query_device "$library" || die "$library knows no EFA"
missing=$(ldd "$library" | awk '/not found/ { print $1 }')
[[ -z $missing ]] || die "$library lacks: $missing"
/opt/amazon/efa/bin/fi_info --version >/dev/null || die "fi_info does not run"

if ! modinfo nvidia >/dev/null 2>&1; then
    [[ ! -e /etc/modules-load.d/efa_nv_peermem.conf ]] || die "efa_nv_peermem is loaded without NVIDIA's driver"
fi
