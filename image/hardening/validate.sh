#!/bin/bash
set -Eeuo pipefail

# none WHAT COMMAND…: the command must print nothing.
none() {
    local what=$1 found
    shift
    found=$("$@")
    [[ -z $found ]] || die "$what: $found"
}

# Amazon Linux says LK.
[[ $(passwd --status root | awk '{ print $2 }') == L* ]] || die "root is not locked"
if [[ -d /etc/ssh/sshd_config.d ]]; then
    grep -qx 'PermitRootLogin no' /etc/ssh/sshd_config.d/10-nixl.conf || die "root may log in by ssh"
fi

none "ssh host keys are left" find /etc -xdev -path '/etc/ssh/ssh_host_*_key*'
none "authorized keys are left" find /root /home -xdev -path '*/.ssh/authorized_keys'
none "shell history is left" find /root /home -xdev -name .bash_history

[[ -e /etc/machine-id ]] || die "/etc/machine-id is missing; it must be there, empty"
[[ ! -s /etc/machine-id ]] || die "/etc/machine-id is not empty"
if [[ -d /var/lib/dbus ]]; then
    [[ $(readlink /var/lib/dbus/machine-id) == /etc/machine-id ]] \
        || die "/var/lib/dbus/machine-id is no link to /etc/machine-id"
fi

if [[ -d /var/lib/cloud ]]; then
    none "cloud-init state is left" find /var/lib/cloud -mindepth 1 -maxdepth 1 -name 'instance*'
fi
case $NIXL_OS in
    amazon-linux-*) none "packages are left" find /var/cache/dnf -name '*.rpm' ;;
    *)
        none "apt lists are left" find /var/lib/apt/lists -type f
        none "apt packages are left" find /var/cache/apt -name '*.deb'
        ;;
esac
[[ ! -e /var/lib/nixl-bake ]] || die "files of the build are left in /var/lib/nixl-bake"

# An image may be shared; keys and presigned URLs in it would be, too.
secrets='AKIA[0-9A-Z]{16}|ASIA[0-9A-Z]{16}|X-Amz-Signature=[0-9a-f]|BEGIN ([A-Z]+ )?PRIVATE KEY'
found=$(grep --recursive --binary-files=without-match --no-messages --devices=skip \
    --files-with-matches --extended-regexp --regexp="$secrets" /etc /root /home || true)
[[ -z $found ]] || die "secrets are left in: ${found//$'\n'/ }"

grep -qx 'Storage=persistent' /etc/systemd/journald.conf.d/nixl.conf \
    || die "the journal is not persistent"
[[ -d /var/log/journal ]] || die "/var/log/journal is missing"
