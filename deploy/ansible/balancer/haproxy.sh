#!/bin/sh
# Takes an app host out of HAProxy, and back in, by its admin socket. The playbooks run it on the balancer, as root:
#   haproxy.sh check|out|in|undo NAME ADDRESS        NAME: the server in haproxy.cfg; ADDRESS: 127.0.0.1:3000
# Needs socat. The state is HAProxy's own and lasts until it is restarted or reloaded.
set -eu
action=$1 name=$2 address=$3
# For requests under way: the app's own deadline (REQUEST_TIMEOUT_SECONDS). Longer ones, such as event streams, are the app's
# to close when it drains.
drain_seconds=30
# Two successful checks, one per second (rise 2, inter 1s), and a reserve.
up_seconds=30

ask() { echo "$1" | socat - UNIX-CONNECT:/run/haproxy/admin.sock; }

# servers PATTERN: the names of the servers whose status fits.
servers() { ask 'show stat' | awk -F , -v status="$1" '$1 == "app" && $2 != "BACKEND" && $18 ~ status { print $2 }'; }
is_up() { servers '^UP' | grep -qx "$name"; }
is_idle() { [ "$(ask 'show stat' | awk -F , -v name="$name" '$1 == "app" && $2 == name { print $5 }')" = 0 ]; }

# wait_for SECONDS COMMAND: until the command succeeds.
wait_for() {
  end=$(($(date +%s) + $1))
  until $2; do
    [ "$(date +%s)" -lt "$end" ] || return 1
    sleep 0.2
  done
}

fail() {
  echo "$1" >&2
  exit 1
}

case $action in
  check)
    found=$(ask 'show servers state app' | awk -v name="$name" '$4 == name { print $5 ":" $19 }')
    [ "$found" = "$address" ] || fail "HAProxy has ${found:-no server} for app/$name, the inventory has $address"
    ;;
  out)
    # Never the last one: clients would get the error page.
    if is_up && [ "$(servers '^UP' | wc -l)" -lt 2 ]; then fail "$name is the only host that HAProxy finds up"; fi
    ask "set server app/$name state drain"
    wait_for $drain_seconds is_idle || echo "some requests are still under way after $drain_seconds s"
    ;;
  in)
    ask "set server app/$name state ready"
    wait_for $up_seconds is_up || fail "HAProxy does not find $name up: $address/readyz, seen from the balancer"
    ;;
  undo)
    ask "set server app/$name state ready"
    ;;
esac
