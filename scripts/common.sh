# Sourced by ./demo, ./test and .ci/run: checks and installs what they share.
# shellcheck shell=bash disable=SC2119,SC2120

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export BIN=$ROOT/target/debug
VENV=$ROOT/target/venv
PLUGIN_VENV=$ROOT/target/plugin-venv
MIN_RUST=1.94.1
# The C library of the local region's base image (Debian 12): a daemon built against a newer one does not start there.
IMAGE_GLIBC=2.36

# What the local region and its tests need from the distribution, and why:
# mmdebstrap (base image), systemd-container (machines), iproute2 (networks),
# nftables (security groups on the bridge), e2fsprogs and mount (machines with disks of their own), libfabric1 (the fabric tests on this computer), libfabric-dev (headers
# of the fake library these tests compile), python3-venv (MLflow, AWS CLI),
# gcc and libc6-dev (linker of rustc, C parts of ring).
PACKAGES=(ca-certificates curl e2fsprogs gcc iproute2 libc6-dev libfabric1 libfabric-dev mmdebstrap mount nftables procps
  python3 python3-venv systemd-container util-linux)
# Ubuntu does not trust Debian's packages, of which the base image is made, unless told to.
grep -q '^ID=ubuntu' /etc/os-release 2>/dev/null && PACKAGES+=(debian-archive-keyring)

say() { printf '\033[1m==> %s\033[0m\n' "$*"; }

die() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# Cargo and pip run as the person who typed sudo, so that nothing of theirs ends up owned by root.
as_person() {
  local home
  if [ -n "${SUDO_USER:-}" ] && [ "$SUDO_USER" != root ]; then
    home=$(getent passwd "$SUDO_USER" | cut -d: -f6)
    runuser -u "$SUDO_USER" -- env HOME="$home" PATH="$home/.cargo/bin:$PATH" "$@"
  else
    PATH="$HOME/.cargo/bin:$PATH" "$@"
  fi
}

require_root() {
  [ "$(id -u)" = 0 ] || die "machines need root: run it as root or with sudo ($0 under sudo keeps build files yours)"
}

require_rust() {
  local have
  have=$(as_person rustc --version 2>/dev/null | cut -d' ' -f2) ||
    die "no Rust compiler found: install Rust $MIN_RUST or newer with rustup (https://rustup.rs), then run it again"
  [ -n "$have" ] || die "no Rust compiler found: install Rust $MIN_RUST or newer with rustup (https://rustup.rs), then run it again"
  [ "$(printf '%s\n%s\n' "$MIN_RUST" "$have" | sort -V | head -n1)" = "$MIN_RUST" ] ||
    die "Rust $have is too old: $MIN_RUST or newer is needed; run: rustup update stable"
}

require_glibc() {
  local have
  have=$(getconf GNU_LIBC_VERSION | cut -d' ' -f2)
  [ "$(printf '%s\n%s\n' "$have" "$IMAGE_GLIBC" | sort -V | head -n1)" = "$have" ] ||
    die "this computer's C library ($have) is newer than that of the node image ($IMAGE_GLIBC), so a daemon built here would not start there: run it on Debian 12 or Ubuntu 22.04"
}

# Takes further packages; the list above is always in.
install_packages() {
  command -v apt-get >/dev/null || die "this computer has no apt-get: Debian 12 or Ubuntu 22.04 is needed"
  local missing=() package
  for package in "${PACKAGES[@]}" "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  say "installing ${missing[*]}"
  DEBIAN_FRONTEND=noninteractive apt-get update -qq ||
    die "apt-get update failed (above): repair the package sources, then run it again"
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
    die "apt-get could not install ${missing[*]} (above)"
}

# A venv is whole only when its stamp is: an interrupted one is made again.
venv_of() { # FOLDER REQUIREMENTS WHAT
  local stamp=$1/.requirements.sha256 sum
  sum=$(sha256sum <"$ROOT/$2")
  [ "$(cat "$stamp" 2>/dev/null)" = "$sum" ] && return
  say "installing $3 into ${1#"$ROOT/"} (about a minute)"
  rm -rf "$1"
  as_person mkdir -p "$ROOT/target"
  as_person python3 -m venv "$1" || die "python3 -m venv failed: install python3-venv"
  as_person "$1/bin/pip" install -q --disable-pip-version-check -r "$ROOT/$2" ||
    die "pip could not install $2 (above)"
  printf '%s\n' "$sum" | as_person tee "$stamp" >/dev/null
}

make_venv() { venv_of "$VENV" tests/requirements.txt "MLflow and the AWS CLI"; }

# MLflow's client with the plugin of SageMaker: a peer, and a judge of the local region.
make_plugin_venv() { venv_of "$PLUGIN_VENV" tests/plugin-requirements.txt "MLflow's client with AWS's plugin"; }

# One call for the whole workspace: building a single package would build the AWS crates again with other features.
build() {
  say "building (the first time takes about 5 minutes on 2 cores)"
  (cd "$ROOT" && as_person cargo build --locked --workspace)
}

# Unpacks a package of the distribution and prints where: installed, it would start a service on this computer.
unpacked() { # PACKAGE
  local folder=$ROOT/target/unpacked/$1
  if [ ! -e "$folder/.whole" ]; then
    rm -rf "$folder"
    mkdir -p "$folder"
    # The sandbox of apt's downloads cannot write into a folder of ours.
    (cd "$folder" && { apt-get -o APT::Sandbox::User=root download -qq "$1" || { apt-get update -qq && apt-get -o APT::Sandbox::User=root download -qq "$1"; }; } &&
      dpkg -x ./*.deb . && rm ./*.deb && touch .whole) >&2 ||
      die "apt-get could not download $1 (above)"
  fi
  printf '%s\n' "$folder"
}
