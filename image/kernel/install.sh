#!/bin/bash
# Before anything that builds modules: installers build for every kernel there is.
set -Eeuo pipefail

running=$(uname -r)
wanted=${NIXL_INPUT_VERSION:-$running}
choice=/etc/default/grub.d/99-nixl.cfg

case $NIXL_OS in
    amazon-linux-*)
        # Release without architecture is how dnf names it.
        if [[ $running != "$wanted" ]]; then
            retry dnf install --assumeyes "kernel-${wanted%.*}" "kernel-devel-${wanted%.*}"
            grubby --set-default "/boot/vmlinuz-$wanted"
            reboot_once "kernel $running runs, $wanted is wanted"
        fi
        others=$(rpm --query --queryformat 'kernel-%{VERSION}-%{RELEASE}.%{ARCH}\n' kernel \
            | grep -vxF "kernel-$running" || true)
        for other in $others; do
            dnf remove --assumeyes "$other"
        done
        retry dnf install --assumeyes python3-dnf-plugin-versionlock
        dnf versionlock add 'kernel*'
        ;;
    *)
        if [[ $running != "$wanted" ]]; then
            retry apt-get update
            retry apt-get install --yes --no-install-recommends \
                "linux-image-$wanted" "linux-headers-$wanted"
            # It may be older than the base's, which would boot by itself.
            case $NIXL_OS in
                ubuntu-*) title=Ubuntu ;;
                *) title='Debian GNU/Linux' ;;
            esac
            install -d /etc/default/grub.d
            echo "GRUB_DEFAULT='Advanced options for $title>$title, with Linux $wanted'" >"$choice"
            update-grub
            reboot_once "kernel $running runs, $wanted is wanted"
        fi
        others=$(dpkg-query --show --showformat '${db:Status-Abbrev}${Package}\n' 'linux-image-[0-9]*' \
            | sed -n 's/^ii *//p' | grep -vxF "linux-image-$running" || true)
        # shellcheck disable=SC2086 # one word each
        [[ -z $others ]] || apt-get purge --yes $others
        rm -f "$choice"
        update-grub
        held=$(dpkg-query --show --showformat '${db:Status-Abbrev}${Package}\n' 'linux-image-*' 'linux-headers-*' 'linux-aws*' 2>/dev/null \
            | sed -n 's/^ii *//p' || true)
        # shellcheck disable=SC2086
        apt-mark hold $held
        ;;
esac
