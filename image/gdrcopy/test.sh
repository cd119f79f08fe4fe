#!/bin/bash
# On an instance of the image, whose GPU has the module loaded.
set -Eeuo pipefail

# The boot may still be at it; what failed is tried once more.
systemctl start nixl-gdrdrv.service || {
    journalctl --unit nixl-gdrdrv.service --lines 10 --output cat --no-pager >&2 || true
    die "gdrdrv cannot be loaded on this instance"
}
number=$(awk '$2 == "gdrdrv" { print $1 }' /proc/devices)
[[ -n $number ]] || die "gdrdrv is not loaded: nixl-gdrdrv.service sees no GPU of NVIDIA's"
there=$(stat --format '%F %t %a' /dev/gdrdrv) || die "there is no /dev/gdrdrv"
[[ $there == "character special file $(printf %x "$number") 666" ]] \
    || die "/dev/gdrdrv is not the module's device for all users: $there"
