# Shared by tools/demo, tools/test and tools/bench: sourced, not run.
# Steps print what they do and how long it took; any failure ends the script.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
jobs=$(nproc)
python=/usr/bin/python3  # Debian's: it has the Debian packages that the tests import

build_packages=(g++ cmake ninja-build lld pkg-config libfuse3-dev liblmdb-dev libsqlite3-dev
  libcurl4-openssl-dev libssl-dev nlohmann-json3-dev libcli11-dev libtomlplusplus-dev libspdlog-dev libfmt-dev
  libgtest-dev libgmock-dev libboost-dev zlib1g-dev fuse3 python3)
package_packages=(debhelper dpkg-dev fakeroot lintian)  # what tools/package needs besides
test_packages=(clang-format clang-tidy rclone python3-pytest python3-pytest-xdist python3-googleapi python3-google-auth
  python3-google-auth-httplib2 iproute2 util-linux curl openssl strace
  debootstrap fish man-db zsh  # what tests/package needs
  git rsync vim nano python3-pip python3-h5py)  # what tests/mount/test_applications.py runs: some 25 s
long_test_packages=(python3-torch)  # 50 MB: in the long form only

step_name=""
step_start=0
step() {  # step TEXT…: ends the step before and begins this one
  step_end
  step_name="$*"
  step_start=$SECONDS
  printf '\n== %s\n' "$step_name"
}
step_end() {
  if [ -n "$step_name" ]; then printf -- '-- %s: %d s\n' "$step_name" $((SECONDS - step_start)); fi
  step_name=""
}
fail() {
  printf '%s: FAILED: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}
report_failure() {  # as the first of what is done on exit
  local status=$?
  [ $status -eq 0 ] || printf '%s: FAILED in: %s\n' "$(basename "$0")" "${step_name:-start}" >&2
}
trap report_failure EXIT

require_machine() {
  [ "$(id -u)" = 0 ] || fail "needs root: it installs packages and mounts"
  [ -e /dev/fuse ] || fail "needs /dev/fuse"
}

install_packages() {  # only what is missing
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
  done
  if [ ${#missing[@]} -eq 0 ]; then
    echo "all ${#} packages are installed"
    return
  fi
  echo "installing: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

build() {  # build PRESET [TARGET…]
  local preset=$1
  shift
  cmake --preset "$preset" >/dev/null
  ninja -C "build/$preset" -j "$jobs" --quiet "$@"
}
