#!/bin/bash
# Open modules: the only ones for Blackwell, and what lets EFA reach GPU memory by dma-buf.
# Source: NVIDIA driver installation guide; fabric manager user guide (same version as the driver).
set -Eeuo pipefail

version=$NIXL_INPUT_VERSION
branch=${version%%.*}
kernel=$(uname -r)
case $NIXL_OS in
    amazon-linux-*)
        install -m 0644 "$NIXL_FILES/archive" /etc/yum.repos.d/cuda.repo
        retry dnf module enable --assumeyes "nvidia-driver:$branch-open"
        retry dnf install --assumeyes "kernel-devel-$kernel" \
            "nvidia-open-$version" "nvidia-fabricmanager-$version"
        retry dnf install --assumeyes python3-dnf-plugin-versionlock
        dnf versionlock add 'nvidia*'
        ;;
    *)
        cp "$NIXL_FILES/archive" "$NIXL_FILES/archive.deb"
        dpkg --install "$NIXL_FILES/archive.deb"
        retry apt-get update
        packages=("nvidia-open-$branch" "nvidia-fabricmanager-$branch")
        retry apt-get install --yes --no-install-recommends "linux-headers-$kernel" \
            "${packages[@]/%/=$version-*}"
        apt-mark hold "${packages[@]}"
        ;;
esac

echo 'blacklist nouveau' >/etc/modprobe.d/nixl-nouveau.conf
systemctl enable nvidia-persistenced.service nvidia-fabricmanager.service

# Types without NVSwitch (a bridge of NVIDIA's on the PCI bus) have nothing for it to manage.
install -d /etc/systemd/system/nvidia-fabricmanager.service.d
cat >/etc/systemd/system/nvidia-fabricmanager.service.d/nixl.conf <<'CONF'
[Service]
ExecCondition=/bin/sh -c 'for d in /sys/bus/pci/devices/*; do read -r v <$$d/vendor; read -r c <$$d/class; [ "$$v $$c" = "0x10de 0x068000" ] && exit 0; done; exit 1'
CONF
