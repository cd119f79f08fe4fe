#!/bin/sh
# Checks the units as systemd reads them: verify (syntax, paths, references)
# and the sandbox's exposure (0 to 10; 2.0 is the most we allow).
# Needs systemd-analyze (package systemd, 250 or later); no root, no daemon.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
threshold=20

if ! command -v systemd-analyze >/dev/null; then
    echo "systemd/check.sh: systemd-analyze is missing; install the package systemd" >&2
    exit 1
fi

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
cp -R "$here/usr" "$root/usr"
mkdir -p "$root/usr/bin" "$root/etc"
# verify wants ExecStart= to exist; what it does is no concern here.
cp /bin/true "$root/usr/bin/nixl-noded"
# Units of the distribution that ours name; their own units are not judged.
units=$root/usr/lib/systemd/system
for unit in sysinit basic network-online sockets multi-user shutdown; do
    printf '[Unit]\nDescription=%s\n' "$unit" >"$units/$unit.target"
done

failed=0
for unit in nixl-noded.service nixl-noded.socket nixl-environment.service; do
    # The exit status alone misses warnings such as unknown keys.
    if ! told=$(systemd-analyze verify --root="$root" --man=no "$unit" 2>&1) || [ -n "$told" ]; then
        printf 'verify %s:\n%s\n' "$unit" "$told" >&2
        failed=1
    else
        echo "verify $unit: ok"
    fi
done
for unit in nixl-noded.service nixl-environment.service; do
    if told=$(systemd-analyze security --offline=true --root="$root" \
        --threshold="$threshold" --no-pager "$unit" 2>&1); then
        printf '%s\n' "$told" | tail -n 1
    else
        printf 'security %s:\n%s\n' "$unit" "$told" >&2
        failed=1
    fi
done
exit "$failed"
