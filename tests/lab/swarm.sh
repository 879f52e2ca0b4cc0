#!/usr/bin/env bash
# Three hosts with a Docker engine each, and a registry, in one network, for the tests of deploy/swarm. A host is a set of
# namespaces: network, processes, mounts and name. Needs root, and what docker.sh needs.
#
#   swarm.sh setup       once: docker.sh's engine, and a registry
#   swarm.sh env         print what a test has to know (NAME=value); exit code 1 before the setup
#   swarm.sh up          start the registry and the engines of n1, n2 and n3, all empty, in some ten seconds
#   swarm.sh in CMD...   run a command in their network, as another machine there
#   swarm.sh crash HOST  cut its power: everything on it ends at once, and nothing there responds
#   swarm.sh start HOST  switch it on again, with the disk as it was
#   swarm.sh off         cut the power of everything
#   swarm.sh down        the same, and remove all that this script has made, except for the Debian packages
#
# Everything is in $LAB_DIR/swarm. Default: LAB_DIR=$TMPDIR/labs. After LAB_LIFETIME seconds (3600) everything that `up` has
# started ends by itself, so that a test that dies leaves nothing behind for long.
set -euo pipefail
LAB=${LAB_DIR:-${TMPDIR:-/tmp}/labs}/swarm
DOCKER=$(dirname "$0")/docker.sh
NETNS=swarm-$(printf %s "$LAB" | cksum | cut -d ' ' -f 1)
NETWORK=10.77.0
HOSTS='n1 n2 n3'
REGISTRY=$NETWORK.254:5000
export PATH=$PATH:/usr/sbin:/sbin

main() {
  case ${1:-} in
    setup) is_set_up || set_up ;;
    env) is_set_up && print_env ;;
    up) up ;;
    in) shift; nsenter "--net=/run/netns/$NETNS" "$@" ;;
    crash) crash "$2" ;;
    start) switch_on "$2"; wait_for_engine "$2" ;;
    off) off ;;
    down) off; rm -rf --one-file-system "$LAB" ;;
    *) sed -n '2,/^set/{/^#/p}' "$0" >&2; exit 2 ;;
  esac
}

# A change of this script, or of the other, means another setup.
is_set_up() { [ "$(cat "$LAB/ready" 2> /dev/null)" = "$(cat "$0" "$DOCKER" | sha256sum)" ] && "$DOCKER" env > /dev/null; }

set_up() {
  off
  "$DOCKER" setup
  mkdir -p "$LAB"
  apt-get install -y -qq --no-install-recommends docker-registry > /dev/null
  # The package starts it as a service, for all the network of this machine.
  systemctl disable --quiet --now docker-registry 2> /dev/null || true
  cat "$0" "$DOCKER" | sha256sum > "$LAB/ready"
}

print_env() {
  echo "REGISTRY=$REGISTRY"
  for host in $HOSTS; do
    echo "$host=$(address "$host")"
    echo "${host}_SOCKET=$(socket "$host")"
  done
}

address() { echo "$NETWORK.${1#n}"; }
socket() { echo "$LAB/$1/docker.sock"; }

up() {
  off
  ip netns add "$NETNS"
  ip -n "$NETNS" link set lo up
  ip -n "$NETNS" link add bridge type bridge
  ip -n "$NETNS" addr add "${REGISTRY%:*}/24" dev bridge
  ip -n "$NETNS" link set bridge up
  # No name server is there: a query is refused at once.
  echo "nameserver ${REGISTRY%:*}" > "$LAB/resolv.conf"
  start_registry
  for host in $HOSTS; do
    rm -rf --one-file-system "${LAB:?}/$host"
    switch_on "$host"
  done
  for host in $HOSTS; do wait_for_engine "$host"; done
}

start_registry() {
  rm -rf --one-file-system "$LAB/registry"
  mkdir "$LAB/registry"
  cat > "$LAB/registry/config.yml" << YAML
version: 0.1
log: { level: warn }
storage: { filesystem: { rootdirectory: $LAB/registry/data } }
http: { addr: '$REGISTRY' }
YAML
  background registry nsenter "--net=/run/netns/$NETNS" docker-registry serve "$LAB/registry/config.yml"
}

switch_on() {
  local host=$1 folder=$LAB/$1
  mkdir -p "$folder"
  connect "$host"
  # What a power cut has left.
  rm -rf --one-file-system "$folder/docker.sock" "$folder/dockerd.pid" "$folder/exec"
  # Without KILL as the child's signal the end of unshare would leave the host running.
  background "$host" unshare --fork --kill-child=KILL --pid --mount --uts --mount-proc \
    nsenter "--net=/run/netns/$NETNS-$host" bash -c "$(declare -f run_engine); run_engine $host"
}

wait_for_engine() {
  for _ in $(seq 600); do
    engine_runs "$1" && return
    sleep 0.1
  done
  tail -n 5 "$LAB/$1/log" >&2
  exit 1
}

# The first process of the host: its end is the end of all others.
run_engine() {
  hostname "$1"
  mount --bind "$LAB/resolv.conf" /etc/resolv.conf
  exec dockerd --host "unix://$LAB/$1/docker.sock" --data-root "$LAB/$1/data" --exec-root "$LAB/$1/exec" \
    --pidfile "$LAB/$1/dockerd.pid" --storage-driver overlay2 --userland-proxy=false --insecure-registry "$REGISTRY"
}

engine_runs() { PATH=$(engine_path) docker --host "unix://$(socket "$1")" version > /dev/null 2>&1; }
engine_path() { "$DOCKER" env | sed -n 's/^PATH=//p'; }

# background NAME COMMAND...: its process id is in NAME.pid, and its output in NAME/log.
background() {
  local name=$1
  shift
  LAB=$LAB REGISTRY=$REGISTRY PATH=$(engine_path) setsid timeout --signal=KILL "${LAB_LIFETIME:-3600}" "$@" \
    >> "$LAB/$name/log" 2>&1 < /dev/null &
  echo $! > "$LAB/$name.pid"
}

# A network namespace with one end of a cable; the other one is in the bridge.
connect() {
  ip netns add "$NETNS-$1"
  ip -n "$NETNS-$1" link set lo up
  ip link add "$1" netns "$NETNS" type veth peer name eth0 netns "$NETNS-$1"
  ip -n "$NETNS" link set "$1" master bridge up
  ip -n "$NETNS-$1" addr add "$(address "$1")/24" dev eth0
  ip -n "$NETNS-$1" link set eth0 up
  ip -n "$NETNS-$1" route add default via "${REGISTRY%:*}"
}

crash() {
  # First the cable: no process gets to say goodbye.
  ip -n "$NETNS" link del "$1" 2> /dev/null || true
  end "$1"
  ip netns del "$NETNS-$1" 2> /dev/null || true
}

# Ends what `background` has started: "timeout", and its child, with whom a host ends.
end() {
  local pid child
  pid=$(cat "$LAB/$1.pid" 2> /dev/null) || return 0
  rm "$LAB/$1.pid"
  [ "$(cat "/proc/$pid/comm" 2> /dev/null)" = timeout ] || return 0
  child=$(cat "/proc/$pid/task/$pid/children")
  # shellcheck disable=SC2086
  kill -KILL $pid $child 2> /dev/null || true
  for _ in $(seq 300); do
    # shellcheck disable=SC2086
    kill -0 $child 2> /dev/null || return 0
    sleep 0.1
  done
}

off() {
  for host in $HOSTS; do crash "$host"; done
  end registry
  ip netns del "$NETNS" 2> /dev/null || true
}

main "$@"
