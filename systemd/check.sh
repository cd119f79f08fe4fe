#!/bin/sh
# Checks what is installed on a node as systemd reads it: units (syntax, paths,
# references, directives that systemd 249 knows, a reason for every ordering), the
# sandboxes' exposure (0 to 10; 1.5 is the most we allow), the journal's catalog,
# users and folders. Needs root for the folders, and systemd 250 or later for what
# an older one can only do on a running system.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
threshold=15

if ! command -v systemd-analyze >/dev/null; then
    echo "systemd/check.sh: systemd-analyze is missing; install the package systemd" >&2
    exit 1
fi

version=$(systemd-analyze --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
if [ "$version" -lt 250 ]; then
    echo "systemd/check.sh: systemd $version has no --offline; verify, security and users are left out"
fi

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
cp -R "$here/usr" "$root/usr"
units=$root/usr/lib/systemd/system
ours=$(cd "$units" && ls)
mkdir -p "$root/usr/bin" "$root/etc" "$root/var/lib/systemd/catalog"
# verify wants what ExecStart= names to exist; what it does is no concern here.
sed -n 's/^Exec[A-Za-z]*=[-@:+!|]*\([^ ]*\).*/\1/p' "$units"/*.service | sort -u | while read -r program; do
    mkdir -p "$root$(dirname "$program")"
    cp /bin/true "$root$program"
done
# Units of the distribution that ours name; their own units are not judged.
for unit in sysinit basic network-online sockets paths multi-user shutdown; do
    printf '[Unit]\nDescription=%s\n' "$unit" >"$units/$unit.target"
done

failed=0
# report WHAT TOLD: nothing told is good.
report() {
    if [ -n "$2" ]; then
        printf '%s:\n%s\n' "$1" "$2" >&2
        failed=1
    else
        echo "$1: ok"
    fi
}

for unit in $ours; do
    if [ "$version" -ge 250 ]; then
        # The exit status alone misses warnings such as unknown keys.
        told=$(systemd-analyze verify --root="$root" --man=no "$unit" 2>&1) || told="$told (failed)"
        report "verify $unit" "$told"
    fi

    # Nobody dares to touch an ordering without a reason; neighbours share one.
    report "reasons in $unit" "$(awk '
        /^(After|Before|Wants|Requires|Requisite|BindsTo|PartOf|Upholds|Conflicts)=/ {
            if (!told) print FILENAME ":" FNR ": no reason above " $0
            next
        }
        { told = /^#/ }' "$here/usr/lib/systemd/system/$unit" | sed "s|$here/||")"

    # An older systemd only warns and goes on without the sandbox that is meant.
    report "directives of $unit" "$(awk -F= '
        FNR == NR { known[$1]; next }
        /^\[/ { section = substr($0, 2, length($0) - 2); next }
        /^[A-Z]/ && !(section "." $1 in known) { print section "." $1 " is not in systemd 249" }
        ' "$here/directives-249.txt" "$units/$unit")"
done

for unit in $ours; do
    case $unit in *.service) ;; *) continue ;; esac
    [ "$version" -ge 250 ] || continue
    if told=$(systemd-analyze security --offline=true --root="$root" \
        --threshold="$threshold" --no-pager "$unit" 2>&1); then
        printf '%s\n' "$told" | tail -n 1
    else
        report "security $unit" "$told"
    fi
done

# Every entry of the text must be in the database that journalctl -x reads.
told=$(journalctl --update-catalog --root="$root" 2>&1) || told="$told (failed)"
report "catalog" "$told"
written=$(grep -c '^-- ' "$root"/usr/lib/systemd/catalog/nixl.catalog)
listed=$(journalctl --list-catalog --root="$root" | wc -l)
[ "$written" = "$listed" ] || report "catalog" "$written entries are written, $listed are listed"

if [ "$version" -ge 250 ]; then
    told=$(systemd-sysusers --dry-run --root="$root" 2>&1 >/dev/null | grep -v '^Creating \|^Would ') || true
    report "users" "$told"
fi
if [ "$(id -u)" = 0 ]; then
    systemd-sysusers --root="$root" 2>/dev/null
    told=$(systemd-tmpfiles --create --root="$root" 2>&1) || told="$told (failed)"
    report "folders" "$told"
    user=$(sed -n 's/^nixl-noded:[^:]*:\([0-9]*\):.*/\1/p' "$root/etc/passwd")
    state=$(stat -c '%a %u' "$root/var/lib/nixl")
    [ "$state" = "750 $user" ] || report "folders" "/var/lib/nixl has mode and owner $state"
fi
exit "$failed"
