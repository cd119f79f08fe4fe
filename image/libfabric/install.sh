#!/bin/bash
# The daemon opens libfabric.so.1 at run time. One that is there stays: the EFA
# installer's knows EFA better than the distribution's.
set -Eeuo pipefail

known=$(ldconfig -p)
if grep -q 'libfabric\.so\.1 ' <<<"$known"; then
    exit 0
fi
case $NIXL_OS in
    amazon-linux-*) retry dnf install --assumeyes libfabric ;;
    *)
        retry apt-get update
        retry apt-get install --yes --no-install-recommends libfabric1
        ;;
esac
