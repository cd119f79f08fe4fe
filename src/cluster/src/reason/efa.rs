//! Reasons of the EFA devices and what they need of the node.
//!
//! No AWS page gives a limit for a counter of EFA: those here are of EKS's node
//! monitoring agent, or any movement.

use super::reasons;

reasons! {
    EFA_MISSING "efa.missing" Error Reboot ["expected" "present" "gone"]
        "Fewer EFA devices are there than the instance type has or than there were."
        "Check that every network interface was launched as an EFA one; then reboot the node, and replace the instance if a device does not come back."
    EFA_NOT_ATTACHED "efa.not_attached" Error FixSetting ["expected"]
        "The instance type has EFA, and no network interface of this node was launched as an EFA one."
        "Launch it with interfaces of type efa or efa-only, as `nixl-launch up` does; or give provider = \"tcp\" in /etc/nixl/node.toml if EFA is not wanted."
    EFA_DRIVER_MISSING "efa.driver_missing" Error FixSetting ["devices"]
        "EFA devices are on the PCI bus and no driver is bound to them."
        "Run `modprobe efa` and read `journalctl -k`; Debian's kernels have no EFA driver, the EFA installer brings one."
    EFA_NOT_OPENABLE "efa.not_openable" Error FixSetting
        "Programs cannot open the EFA device."
        "Its node /dev/infiniband/uverbsN must be there, readable and writable: load ib_uverbs and install rdma-core, whose udev rules make it so; then restart nixl-noded."
    EFA_HANGS "efa.hangs" Error Reboot
        "The kernel does not come back from reading the EFA devices."
        "Read `journalctl -k` for the efa driver's words, then reboot the node; replace the instance if it comes again."
    EFA_UNREADABLE "efa.unreadable" Warning Watch ["paths"]
        "A file about EFA is there and cannot be read, so what it tells is not known."
        "Read the file by hand and `journalctl -k`; the device may be going away."
    EFA_TIMEOUTS "efa.timeouts" Warning Watch ["per_sec"]
        "Packets time out so often that the EFA device keeps changing their path."
        "Look whether all rails or one have it: one alone points to this instance, all to the peer or the network between. AWS gives no limit; 100 a second is that of EKS's node monitor."
        => "After a minute below the limit."
    EFA_DROPS "efa.drops" Warning Watch ["per_sec"]
        "The EFA device drops packets that it received."
        "The programs on this node receive too slowly or post too few buffers. AWS gives no limit; 100 a second is that of EKS's node monitor."
        => "After a minute below the limit."
    EFA_RETRANSMITS "efa.retransmits" Warning Watch ["per_sec"]
        "The EFA device sends a good deal of its data again."
        "The network or the peer loses packets: compare the rails and `nixl-noded link`. AWS gives no limit; 10^6 bytes a second is that of EKS's node monitor."
        => "After a minute below the limit."
    EFA_COMMAND_ERRORS "efa.command_errors" Warning Watch ["new"]
        "The EFA device refused commands of its driver."
        "The counter's name says which: reg_mr_err and mmap_err point to memlock, huge pages or too many registered pages; create_qp_err and create_cq_err to programs that leave theirs open."
        => "After 5 minutes without a new one."
    EFA_RDMA_ERRORS "efa.rdma_errors" Warning Watch ["new"]
        "RDMA reads or writes ended with an error, here or at the remote."
        "Look for a program that ended while its peer still wrote to it; where none did, look at the peer's /health and both nodes' `journalctl -k`."
        => "After 5 minutes without a new one."
    EFA_REMOTE_IMPAIRED "efa.remote_impaired" Warning Watch ["new"]
        "A connection of the EFA device became impaired: it goes on at a lower rate."
        "Compare the rails with `nixl-noded link`; if it comes again, replace the node whose rails all have it."
        => "After 5 minutes without a new one."
    EFA_REMOTE_UNRESPONSIVE "efa.remote_unresponsive" Warning Watch ["new"]
        "A remote stopped answering the EFA device."
        "A peer that was restarted or stopped explains it; else look at the peer's /health and the security group."
        => "After 5 minutes without a new one."
    EFA_MEMLOCK "efa.memlock" Warning FixSetting ["limit_bytes"]
        "The memory that this daemon may lock is limited, and EFA registers all it uses."
        "Set LimitMEMLOCK=infinity in nixl-noded.service, and the same for every program that uses EFA."
        => "When the daemon was started with another limit."
    EFA_HUGE_PAGES "efa.huge_pages" Warning FixSetting ["total" "free" "wanted"]
        "There are fewer huge pages than libfabric's EFA provider takes for its buffers."
        "Set vm.nr_hugepages, as the EFA installer does with 5128; without them the provider takes small pages and is slower."
    EFA_LIBFABRIC_OLD "efa.libfabric_old" Warning FixSetting ["version" "least"]
        "The libfabric in use is older than the one that NIXL needs."
        "Install the EFA installer's libfabric, or name another one with libfabric = \"/path/libfabric.so.1\" in /etc/nixl/node.toml."
        => "When the fabric was opened with another libfabric."
    EFA_NO_GPUDIRECT "efa.no_gpudirect" Warning FixSetting ["devices"]
        "The EFA driver has found nobody who lets it reach GPU memory, so GPUDirect works by DMA-BUF only or not at all."
        "Load the NVIDIA driver before efa, with nvidia-peermem or efa_nv_peermem where the kernel module is the open one; then `modprobe -r efa && modprobe efa` with no program on it."
}
