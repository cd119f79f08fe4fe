#!/bin/bash
set -Eeuo pipefail

# Module and library tell major and minor of their release.
IFS=. read -r major minor _ <<<"$NIXL_INPUT_VERSION"
release=$major.$minor

# What will boot, not what runs.
for folder in /lib/modules/*/; do
    kernel=$(basename "$folder")
    magic=$(modinfo -k "$kernel" -F vermagic gdrdrv) || die "kernel $kernel has no module gdrdrv"
    [[ $magic == "$kernel "* ]] || die "module gdrdrv is for kernel ${magic%% *}, not for $kernel"
    said=$(modinfo -k "$kernel" -F version gdrdrv)
    [[ $said == "$release" ]] || die "gdrdrv $said is there, not $release"
    # It is built beside a dummy of NVIDIA's module, which must not take that one's place.
    needs=$(sed -n 's|^[^:]*/gdrdrv\.ko[^:]*: *||p' "$folder/modules.dep")
    [[ $needs == */nvidia.ko* && $needs != *nv-p2p-dummy* ]] \
        || die "gdrdrv needs ${needs:-no module}, not NVIDIA's"
done
broken=$(dkms status | grep -v ': installed' || true)
[[ -z $broken ]] || die "modules that are not built: $broken"

known=$(ldconfig -p)
library=$(awk -v name="libgdrapi.so.$major" '$1 == name { print $NF; exit }' <<<"$known")
[[ -n $library ]] || die "the loader does not know libgdrapi.so.$major"
file=$(readlink -f "$library")
[[ $file == */"libgdrapi.so.$release" ]] || die "the loader takes $file, not release $release"
missing=$(ldd "$library" | awk '/not found/ { print $1 }')
[[ -z $missing ]] || die "$library lacks: $missing"

lists=$(grep -lsx gdrdrv /etc/modules /etc/modules-load.d/*.conf /usr/lib/modules-load.d/*.conf || true)
[[ -z $lists ]] || die "gdrdrv is loaded at every boot, with or without a GPU: $lists"
state=$(systemctl is-enabled nixl-gdrdrv.service || true)
[[ $state == enabled ]] || die "nixl-gdrdrv.service is ${state:-not there}"
systemd-analyze verify --man=no /etc/systemd/system/nixl-gdrdrv.service \
    || die "systemd finds fault with nixl-gdrdrv.service"
