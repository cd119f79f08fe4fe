#!/bin/bash
set -Eeuo pipefail

venv=/opt/nixl/venv
case $NIXL_OS in
    # NIXL's libfabric plugin takes hwloc from the system.
    amazon-linux-*) retry dnf install --assumeyes python3.12 hwloc-libs ;;
    *)
        retry apt-get update
        retry apt-get install --yes --no-install-recommends python3.12-venv libhwloc15
        ;;
esac
python3.12 -m venv --clear "$venv"
# With --require-hashes pip takes nothing that is not in the list, and nothing that is not as in it.
retry "$venv/bin/python" -m pip install --no-cache-dir --disable-pip-version-check \
    --only-binary :all: --no-deps --require-hashes --requirement "$NIXL_FILES/requirements.txt"
