//! Reasons of `nixl-noded check`, of what it looks at itself.

use super::reasons;

reasons! {
    CHECK_DAEMON_SILENT "check.daemon_silent" Error FixSetting
        "The node daemon does not answer."
        "See `systemctl status nixl-noded` and `journalctl -u nixl-noded -e`; `systemctl restart nixl-noded` starts it anew."
    CHECK_PEER_SILENT "check.peer_silent" Error FixSetting ["peer"]
        "The peer could not be asked how it is."
        "Look at `peer:state` on this node first; then run `nixl-noded check` on the peer itself."
    CHECK_PYTHON_MISSING "check.python_missing" Error FixSetting
        "There is no Python where vLLM and NIXL should be."
        "Give `python` in /etc/nixl/node.toml the interpreter that runs them, an absolute path."
    CHECK_PYTHON_BROKEN "check.python_broken" Error FixSetting
        "The Python that should run vLLM and NIXL does not work."
        "Run the interpreter named in the evidence by hand; make its environment anew if it does not start."
    CHECK_VLLM_MISSING "check.vllm_missing" Error FixSetting
        "vLLM is not installed in the Python that should run it."
        "Install it there: `/opt/nixl/venv/bin/python3 -m pip install vllm`, or bake it into the image."
    CHECK_VLLM_BROKEN "check.vllm_broken" Error FixSetting
        "vLLM is installed and cannot be imported."
        "The evidence has Python's own words; most often torch, CUDA and vLLM are of releases that do not go together."
    CHECK_NIXL_MISSING "check.nixl_missing" Error FixSetting
        "NIXL is not installed in the Python that should run it."
        "Install it there: `/opt/nixl/venv/bin/python3 -m pip install nixl`, or bake it into the image."
    CHECK_NIXL_BROKEN "check.nixl_broken" Error FixSetting
        "NIXL is installed and cannot be imported."
        "The evidence has Python's own words; NIXL needs torch and the CUDA release it was built for (nixl-cu12, nixl-cu13)."
    CHECK_NIXL_PLUGIN_MISSING "check.nixl_plugin_missing" Warning FixSetting ["missing" "present"]
        "NIXL does not find a plugin that moves data between nodes."
        "Over EFA it needs LIBFABRIC, else UCX; set NIXL_PLUGIN_DIR where they are not beside the package, and see that libfabric 1.21 or newer loads."
    CHECK_NIXL_LIBFABRIC_MISSING "check.nixl_libfabric_missing" Error FixSetting ["missing" "present"]
        "This node's provider is EFA, and NIXL does not find the plugin that uses it."
        "NIXL moves data over EFA by LIBFABRIC alone; set NIXL_PLUGIN_DIR where it is not beside the package, and see that libfabric 1.21 or newer loads."
    CHECK_SETTINGS_UNREAD "check.settings_unread" Warning FixSetting
        "The settings could not be read, so that the Python they may name is not known."
        "Correct the file named in the evidence, or run the check as a user who may read it."
    CHECK_DEVICES_UNSEEN "check.devices_unseen" Warning Watch ["expected"]
        "The instance type has devices of which the daemon says nothing."
        "Just after its start, wait and run the check again; else `journalctl -u nixl-noded` says why it does not look."
    CHECK_LOOK_FAILED "check.look_failed" Error Watch
        "The check itself failed before it had looked."
        "The evidence says why; run it again, and look at the limits of this shell (`ulimit -a`)."
    CHECK_MTU_SMALL "check.mtu_small" Warning FixSetting ["mtu_bytes"]
        "A network interface does not use jumbo frames."
        "EC2 carries 9001 bytes within a VPC: `ip link set dev NAME mtu 9001`, and in netplan or systemd-networkd to keep it."
    CHECK_DNS_FAILED "check.dns_failed" Error FixSetting
        "The name of EC2's endpoint does not resolve."
        "Look at `resolvectl status`; the VPC needs enableDnsSupport, or an interface endpoint for EC2 with private DNS."
}
