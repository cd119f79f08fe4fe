#!/bin/bash
# On an instance of the image. It is in no cluster, and Image Builder can give it no EFA
# interface: what is looked at is the daemon, and the GPUs of the instance's type.
set -Eeuo pipefail

# For three minutes: drivers and GPUs take their time after a boot.
tries=36
until nixl-noded check --section gpu >/dev/null; do
    if ((--tries == 0)); then
        nixl-noded check --section gpu || true
        die "the GPUs of this instance, or the daemon that looks at them, are not well"
    fi
    sleep 5
done
nixl-noded check --section gpu

failed=$(systemctl list-units --failed --plain --no-legend 'nixl-*' | awk '{ print $1 }')
[[ -z $failed ]] || die "units of the node failed:" "$failed"
