#!/bin/bash
# Behind NVIDIA's driver, whose headers the module is compiled with. What NVIDIA's packages do
# that needs no CUDA: packages/build-deb-packages.sh and packages/dkms.conf of its sources.
set -Eeuo pipefail

version=$NIXL_INPUT_VERSION
running=$(uname -r)
case $NIXL_OS in
    amazon-linux-*) retry dnf install --assumeyes dkms gcc make "kernel-devel-$running" ;;
    *)
        retry apt-get update
        retry apt-get install --yes --no-install-recommends dkms gcc libc6-dev make "linux-headers-$running"
        ;;
esac

# Where its Makefile looks; without, the compiler's complaint would be the only hint.
header=$(find /usr/src/kernel-modules/nvidia-* /usr/src/nvidia-* -name nv-p2p.h -print -quit 2>/dev/null || true)
[[ -n $header ]] || die "no sources of NVIDIA's driver in /usr/src, which GDRCopy's module is built with"

cd "$NIXL_FILES"
mkdir gdrcopy
tar --extract --gzip --no-same-owner --strip-components 1 --directory gdrcopy --file gdrcopy.tar.gz

sources=/usr/src/gdrdrv-$version
rm -rf "$sources"
cp -R gdrcopy/src/gdrdrv "$sources"
cp -R gdrcopy/scripts "$sources/scripts"
sed "s/@FULL_VERSION@/$version/; s/@VERSION@/$version/; s|@MODULE_LOCATION@|/kernel/drivers/misc/|" \
    gdrcopy/packages/dkms.conf >"$sources/dkms.conf"
chmod -R u+x "$sources/scripts"
dkms add -m gdrdrv -v "$version"
for folder in /lib/modules/*/; do
    kernel=$(basename "$folder")
    dkms install -m gdrdrv -v "$version" -k "$kernel" || {
        tail -n 30 "/var/lib/dkms/gdrdrv/$version/build/make.log" >&2 || true
        die "gdrdrv $version is not built for kernel $kernel"
    }
done

make -C gdrcopy lib_install
# Amazon Linux's loader does not look there by itself.
echo /usr/local/lib >/etc/ld.so.conf.d/nixl-gdrcopy.conf
ldconfig

install -m 0644 nixl-gdrdrv.service /etc/systemd/system/nixl-gdrdrv.service
systemctl enable nixl-gdrdrv.service
