#!/bin/sh
# Takes an app host out of nginx, and back in: marks it as `down` in app/upstream.conf, and reloads. The playbooks run it on
# the balancer, as root:
#   nginx.sh check|out|in|undo NAME ADDRESS          ADDRESS: as in app/upstream.conf, 127.0.0.1:3000
# Needs curl and ss (iproute2).
set -eu
action=$1 name=$2 address=$3
file=/etc/nginx/app/upstream.conf
# For requests under way: the app's own deadline (REQUEST_TIMEOUT_SECONDS). Longer ones, such as event streams, are the app's
# to close when it drains.
drain_seconds=30

# The servers that nginx passes requests to.
servers() { sed -n 's/^ *server \([^ ;]*\).*/\1/p' "$file" | sort -u; }
in_use() { grep -E "^ *server $1[ ;]" "$file" | grep -qv ' down;'; }
is_ready() { curl --silent --fail --max-time 2 --output /dev/null "http://$1/readyz"; }
# Workers that a reload has replaced keep their connections until the last response.
is_idle() { [ -z "$(ss -Htn state established dst "$address")" ]; }

another_is_ready() {
  for other in $(servers); do
    if [ "$other" != "$address" ] && in_use "$other" && is_ready "$other"; then return 0; fi
  done
  return 1
}

# change SED-COMMAND: for the host's lines, its own and the backup's. If nginx does not accept the result, nothing changes.
change() {
  cp -p "$file" "$file.old"
  sed -i -E "/^ *server $address[ ;]/ $1" "$file"
  nginx -t -q || { mv "$file.old" "$file"; exit 1; }
  cmp -s "$file" "$file.old" || nginx -s reload
  rm "$file.old"
}

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
    servers | grep -qx "$address" || fail "$file has no server $address for $name"
    ;;
  out)
    # Never the last one: clients would get the error page.
    another_is_ready || ! is_ready "$address" || fail "$name is the only host that is ready"
    change 's/( down)?;/ down;/'
    wait_for $drain_seconds is_idle || echo "some requests are still under way after $drain_seconds s"
    ;;
  in | undo)
    change 's/ down;/;/'
    ;;
esac
