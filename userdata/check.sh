#!/bin/sh
# Checks the cloud-config that nixl-launch renders with cloud-init's own schema:
# the cloud-init of the local region's base image, so that none is installed on
# this computer, where it would act at the next boot. Needs root (chroot).
# Usage: userdata/check.sh [folder of the programs]
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
programs=${1:-$here/../target/debug}
for program in nixl-launch nixl-region; do
    if [ ! -x "$programs/$program" ]; then
        echo "userdata/check.sh: $programs/$program is not there; build it with: cargo build --workspace" >&2
        exit 1
    fi
done
command -v shellcheck >/dev/null || {
    echo "userdata/check.sh: shellcheck is missing; apt-get install shellcheck" >&2
    exit 1
}
shellcheck "$here/lifetime.sh"
echo "lifetime.sh: ok"
base=$("$programs/nixl-region" base-image)

# The image stays as it is: the files are seen through a bind mount that ends with this namespace.
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
arn=arn:aws:sagemaker:us-east-1:123456789012:mlflow-tracking-server/nixl-efa-mlflow
"$programs/nixl-launch" render-user-data --provider efa --nodes 2 --tracking-arn "$arn" --ttl 8h >"$folder/with-mlflow"
"$programs/nixl-launch" render-user-data --provider tcp --nodes 16 --roles prefill=4,decode=12 >"$folder/without-mlflow"
judge() {
    unshare --mount --propagation private sh -eu -c \
        'mount --bind "$1" "$2/mnt"; mount -t proc proc "$2/proc"; exec chroot "$2" cloud-init schema --config-file "/mnt/$3"' \
        sh "$folder" "$base" "$1" >"$folder/.answer" 2>&1
}
for file in with-mlflow without-mlflow; do
    if ! judge "$file"; then
        echo "userdata/check.sh: cloud-init refuses the user data $file:" >&2
        cat "$folder/.answer" >&2
        exit 1
    fi
    echo "user data $file: ok, $(wc -c <"$folder/$file") bytes"
done

# A check that cannot fail proves nothing: a broken document must be refused.
sed 's/owner:/ownre:/' "$folder/with-mlflow" >"$folder/broken"
if judge broken; then
    echo "userdata/check.sh: cloud-init accepts a broken document, so this proves nothing" >&2
    exit 1
fi
