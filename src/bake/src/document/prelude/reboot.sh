# reboot_once WHY…: the machine reboots and this script runs again from its
# start (Image Builder's exit code for that); wanted again, the build ends.
reboot_once() {
    [[ ! -e $NIXL_REBOOTED ]] || die "a reboot did not help: $*"
    install -d -m 0700 "${NIXL_REBOOTED%/*}"
    touch "$NIXL_REBOOTED"
    echo "rebooting: $*"
    exit 194
}
