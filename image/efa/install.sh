#!/bin/bash
# Behind kernel and NVIDIA driver: its modules are built for those.
set -Eeuo pipefail

record=/opt/amazon/efa_installed_packages
if grep -qs "^# EFA installer version: $NIXL_INPUT_VERSION$" "$record"; then
    exit 0
fi

cd "$NIXL_FILES"
case $NIXL_OS in
    amazon-linux-*) command -v gpg >/dev/null || retry dnf install --assumeyes gnupg2 ;;
    *)
        retry apt-get update
        command -v gpg >/dev/null || retry apt-get install --yes --no-install-recommends gpg
        ;;
esac

# A keyring of its own: no other key counts here, and this one nowhere else.
GNUPGHOME=$(mktemp -d)
export GNUPGHOME
trap 'rm -rf "$GNUPGHOME"' EXIT
gpg --batch --quiet --import efa.key
said=$(gpg --batch --status-fd 1 --verify efa.tar.gz.sig efa.tar.gz 2>/dev/null) \
    || die "the signature of the EFA installer is not good"
# The last field is the fingerprint of the primary key; gpg is content with any key it has.
signer=$(awk '$2 == "VALIDSIG" { print $NF }' <<<"$said")
[[ $signer == "$NIXL_INPUT_FINGERPRINT" ]] \
    || die "the EFA installer is signed by ${signer:-nobody}, not by $NIXL_INPUT_FINGERPRINT"
[[ $said != *" REVKEYSIG "* ]] || die "the key of the EFA installer is revoked"

tar --extract --gzip --no-same-owner --file efa.tar.gz
# A build instance has no EFA device, so the test at the end would fail (--no-verify);
# each package's own signature is checked with the same key (since 1.48).
(
    cd aws-efa-installer
    export EFA_INSTALLER_KEY=$NIXL_FILES/efa.key
    ./efa_installer.sh --yes --no-verify --check-signatures
) || die "the EFA installer ended with exit code $?"
[[ -s $record ]] || die "the EFA installer left no $record"
ldconfig

# Its module for GPU memory needs NVIDIA's; without, every boot would count as degraded.
modinfo nvidia >/dev/null 2>&1 || rm -f /etc/modules-load.d/efa_nv_peermem.conf
