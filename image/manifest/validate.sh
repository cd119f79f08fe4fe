#!/bin/bash
set -Eeuo pipefail

# Read back, and held against the packages there are now: another component may have
# installed or removed some after the list was made.
python3 -I - "$NIXL_DIGEST" "$NIXL_OS" <<'PYTHON' || die "the image's manifest is not right"
import json, subprocess, sys

digest, system = sys.argv[1:]
manifest = json.load(open("/usr/share/nixl/manifest.json", encoding="utf-8"))
sbom = json.load(open("/usr/share/nixl/sbom.cdx.json", encoding="utf-8"))
if manifest["digest"] != digest:
    sys.exit(f"the manifest is of {manifest['digest']}, this image is {digest}")
if system.startswith("amazon-linux"):
    query = ["rpm", "--query", "--all", "--queryformat", "%{NAME}\n"]
else:
    query = ["dpkg-query", "--show", "--showformat", "${db:Status-Status} ${Package}\n"]
lines = subprocess.run(query, check=True, capture_output=True, text=True).stdout.splitlines()
there = {line.split()[-1] for line in lines if line.startswith("installed ") or " " not in line}
listed = {one["name"] for one in manifest["packages"] if one["kind"] in ("deb", "rpm")}
if there - {"gpg-pubkey"} != listed:
    sys.exit(f"installed and listed are not the same: {sorted(there ^ listed)[:10]}")
# The daemon is in the SBOM only, as a file by its sum.
libraries = sum(one["type"] == "library" for one in sbom["components"])
if libraries != len(manifest["packages"]):
    sys.exit(f"{libraries} packages in the SBOM, {len(manifest['packages'])} in the manifest")
PYTHON
