# The root filesystem at $1 as a GPT disk in the file $2: an EFI system partition with
# systemd-boot, kernel and initrd (Boot Loader Specification), and ext4. Needs no loop device.
# The rest are the numbers and names of `disk::Disk`. Prints the kernel's version.
set -eu
root=$1 disk=$2 disk_bytes=$3 esp_start=$4 esp_bytes=$5 root_start=$6 root_bytes=$7
disk_uuid=$8 esp_uuid=$9
shift 9
part_uuid=$1 fs_uuid=$2 fat_serial=$3

echo "UUID=$fs_uuid / ext4 defaults,errors=remount-ro 0 1" >"$root/etc/fstab"
ln -sfn ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
kernel=$(readlink "$root/vmlinuz")

truncate --size "$disk_bytes" "$disk"
sfdisk --quiet "$disk" >&2 <<TABLE
label: gpt
label-id: $disk_uuid
start=$((esp_start / 512)), size=$((esp_bytes / 512)), type=uefi, uuid=$esp_uuid, name=esp
start=$((root_start / 512)), size=$((root_bytes / 512)), type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, uuid=$part_uuid, name=root
TABLE

esp=$disk@@$esp_start
mformat -i "$esp" -F -T $((esp_bytes / 512)) -N "$fat_serial" -v ESP ::
mmd -i "$esp" ::/EFI ::/EFI/BOOT ::/loader ::/loader/entries ::/nixl
mcopy -i "$esp" "$root/usr/lib/systemd/boot/efi/systemd-bootx64.efi" ::/EFI/BOOT/BOOTX64.EFI
mcopy -i "$esp" "$root/vmlinuz" ::/nixl/vmlinuz
mcopy -i "$esp" "$root/initrd.img" ::/nixl/initrd.img
mcopy -i "$esp" - ::/loader/loader.conf <<CONF
timeout 0
default nixl.conf
CONF
# The kernel leaves its check of timers out where it knows its hypervisor; emulated ones are
# too slow for it on a busy computer, and it would panic.
mcopy -i "$esp" - ::/loader/entries/nixl.conf <<CONF
title nixl
linux /nixl/vmlinuz
initrd /nixl/initrd.img
options root=UUID=$fs_uuid ro no_timer_check console=tty0 console=ttyS0,115200
CONF

mke2fs -q -F -t ext4 -d "$root" -L root -U "$fs_uuid" -m 1 \
    -E "offset=$root_start,hash_seed=$fs_uuid,lazy_itable_init=1" "$disk" "$((root_bytes / 1024))k" >&2
echo "${kernel##*/vmlinuz-}"
