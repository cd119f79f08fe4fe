#!/bin/bash
set -Eeuo pipefail

# In a variable: `grep -q` at the end of a pipe kills ldconfig under pipefail.
known=$(ldconfig -p)
grep -q 'libfabric\.so\.1 ' <<<"$known" || die "the loader does not know libfabric.so.1"

library=$(awk '$1 == "libfabric.so.1" { print $NF; exit }' <<<"$known")
missing=$(ldd "$library" | awk '/not found/ { print $1 }')
[[ -z $missing ]] || die "$library lacks: $missing"
