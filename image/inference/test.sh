#!/bin/bash
# NIXL and vLLM as a process of the instance imports them, with its driver.
set -Eeuo pipefail

nixl-noded check --section nixl --section vllm --python-timeout 300 \
    || die "NIXL or vLLM cannot be imported on this instance"
