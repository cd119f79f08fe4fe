#!/bin/bash
set -Eeuo pipefail

for folder in /lib/modules/*/; do
    kernel=$(basename "$folder")
    for module in nvidia nvidia_uvm; do
        magic=$(modinfo -k "$kernel" -F vermagic "$module") || die "kernel $kernel has no module $module"
        [[ $magic == "$kernel "* ]] || die "module $module is for kernel ${magic%% *}, not for $kernel"
    done
    said=$(modinfo -k "$kernel" -F version nvidia)
    [[ $said == "$NIXL_INPUT_VERSION" ]] || die "driver $said is there, not $NIXL_INPUT_VERSION"
    license=$(modinfo -k "$kernel" -F license nvidia)
    [[ $license == *GPL* ]] || die "these are not the open modules (license $license)"
done
if command -v dkms >/dev/null; then
    broken=$(dkms status | grep -v ': installed' || true)
    [[ -z $broken ]] || die "modules that are not built: $broken"
fi

known=$(ldconfig -p)
grep -q 'libcuda\.so\.1 ' <<<"$known" || die "the loader does not know libcuda.so.1"
# One of another version refuses to start, on types with NVSwitch only.
said=$(nv-fabricmanager --version)
[[ $said == *"$NIXL_INPUT_VERSION"* ]] || die "fabric manager is another version: $said"
for unit in nvidia-persistenced nvidia-fabricmanager; do
    state=$(systemctl is-enabled "$unit.service" || true)
    [[ $state == enabled ]] || die "$unit.service is ${state:-not there}"
done
grep -qx 'blacklist nouveau' /etc/modprobe.d/nixl-nouveau.conf || die "nouveau is not kept out"
