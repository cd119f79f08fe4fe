#!/bin/bash
# Behind all that installs something, before hardening, which only removes.
set -Eeuo pipefail

command -v python3 >/dev/null || die "python3 is not there; cloud-init brings it, put cloud-init before"
install -d -m 0755 /usr/share/nixl
python3 -I "$NIXL_FILES/manifest.py" /usr/share/nixl "$NIXL_IMAGE" "$NIXL_DIGEST" "$NIXL_PARTS"
