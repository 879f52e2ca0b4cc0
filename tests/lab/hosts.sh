#!/usr/bin/env bash
# Three machines with systemd and an SSH server in one network, for the tests of deploy/ansible: two app hosts and a
# balancer. Each is a container of systemd.sh in a network namespace of its own. Needs what systemd.sh needs.
#
#   hosts.sh setup         once, about a minute: the files that each machine starts with, and a key for its root
#   hosts.sh env           print what a test has to know (NAME=value); exit code 1 before the setup
#   hosts.sh up            boot all three, each from fresh files, in about half a minute
#   hosts.sh in CMD...     run a command in their network, as another machine there: hosts.sh in ssh root@10.76.0.11
#   hosts.sh HOST CMD...   a command of systemd.sh for app1, app2 or lb: hosts.sh app1 in systemctl status app
#   hosts.sh off           power all of them off
#   hosts.sh down          power them off and remove all that this script has made, except for the Debian packages
#
# Everything is in $LAB_DIR/hosts. Default: LAB_DIR=$TMPDIR/labs.
set -euo pipefail
LAB=${LAB_DIR:-${TMPDIR:-/tmp}/labs}/hosts
SYSTEMD=$(dirname "$0")/systemd.sh
NETNS=hosts-$(printf %s "$LAB" | cksum | cut -d ' ' -f 1)
NETWORK=10.76.0
declare -A ADDRESS=([app1]=$NETWORK.11 [app2]=$NETWORK.12 [lb]=$NETWORK.9)
# Python is what Ansible needs on a host; the others are the balancers, and Redis for both app hosts.
PACKAGES=openssh-server,python3,iproute2,haproxy,socat,nginx-light,libnginx-mod-http-brotli-filter,libnginx-mod-http-brotli-static,redis-server
export PATH=$PATH:/usr/sbin:/sbin

main() {
  case ${1:-} in
    setup) is_set_up || set_up ;;
    env) is_set_up && print_env ;;
    up) up ;;
    in) shift; nsenter "--net=/run/netns/$NETNS" "$@" ;;
    app1 | app2 | lb) machine "$@" ;;
    off) off ;;
    down) off; rm -rf --one-file-system "$LAB" ;;
    *) sed -n '2,/^set/{/^#/p}' "$0" >&2; exit 2 ;;
  esac
}

# A change of this script, or of the other, means another setup.
is_set_up() { [ "$(cat "$LAB/ready" 2> /dev/null)" = "$(cat "$0" "$SYSTEMD" | sha256sum)" ]; }

# machine NAME COMMAND...: systemd.sh, with a folder and a network for each name.
machine() { LAB_DIR=$LAB/$1 LAB_NETNS=$NETNS-$1 "$SYSTEMD" "${@:2}"; }

set_up() {
  off
  rm -rf --one-file-system "$LAB"
  mkdir -p "$LAB"
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends iproute2 openssh-client > /dev/null
  LAB_PACKAGES=$PACKAGES machine base setup
  local root
  root=$(machine base root)
  # Which balancer runs, and when, is up to the tests.
  rm -f "$root"/etc/systemd/system/multi-user.target.wants/{haproxy,nginx,redis-server}.service
  ssh-keygen -q -t ed25519 -N '' -f "$LAB/key"
  install -D -m 600 "$LAB/key.pub" "$root/root/.ssh/authorized_keys"
  for address in "${ADDRESS[@]}"; do
    echo "$address $(cut -d ' ' -f 1,2 "$root/etc/ssh/ssh_host_ed25519_key.pub")"
  done > "$LAB/known_hosts"
  cat "$0" "$SYSTEMD" | sha256sum > "$LAB/ready"
}

print_env() {
  printf '%s\n' "KEY=$LAB/key" "KNOWN_HOSTS=$LAB/known_hosts" "APP1=${ADDRESS[app1]}" "APP2=${ADDRESS[app2]}" "LB=${ADDRESS[lb]}"
}

up() {
  off
  ip netns add "$NETNS"
  ip -n "$NETNS" link set lo up
  ip -n "$NETNS" link add bridge type bridge
  ip -n "$NETNS" addr add "$NETWORK.1/24" dev bridge
  ip -n "$NETNS" link set bridge up
  local root
  for name in "${!ADDRESS[@]}"; do
    connect "$name"
    rm -rf --one-file-system "${LAB:?}/$name"
    cp -a --reflink=auto "$LAB/base" "$LAB/$name"
    root=$(machine "$name" root)
    echo "$name" > "$root/etc/hostname"
    machine "$name" boot
  done
}

# A network namespace with one end of a cable; the other one is in the bridge.
connect() {
  ip netns add "$NETNS-$1"
  ip -n "$NETNS-$1" link set lo up
  ip link add "$1" netns "$NETNS" type veth peer name eth0 netns "$NETNS-$1"
  ip -n "$NETNS" link set "$1" master bridge up
  ip -n "$NETNS-$1" addr add "${ADDRESS[$1]}/24" dev eth0
  ip -n "$NETNS-$1" link set eth0 up
}

off() {
  for name in "${!ADDRESS[@]}"; do
    machine "$name" off
    ip netns del "$NETNS-$name" 2> /dev/null || true
  done
  ip netns del "$NETNS" 2> /dev/null || true
}

main "$@"
