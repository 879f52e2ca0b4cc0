#!/bin/sh
# Deploys a version, and every change of these files and of the secrets. Run it on a manager. It waits until all of it runs.
# If it does not, the old version serves, the reason is printed, and the exit code is 1.
#
#   deploy.sh VERSION [EDGE]   the tags of the app's image and of nginx'. EDGE: default the one that runs, because an update of
#                              nginx closes the ports of one host after the other; at the first time VERSION
set -eu
name=app
image=registry.example.com/app
# How long a container may look for a host with room for it. Swarm itself would let an update wait indefinitely.
room_seconds=30
# For all of an update, as a last resort: three containers, each with its health check and its old one's end.
update_seconds=600
cd "$(dirname "$0")"

fail() { printf '%s\n' "$@" >&2; exit 1; }

[ $# -gt 0 ] || fail 'Which version? deploy.sh 1.0.0'
VERSION=$1
running_edge=$(docker service inspect --format '{{.Spec.TaskTemplate.ContainerSpec.Image}}' "${name}_nginx" 2> /dev/null || :)
EDGE_VERSION=${2:-$(echo "$running_edge" | sed 's/@.*//; s/.*://')}
EDGE_VERSION=${EDGE_VERSION:-$VERSION}

# First what can be checked, so that nothing is half done.
[ -s secrets/names ] || fail 'secrets/names is missing: run secrets.sh first. Nothing was changed.'
for secret in $(cut -d= -f2 secrets/names); do
  docker secret inspect "$secret" > /dev/null || fail 'Run secrets.sh first. Nothing was changed.'
done
for tag in "$image:$VERSION" "$image-nginx:$EDGE_VERSION"; do
  docker pull --quiet "$tag" > /dev/null || fail "$tag is not available. Nothing was changed."
done
[ -n "$(docker node ls --quiet --filter node.label=redis=true)" ] ||
  fail 'No host is for Redis: docker node update --label-add redis=true HOST. Nothing was changed.'

set -a
. ./secrets/names
IMAGE=$image
REDIS_CONF=$name-redis-conf-$(sha256sum < ../redis/redis.conf | cut -c1-12)
set +a
export VERSION EDGE_VERSION

# How the last update of a service goes; empty where nothing was to update.
state() { docker service inspect --format '{{with .UpdateStatus}}{{.State}}{{- end}}' "${name}_$1"; }
tasks() { docker stack ps --no-trunc --filter "desired-state=$1" --format '{{.Name}} on {{.Node}}: {{.CurrentState}} {{.Error}}' "$name"; }
failures() { tasks shutdown | grep -E ': (Failed|Rejected)' | head -n 3; }
# Services with fewer containers than they should have.
incomplete() { docker stack services --format '{{.Replicas}}' "$name" | awk '{ split($1, n, "/") } n[1] != n[2]'; }

roll_back() {
  for service in app nginx redis; do
    case $(state $service) in
      updating | paused) docker service rollback --detach=true "${name}_$service" > /dev/null || : ;;
    esac
  done
}

# Swarm refuses a change of a service that changes at this moment: an update that failed is still on its way back. What of
# the stack was changed by then is no change the next time.
deploy() {
  for _ in $(seq 30); do
    output=$(docker stack deploy --detach=true --with-registry-auth --compose-file stack.yml "$name" 2>&1) && return
    case $output in *'out of sequence'*) sleep 1 ;; *) break ;; esac
  done
  roll_back
  fail "$output" "$VERSION was not deployed; what ran before serves."
}

deploy
begun=$(date +%s)
settled=0
cramped=0
while [ "$settled" -lt 5 ]; do
  sleep 1
  states="$(state app) $(state nginx) $(state redis)"
  case $states in
    *rollback_completed* | *rollback_paused*)
      fail "$VERSION failed; the version before it serves:" "$(failures)" ;;
  esac
  if tasks running | grep -q 'no suitable node'; then cramped=$((cramped + 1)); else cramped=0; fi
  if [ "$cramped" -ge "$room_seconds" ]; then
    reason=$(tasks running | grep 'no suitable node' | head -n 1)
    roll_back
    fail "$VERSION found no room; what ran before serves:" "$reason"
  fi
  if [ $(($(date +%s) - begun)) -gt "$update_seconds" ]; then
    roll_back
    fail "$VERSION was not running after $update_seconds s; what ran before serves:" "$(tasks running)" "$(failures)"
  fi
  # Swarm needs a moment until it has begun with an update.
  case $states in
    *updating* | *rollback_started*) settled=0 ;;
    *) if [ -z "$(incomplete)" ]; then settled=$((settled + 1)); else settled=0; fi ;;
  esac
done
echo "$VERSION runs:"
docker stack services "$name"
