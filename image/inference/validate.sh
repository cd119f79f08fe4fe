#!/bin/bash
set -Eeuo pipefail

venv=/opt/nixl/venv
"$venv/bin/python" -m pip check >/dev/null || die "packages of $venv do not fit together"
plugins=$(find "$venv" -name 'libplugin_LIBFABRIC.so')
[[ -n $plugins ]] || die "NIXL has no libfabric plugin"

known=$(ldconfig -p)
for plugin in $plugins; do
    # What wheels leave to the system on purpose; libcuda comes with the driver, libcudart with torch.
    needs=$(ldd "$plugin")
    missing=$(awk '/not found/ && $1 !~ /^libcuda(rt)?\.so/ { print $1 }' <<<"$needs")
    [[ -z $missing ]] || die "$plugin lacks: $missing"
    # With another libfabric traffic would go over TCP without a word.
    [[ $known != *" /opt/amazon/efa/"* || $needs == *"libfabric.so.1 => /opt/amazon/efa/"* ]] \
        || die "$plugin takes another libfabric than EFA's"
done
