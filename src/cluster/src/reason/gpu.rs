//! Reasons of the GPUs and their driver.

use super::reasons;

reasons! {
    GPU_MISSING "gpu.missing" Error Reboot ["expected" "present" "gone"]
        "Fewer GPUs answer than the instance type has."
        "See `journalctl -k` for a GPU that has fallen off the bus; reboot the node, and replace the instance if it does not come back."
    GPU_MISSING_SINCE_BOOT "gpu.missing_since_boot" Error Replace ["expected" "present" "gone"]
        "Since the node booted, fewer GPUs have answered than the instance type has."
        "A boot has not brought the GPU: replace the instance. If all are missing, see first whether the driver of this image knows them (`journalctl -k`)."
    GPU_LOST "gpu.lost" Error Reboot ["index"]
        "A GPU is there and cannot be reached any more."
        "Look at gpu:xid and `journalctl -k` for what came before; reboot the node, and replace the instance if it comes again."
    GPU_LIBRARY_MISSING "gpu.library_missing" Error FixSetting ["expected"]
        "The instance type has GPUs, and the NVIDIA driver's library libnvidia-ml.so.1 cannot be opened."
        "Use an image with the NVIDIA driver, or name the library by `nvml` in /etc/nixl/node.toml."
    GPU_DRIVER_MISMATCH "gpu.driver_mismatch" Error Reboot
        "The NVIDIA driver in the kernel and its library are of different versions."
        "The driver was updated while it was loaded: reboot the node."
    GPU_PERMISSION_DENIED "gpu.permission_denied" Error FixSetting
        "The daemon may not open the NVIDIA driver's devices."
        "/dev/nvidiactl and /dev/nvidia* must be readable and writable for the user nixl-noded, and the unit's DeviceAllow must be as installed. It is resolved when the unit starts: after the driver is loaded, restart nixl-noded."
    GPU_DRIVER_FAILED "gpu.driver_failed" Error Reboot
        "The NVIDIA driver does not answer as it should."
        "See the evidence and `journalctl -k`; reboot the node, and replace the instance if it comes again."
    GPU_NEEDS_RESET "gpu.needs_reset" Error ResetGpu ["asked"]
        "The NVIDIA driver asks for a reset of a GPU."
        "End what runs on it, then `nvidia-smi --gpu-reset -i <PCI address>`; on a node with NVSwitch all GPUs are reset together, by leaving out -i."
    GPU_NEEDS_REBOOT "gpu.needs_reboot" Error Reboot
        "The NVIDIA driver asks for a reboot because of a GPU."
        "Drain the node and reboot it; replace the instance if it comes again."
    GPU_ECC_UNCORRECTED "gpu.ecc_uncorrected" Error ResetGpu ["volatile" "aggregate"]
        "A GPU has had memory errors that could not be corrected since its driver was loaded."
        "Results of that time may be wrong: run them again. Reset the GPU with nothing running on it; replace the instance if errors come again. While persistence mode is off the daemon holds the GPU, as the count would begin anew: stop nixl-noded for the reset."
        => "When the driver is loaded anew, as by a reset or a reboot."
    GPU_ROWS_PENDING "gpu.rows_pending" Warning ResetGpu ["corrected" "uncorrected"]
        "A row of a GPU's memory waits to be replaced by a spare one."
        "Reset the GPU when nothing runs on it; the reset replaces the row."
    GPU_ROWS_EXHAUSTED "gpu.rows_exhausted" Error Replace ["corrected" "uncorrected"]
        "A row of a GPU's memory could not be replaced: its spare rows are used up."
        "Replace the instance."
    GPU_PAGES_PENDING "gpu.pages_pending" Warning ResetGpu
        "Pages of a GPU's memory wait to be retired."
        "Reset the GPU when nothing runs on it; the reset retires them."
    GPU_NVLINK_INACTIVE "gpu.nvlink_inactive" Error Reboot ["active" "links"]
        "Some of a GPU's NVLinks are not active."
        "Reboot the node, and replace the instance if they do not come back."
    GPU_NVLINK_DOWN "gpu.nvlink_down" Error FixSetting ["links"]
        "No GPU of the node has an active NVLink."
        "On a node with NVSwitch the fabric manager makes them: look at `systemctl status nvidia-fabricmanager`; its version must be the driver's."
    GPU_PCIE_DEGRADED "gpu.pcie_degraded" Warning Reboot ["width" "max_width" "generation" "max_generation"]
        "A GPU's link to the host is narrower than it was or than those of its likes, or slower under load than it can be."
        "Transfers to and from the host are slow until it is mended: reboot the node, and replace the instance if it comes again."
    GPU_THROTTLED "gpu.throttled" Warning Watch ["reasons"]
        "The hardware of a GPU, or heat, holds its clocks down."
        "See gpu:temperature; one GPU that is slow while the others are not calls for another instance. A software power cap is as it should be and not told here."
    GPU_HOT "gpu.hot" Warning Watch ["temperature_celsius" "slowdown_celsius"]
        "A GPU is about as hot as where its hardware halves the clocks."
        "Look whether the other GPUs are as hot; one alone, with the same load, calls for another instance."
    GPU_PERSISTENCE_OFF "gpu.persistence_off" Warning FixSetting
        "Persistence mode of a GPU is off."
        "Each first use of the GPU waits for seconds, and its counters begin anew: enable nvidia-persistenced, or `nvidia-smi -pm 1`."
    GPU_UNREAD "gpu.unread" Warning Watch ["values"]
        "The NVIDIA driver fails to tell some of a GPU's values."
        "See the evidence; look at gpu:xid and `journalctl -k`."
    GPU_XID_APPLICATION "gpu.xid_application" Warning Watch ["gpu" "xid" "count" "last"]
        "The driver stopped a program on a GPU, most likely for an error of the program itself."
        "Look at the program of that time; if several programs meet it on one GPU alone, replace the instance."
        => "An hour after the last one; the counter stays until the node boots."
    GPU_XID_WATCH "gpu.xid_watch" Warning Watch ["gpu" "xid" "count" "last"]
        "The driver reported an error of a GPU that does not call for anything by itself."
        "Watch whether it comes again; acknowledge it with `nixl-noded ack` when it has been seen."
        => "An hour after the last one; the counter stays until the node boots."
    GPU_XID_UNKNOWN "gpu.xid_unknown" Warning Watch ["gpu" "xid" "count" "last"]
        "The driver reported an Xid that the catalogue does not know."
        "Look it up in NVIDIA's Xid documentation; `nixl-noded ack` when it has been seen."
        => "An hour after the last one; the counter stays until the node boots."
    GPU_XID_RESET "gpu.xid_reset" Error ResetGpu ["gpu" "xid" "count" "last"]
        "The driver reported an error of a GPU after which it must be reset."
        "Reset the GPU with nothing running on it, then `nixl-noded ack`; replace the instance if it comes again."
        => "With the next boot; until then it counts unless it is acknowledged."
    GPU_XID_REBOOT "gpu.xid_reboot" Error Reboot ["gpu" "xid" "count" "last"]
        "The driver reported an error of a GPU after which the node must be rebooted."
        "Drain the node and reboot it; replace the instance if it comes again."
        => "With the next boot; until then it counts unless it is acknowledged."
    GPU_XID_REPLACE "gpu.xid_replace" Error Replace ["gpu" "xid" "count" "last"]
        "The driver reported that a GPU is broken."
        "Replace the instance."
        => "With the next boot; until then it counts unless it is acknowledged."
    GPU_SXID "gpu.sxid" Warning Watch ["gpu" "xid" "count" "last"]
        "An NVSwitch reported an error that it recovered from."
        "Watch whether it comes again; `nixl-noded ack` when it has been seen."
        => "An hour after the last one; the counter stays until the node boots."
    GPU_SXID_FATAL "gpu.sxid_fatal" Error Reboot ["gpu" "xid" "count" "last"]
        "An NVSwitch reported a fatal error: GPUs cannot reach each other."
        "Drain the node and reboot it; replace the instance if it comes again."
        => "With the next boot; until then it counts unless it is acknowledged."
    GPU_KERNEL_LOG "gpu.kernel_log" Warning FixSetting
        "The kernel log cannot be read, so Xids of the GPUs go unseen."
        "The user nixl-noded must be in the group systemd-journal, and journalctl must be installed."
    GPU_WORKER_DIED "gpu.worker_died" Warning Watch ["deaths"]
        "The process that asks the NVIDIA driver ended and was started again."
        "See the evidence for its last words; repeated deaths mean a fault of the driver's library."
        => "A minute after the last time."
    GPU_WORKER_SLOW "gpu.worker_slow" Warning Watch ["deaths"]
        "The NVIDIA driver has not returned from a question in time; the process that asked was killed and starts again."
        "Once is no fault: the driver holds questions up while it wakes or resets a GPU. If the next question hangs, too, it becomes gpu.worker_hung."
        => "A minute after the last time."
    GPU_WORKER_HUNG "gpu.worker_hung" Error Reboot ["deaths"]
        "The NVIDIA driver has not returned from two questions in a row, or holds the process that asked so that it cannot be killed."
        "`nvidia-smi` will hang as well. Look at `journalctl -k` for Xids; reboot the node, and replace the instance if it comes again."
        => "A minute after the last time."
}
