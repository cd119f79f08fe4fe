#!/bin/bash
# Makes requirements.txt: every package that requirements.in leads to, with the one
# wheel for x86_64, Python 3.12 and glibc 2.34 (Amazon Linux 2023) and its SHA-256.
# Needs uv and pip; nothing is installed and no wheel is kept.
set -Eeuo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

uv pip compile requirements.in --quiet --python-version 3.12 --only-binary :all: \
    --python-platform x86_64-manylinux_2_34 --no-header --no-annotate \
    --output-file "$work/versions.txt"

platforms=()
for minor in {34..5}; do
    platforms+=(--platform "manylinux_2_${minor}_x86_64")
done
for old in manylinux2014 manylinux2010 manylinux1; do
    platforms+=(--platform "${old}_x86_64")
done
# pip holds what packages ask for against the Python it runs in; uv has seen to that.
python3 -m pip install --quiet --dry-run --ignore-installed --no-deps --ignore-requires-python \
    --target "$work/none" --report "$work/report.json" --only-binary :all: \
    --python-version 3.12 --implementation cp --abi cp312 --abi abi3 --abi none \
    "${platforms[@]}" --requirement "$work/versions.txt"

python3 - "$work/report.json" >"$work/requirements.txt" <<'PYTHON'
import json, sys

print("# Made by requirements.sh of requirements.in.")
found = json.load(open(sys.argv[1]))["install"]
for one in sorted(found, key=lambda one: one["metadata"]["name"].lower()):
    name, version = one["metadata"]["name"], one["metadata"]["version"]
    digest = one["download_info"]["archive_info"]["hashes"]["sha256"]
    print(f"{name}=={version} --hash=sha256:{digest}")
PYTHON
mv "$work/requirements.txt" requirements.txt
