#!/bin/bash
# On an instance of the image. It is in no cluster, and Image Builder can give it no EFA
# interface: what is looked at is the daemon, and the GPUs of the instance's type.
set -Eeuo pipefail

# Without settings the daemon waits for them and looks at nothing. The instance is thrown away.
install -d /etc/nixl
printf 'cluster = "image-test"\nsize = 2\nprovider = "auto"\n' >/etc/nixl/node.toml
chmod 0644 /etc/nixl/node.toml

# Only what was seen counts: a check that could look at nothing yet fails nothing.
well() {
    told=$(nixl-noded check --section gpu) || return 1
    [[ $told == *"PASS  gpu:present"* || $told == *"none expected"* ]]
}

# For three minutes: drivers and GPUs take their time after a boot.
tries=36
until well; do
    if ((--tries == 0)); then
        if [[ $told == *"SKIP  gpu:present"* ]] && ! grep -qs 0x10de /sys/bus/pci/devices/*/vendor; then
            # A type that the daemon does not know, without an NVIDIA device.
            break
        fi
        echo "$told"
        die "the GPUs of this instance, or the daemon that looks at them, are not well"
    fi
    sleep 5
done
echo "$told"

failed=$(systemctl list-units --failed --plain --no-legend 'nixl-*' | awk '{ print $1 }')
[[ -z $failed ]] || die "units of the node failed:" "$failed"
