#!/bin/bash
# Checks every component script: bash's own parser, then shellcheck. CI calls it.
# The prelude that `nixl-bake` puts before each script is checked together with it.
set -Eeuo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
prelude=$here/../src/bake/src/document/prelude

command -v shellcheck >/dev/null || {
    echo "image/check.sh: shellcheck is missing; apt-get install shellcheck" >&2
    exit 1
}

shopt -s nullglob
scripts=("$here"/*/install.sh "$here"/*/validate.sh "$here"/*/test.sh)
((${#scripts[@]} > 0)) || {
    echo "image/check.sh: no scripts found below $here" >&2
    exit 1
}

whole=$(mktemp)
trap 'rm -f "$whole"' EXIT
failed=0
for script in "$prelude"/*.sh "$here"/check.sh "$here"/*/requirements.sh "${scripts[@]}"; do
    bash -n "$script" || failed=1
    shellcheck --shell=bash "$script" || failed=1
done
for script in "${scripts[@]}"; do
    cat "$prelude"/*.sh "$script" >"$whole"
    # SC2329, SC2317: not every script calls every function of the prelude.
    shellcheck --shell=bash --exclude=SC2329,SC2317 "$whole" \
        || { echo "image/check.sh: the above is in ${script#"$here"/} behind the prelude" >&2; failed=1; }
done
((failed == 0)) && echo "image/check.sh: ${#scripts[@]} scripts are fine"
exit "$failed"
