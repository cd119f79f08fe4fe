set -Eeuo pipefail
umask 022
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
trap 'echo "line $LINENO failed: $BASH_COMMAND" >&2' ERR
# die MESSAGE…: the build ends here, and says why.
die() {
    echo "$*" >&2
    exit 1
}
# retry COMMAND…: four tries, 2, 4 and 8 s apart (AWSTOE's own have no pause).
retry() {
    local delay=2
    until "$@"; do
        if ((delay > 8)); then
            die "gave up after four tries: $*"
        fi
        sleep "$delay"
        delay=$((delay * 2))
    done
}
