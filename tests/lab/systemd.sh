#!/usr/bin/env bash
# A booted systemd 252 for `npm run test:deploy`: Debian 12 in a systemd-nspawn container with no network but loopback, so
# that the systemd of the machine is left alone. Needs root, apt and the network, on Debian 12.
#
#   systemd.sh setup      once, about 45 s: the files of the container
#   systemd.sh root       print the folder of those files; exit code 1 before the setup
#   systemd.sh boot       boot it, in about a second. It is ended after LAB_LIFETIME seconds (default: 600)
#   systemd.sh in CMD...  run a command inside: systemd.sh in systemctl status app
#   systemd.sh off        power it off
#   systemd.sh down       power it off and remove all that this script has made, except for the Debian packages
#
# Everything is in $LAB_DIR/systemd. Default: LAB_DIR=$TMPDIR/labs. LAB_NETNS names a network namespace for the container
# (ip netns), LAB_PACKAGES further Debian packages in it, with commas. Not enforced inside: MemoryMax=, TasksMax=.
set -euo pipefail
LAB=${LAB_DIR:-${TMPDIR:-/tmp}/labs}/systemd
ROOT=$LAB/root
SUITE=bookworm
PATH=$PATH:/usr/sbin:/sbin

main() {
  case ${1:-} in
    setup) is_set_up || set_up ;;
    root) is_set_up && echo "$ROOT" ;;
    boot) boot ;;
    in) shift; inside "$@" ;;
    off) off ;;
    down) off; rm -rf --one-file-system "$LAB" ;;
    *) sed -n '2,/^set/{/^#/p}' "$0" >&2; exit 2 ;;
  esac
}

# A change of this script means another setup.
is_set_up() { [ "$(cat "$LAB/ready" 2>/dev/null)" = "$(sha256sum < "$0")" ]; }

set_up() {
  off
  rm -rf --one-file-system "$LAB"
  mkdir -p "$LAB"
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends systemd-container debootstrap procps > /dev/null
  debootstrap --variant=minbase \
    --include="systemd,systemd-sysv,dbus,procps,curl,openssl${LAB_PACKAGES:+,$LAB_PACKAGES}" "$SUITE" "$ROOT" "$(mirror)" > "$LAB/debootstrap.log"
  sha256sum < "$0" > "$LAB/ready"
}

# Where apt has this machine's packages from.
mirror() {
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $SUITE" 'Component: main' | head -n 1
}

boot() {
  off
  local network=--private-network
  [ -z "${LAB_NETNS:-}" ] || network=--network-namespace-path=/run/netns/$LAB_NETNS
  setsid timeout --kill-after=10 "${LAB_LIFETIME:-600}" systemd-nspawn --quiet --directory="$ROOT" --boot "$network" \
    --register=no --keep-unit --console=pipe > "$LAB/boot.log" 2>&1 < /dev/null &
  echo $! > "$LAB/pid"
  wait_for 60 is_booted || { tail "$LAB/boot.log" >&2; exit 1; }
}

is_booted() { inside systemctl is-system-running | grep -qE 'running|degraded'; }

# Runs a command in the namespaces of the container's PID 1, without the environment of the machine.
inside() {
  local init
  init=$(container_init) || { echo 'The container does not run: systemd.sh boot' >&2; return 1; }
  nsenter --target "$init" --mount --uts --ipc --net --pid --cgroup \
    env --ignore-environment PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin LC_ALL=C.UTF-8 "$@"
}

# setsid runs timeout, which runs systemd-nspawn, which forks once before the container's PID 1.
container_init() {
  local pid
  pid=$(cat "$LAB/pid" 2> /dev/null) && is_running "$pid" || return 1
  pgrep --parent "$(pgrep --parent "$pid" --exact systemd-nspawn)" | head -n 1 | grep .
}

is_running() { [ "$(cat "/proc/$1/comm" 2> /dev/null)" = timeout ] && ! grep -q '^State:.*Z' "/proc/$1/status"; }
is_over() { ! is_running "$1"; }

off() {
  local pid
  pid=$(cat "$LAB/pid" 2> /dev/null) && is_running "$pid" || return 0
  # Its connection to systemd may be cut before it ends.
  inside systemctl poweroff > "$LAB/off.log" 2>&1 || true
  # SIGTERM to timeout ends the container, too.
  wait_for 30 is_over "$pid" || { kill "$pid"; wait_for 15 is_over "$pid"; }
}

# wait_for SECONDS COMMAND: until the command succeeds.
wait_for() {
  local end=$((SECONDS + $1))
  shift
  until "$@" > /dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.2
  done
}

main "$@"
