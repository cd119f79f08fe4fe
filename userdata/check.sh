#!/bin/sh
# Checks the cloud-config that nixl-launch renders with cloud-init's own schema.
# Usage: userdata/check.sh [path of nixl-launch]
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
launch=${1:-$here/../target/debug/nixl-launch}

if ! command -v cloud-init >/dev/null 2>&1; then
    echo "error: cloud-init is not installed; install the package cloud-init (apt-get install cloud-init)" >&2
    exit 1
fi
if [ ! -x "$launch" ]; then
    echo "error: $launch is not there; build it with: cargo build --workspace" >&2
    exit 1
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
arn=arn:aws:sagemaker:us-east-1:123456789012:mlflow-tracking-server/nixl-efa-mlflow
"$launch" render-user-data --provider efa --size 2 --tracking-arn "$arn" >"$folder/with-mlflow"
"$launch" render-user-data --provider tcp --size 16 >"$folder/without-mlflow"
for file in "$folder"/*; do
    if ! cloud-init schema --config-file "$file" >"$folder/.answer" 2>&1; then
        echo "error: cloud-init refuses the user data $(basename "$file"):" >&2
        cat "$folder/.answer" >&2
        exit 1
    fi
    echo "ok: $(basename "$file"), $(wc -c <"$file") bytes"
done
