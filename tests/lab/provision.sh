#!/usr/bin/env bash
# Installs what the commands of the Makefile need: Debian packages (as root on a Debian-like system) and a virtual
# environment. Where it cannot install something, it says exactly what is missing.
set -euo pipefail

DEMO_COMMANDS=(ip:iproute2 ping:iputils-ping sysctl:procps tcpdump:tcpdump iperf3:iperf3)
TEST_COMMANDS=("${DEMO_COMMANDS[@]}" nft:nftables tshark:tshark ike-scan:ike-scan linux.uml:user-mode-linux modprobe:kmod
  vpnc:vpnc xl2tpd:xl2tpd pppd:ppp swanctl:strongswan-swanctl /usr/sbin/charon-systemd:charon-systemd pki:strongswan-pki
  qemu-system-x86_64:qemu-system-x86 systemd-nspawn:systemd-container systemd-analyze:systemd dbus-daemon:dbus debootstrap:debootstrap wget:wget)
# Not every release has these. A test that finds none says that it was skipped.
OPTIONAL_COMMANDS=(pebble:pebble)
# Plugins have no command of their own; a file tells that they are there.
TEST_FILES=(/usr/lib/ipsec/plugins/libstrongswan-kernel-libipsec.so:libcharon-extra-plugins
  /usr/lib/ipsec/plugins/libstrongswan-xauth-generic.so:libcharon-extauth-plugins
  /usr/lib/ipsec/plugins/libstrongswan-curve25519.so:libstrongswan-extra-plugins
  /usr/lib/ipsec/plugins/libstrongswan-gcm.so:libstrongswan-standard-plugins)
NEWER_SUITE=forky
NEWER_STRONGSWAN=charon-systemd,libcharon-extra-plugins,libstrongswan-extra-plugins,libstrongswan-standard-plugins

UBUNTU=http://archive.ubuntu.com/ubuntu
UBUNTU_KEYRING=pool/main/u/ubuntu-keyring/ubuntu-keyring_2023.11.28.1_all.deb
UBUNTU_KEYRING_SUM=36de43b15853ccae0028e9a767613770c704833f82586f28eb262f0311adb8a8

say() { printf '%s\n' "$*"; }
die() { printf 'keymesh.ike: %s\n' "$*" >&2; exit 1; }

missing_packages() {
  local entry
  for entry in "$@"; do
    PATH=$PATH:/usr/sbin:/sbin command -v "${entry%%:*}" >/dev/null || say "${entry##*:}"
  done
}

missing_files() {
  local entry
  for entry in "$@"; do [ -e "${entry%%:*}" ] || say "${entry##*:}"; done
}

available() {
  local package
  for package in $1; do
    if [ "$(id -u)" = 0 ] && apt-cache show "$package" >/dev/null 2>&1; then say "$package"; fi
  done
}

apt_install() {
  say "installing Debian packages: $*"
  # Installing a daemon must not start it: this machine only lends its binaries to the tests.
  local policy=/usr/sbin/policy-rc.d created=
  [ -e "$policy" ] || { printf '#!/bin/sh\nexit 101\n' >"$policy"; chmod +x "$policy"; created=1; }
  local status=0
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; } \
    >/tmp/keymesh-apt.log 2>&1 || status=$?
  [ -z "$created" ] || rm -f "$policy"
  [ "$status" = 0 ] || { tail -n 20 /tmp/keymesh-apt.log >&2; die "apt-get failed (all of it: /tmp/keymesh-apt.log)"; }
}

packages() {
  local kind=$1 missing
  if [ "$kind" = demo ]; then
    missing=$(missing_packages "${DEMO_COMMANDS[@]}")
  else
    missing=$(missing_packages "${TEST_COMMANDS[@]}"; missing_files "${TEST_FILES[@]}")
  fi
  if [ "$kind" != demo ]; then
    missing+=" $(available "$(missing_packages "${OPTIONAL_COMMANDS[@]}")")"
  fi
  [ -n "${missing// /}" ] || return 0
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    # shellcheck disable=SC2086
    apt_install $missing
  else
    die "these packages are missing, under their Debian names: $(echo $missing). Install them, or run this as root on a Debian-like system."
  fi
}

# A kernel with XFRM interfaces, for qemu. It is only unpacked: an installed one would change how this machine boots.
kernel() {
  local dir=$1 log=/tmp/keymesh-kernel.log
  compgen -G "$dir/boot/vmlinuz-*" >/dev/null && return 0
  say "unpacking a Debian kernel below $dir"
  if ! unpack_kernel "$dir" >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    say "keymesh.ike: there is no kernel for qemu, so the tests of XFRM interfaces cannot run (all of it: $log)" >&2
  fi
}

unpack_kernel() {
  local dir=$1 work image package
  work=$(mktemp -d) || return
  apt-get update -qq
  image=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: //p')
  (cd "$work" && apt-get download -o APT::Sandbox::User=root "$image" busybox-static) || return
  for package in "$work"/*.deb; do dpkg-deb -x "$package" "$work/files" || return; done
  PATH=$PATH:/usr/sbin:/sbin depmod -b "$work/files" "${image#linux-image-}" || return
  rm -rf "$dir" && mkdir -p "$(dirname "$dir")" && mv "$work/files" "$dir" && rm -rf "$work"
}

# A strongSwan that has ML-KEM, in a root directory of its own: the one of this machine stays what its distribution has.
strongswan() {
  local dir=$1 log=/tmp/keymesh-strongswan.log
  [ ! -e "$dir/.complete" ] || return 0
  say "installing a newer strongSwan below $dir"
  if ! install_strongswan "$dir" >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    say "keymesh.ike: there is no newer strongSwan, so the tests with ML-KEM at the other end cannot run (all of it: $log)" >&2
  fi
}

install_strongswan() {
  local dir=$1 mirror
  mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
    sed -nE 's|^(URIs:\|deb)( \[[^]]*\])? +(https?://[^ ]*/debian)/?( .*)?$|\3|p' | head -n 1)
  rm -rf "$dir"
  mkdir -p "$(dirname "$dir")"
  debootstrap --variant=minbase --include="$NEWER_STRONGSWAN" "$NEWER_SUITE" "$dir" \
    "${mirror:-http://deb.debian.org/debian}" /usr/share/debootstrap/scripts/sid || return
  rm -rf "$dir"/var/cache/apt/archives/*.deb "$dir"/var/lib/apt/lists/*
  touch "$dir/.complete"
}

# Ubuntu for the scenario `ubuntu`: the systems that containers boot, each in a directory of its own.
ubuntu() {
  local dir=$1 suite jobs=() status=0
  for suite in jammy noble; do
    [ -e "$dir/$suite.complete" ] && continue
    say "installing Ubuntu $suite below $dir"
    install_ubuntu "$suite" "$dir" >"/tmp/keymesh-ubuntu-$suite.log" 2>&1 &
    jobs+=($!)
  done
  for suite in "${jobs[@]}"; do wait "$suite" || status=1; done
  [ "$status" = 0 ] || say "keymesh.ike: there is no Ubuntu, so its scenario cannot run (all of it: /tmp/keymesh-ubuntu-*.log)" >&2
}

install_ubuntu() {
  local suite=$1 dir=$2 root=$2/$1 keyring=/usr/share/keyrings/ubuntu-archive-keyring.gpg work packages
  packages=systemd,systemd-sysv,dbus,python3,python3-venv,iproute2,iputils-ping,nftables,procps,kmod
  work=$(mktemp -d) || return
  rm -rf "$root"
  mkdir -p "$dir"
  # Debian has no package with Ubuntu's keys, so the one of Ubuntu is told by its checksum.
  wget -q -O "$work/keyring.deb" "$UBUNTU/$UBUNTU_KEYRING" || return
  echo "$UBUNTU_KEYRING_SUM  $work/keyring.deb" | sha256sum --check --quiet || return
  dpkg-deb -x "$work/keyring.deb" "$work" || return
  debootstrap --variant=minbase --components=main,universe --keyring="$work$keyring" --include="$packages" \
    "$suite" "$root" "$UBUNTU" /usr/share/debootstrap/scripts/gutsy || return
  if [ "$suite" = jammy ]; then
    # Its Python 3.11 came after the release.
    echo "deb $UBUNTU jammy-updates main universe" >>"$root/etc/apt/sources.list"
    chroot "$root" apt-get update -qq || return
    DEBIAN_FRONTEND=noninteractive chroot "$root" apt-get install -y -qq --no-install-recommends python3.11-venv || return
  fi
  rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$work"
  touch "$dir/$suite.complete"
}

venv() {
  local python=$1 dir=$2
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
    || die "Python 3.11 or newer is needed; '$python' is $("$python" --version 2>&1 || echo missing). Set PYTHON=..."
  if ! "$python" -c 'import ensurepip' 2>/dev/null; then
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || die "the Python module ensurepip is missing (Debian: python3-venv)"
    apt_install python3-venv
  fi
  say "setting up the virtual environment $dir (about a minute the first time)"
  [ -x "$dir/bin/python" ] || "$python" -m venv "$dir"
  local log=/tmp/keymesh-pip.log
  if ! { "$dir/bin/pip" install --disable-pip-version-check --upgrade pip \
    && "$dir/bin/pip" install --disable-pip-version-check -e '.[dev,collection]'; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    die "pip failed (all of it: $log)"
  fi
  "$dir/bin/python" -c 'import ikeengine, ansible, pytest' || die "the virtual environment is incomplete; see the messages above"
  touch "$dir/.installed"
}

case ${1:-} in
  packages) packages "$2" ;;
  kernel) kernel "$2" ;;
  strongswan) strongswan "$2" ;;
  ubuntu) ubuntu "$2" ;;
  venv) venv "$2" "$3" ;;
  *) die "usage: provision.sh packages demo|test | kernel DIR | strongswan DIR | ubuntu DIR | venv PYTHON DIR" ;;
esac
