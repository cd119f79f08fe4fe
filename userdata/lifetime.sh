# shellcheck shell=sh
# Powers this machine off when its time is over, whether the daemon works or not:
# EC2 terminates an instance of ours that powers itself off. Part of the user data,
# where it runs early in every boot, and sent by `nixl-launch extend`.
#   $1         the end, RFC 3339; else what the instance's tag says, else the end of
#              an earlier boot, else $ttl_secs from now on, else there is none
#   $ttl_secs  life from the first boot on, or empty
# The timer is the service manager's own: shutdown(8) needs logind and D-Bus, which
# are not there yet when this runs, and may have died when it counts.
imds=http://169.254.169.254/latest
# With the instance's own data, so that an image made of this machine has it not.
kept=${NIXL_KEPT:-/var/lib/cloud/instance/nixl-expires-at}

end=${1:-}
if [ -z "$end" ]; then
    token=$(curl -sf -m 5 --retry 3 --retry-connrefused -X PUT \
        -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$imds/api/token") || token=
    end=$(curl -sf -m 5 --retry 3 -H "X-aws-ec2-metadata-token: $token" \
        "$imds/meta-data/tags/instance/nixl:expires-at") || end=
fi
at=
if [ -n "$end" ]; then
    at=$(date -d "$end" +%s) || at=
fi
now=$(date +%s)
if [ -z "$at" ] && [ -s "$kept" ]; then
    at=$(cat "$kept")
elif [ -z "$at" ] && [ -n "${ttl_secs:-}" ]; then
    at=$((now + ttl_secs))
fi

if [ -z "$at" ]; then
    echo "nixl: this machine has no end"
else
    echo "$at" >"$kept.new" && mv "$kept.new" "$kept"
    timer=nixl-end-$at.timer
    if [ "$at" -le "$now" ]; then
        echo "nixl: the time of this machine is over, it powers off"
        systemctl --no-block --ignore-inhibitors poweroff
    elif systemctl is-active --quiet "$timer" \
        || systemd-run --quiet --no-block --unit="nixl-end-$at" \
            --description='End of a nixl node' --property=DefaultDependencies=no \
            --on-calendar="$(date -ud "@$at" '+%F %T') UTC" \
            --timer-property=AccuracySec=1s --timer-property=DefaultDependencies=no \
            systemctl --no-block --ignore-inhibitors poweroff; then
        systemctl list-units --plain --no-legend --full 'nixl-end-*.timer' | while read -r other _; do
            [ "$other" = "$timer" ] || systemctl stop "$other"
        done
        # What is asked is whether it will happen, not whether somebody was told.
        systemctl is-active --quiet "$timer" \
            && echo "nixl: this machine powers off at $(date -ud "@$at" +%FT%TZ), in $((at - now)) s"
    else
        echo "nixl: the end of this machine cannot be scheduled" >&2
        exit 1
    fi
fi
