# Whether the files of the image at $1 have room in a root filesystem of $2 bytes, before
# minutes are spent on it.
set -eu
used_mib=$(du --summarize --one-file-system --block-size=1M "$1" | cut -f1)
room_mib=$(($2 / 1048576))
# Kernel and modules take 300 MiB while they are installed; ext4 has tables and a journal.
need_mib=$((used_mib + used_mib / 10 + 500))
if [ "$need_mib" -gt "$room_mib" ]; then
    echo "the image holds $used_mib MiB, which with a kernel need a root filesystem of $need_mib MiB, not $room_mib: give a larger --size" >&2
    exit 1
fi
