#!/bin/bash
set -Eeuo pipefail

running=$(uname -r)
wanted=${NIXL_INPUT_VERSION:-$running}
[[ $running == "$wanted" ]] || die "kernel $running runs, $wanted is wanted"

installed=$(find /lib/modules -mindepth 1 -maxdepth 1 -type d -printf '%f\n')
[[ $installed == "$running" ]] || die "kernels are installed that do not run: ${installed//$'\n'/ }"

case $NIXL_OS in
    amazon-linux-*) held=$(dnf versionlock list) ;;
    *) held=$(apt-mark showhold) ;;
esac
[[ $held == *kernel* || $held == *"linux-image-$running"* ]] || die "kernel $running is not held"
