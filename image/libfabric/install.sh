#!/bin/bash
# The distribution's libfabric; the daemon opens libfabric.so.1 at run time.
set -Eeuo pipefail

retry apt-get update
retry apt-get install --yes --no-install-recommends libfabric1
