#!/usr/bin/env bash
# A Docker engine with Compose v2 for `npm run test:deploy`, on a Debian 12 machine that has none and reaches no image
# registry. Needs root, apt, npm and the network. The engine's programs come from the next Debian release and are not
# installed; the base images are built from Debian packages and from Node.js as npm publishes it.
#
#   docker.sh setup   once, about a minute: the engine, and the images that Dockerfile and docker-compose.yml start from
#   docker.sh env     print the variables that a docker command needs (NAME=value); exit code 1 before the setup
#   docker.sh build   run the engine in the network of the machine: `docker build --network=host` reaches npm and apt
#   docker.sh net     run the engine in a network namespace of its own, LAB_NETNS, so that bridges, DNS and published
#                     ports do not change the network of the machine: nsenter --net=/run/netns/$LAB_NETNS curl ...
#   docker.sh down    stop the engine and remove all that this script has made, except for the Debian packages
#
# Everything is in $LAB_DIR/docker. Default: LAB_DIR=$TMPDIR/labs.
set -euo pipefail
LAB=${LAB_DIR:-${TMPDIR:-/tmp}/labs}/docker
NETNS=lab-$(printf %s "$LAB" | cksum | cut -d ' ' -f 1)
NODE=24
SUITE=bookworm
ENGINE_SUITE=trixie
# Programs that the engine calls: for containers, published ports and namespaces. And what makes the first image.
PACKAGES='runc iptables iproute2 debootstrap'
export PATH=$LAB/bin:$PATH:/usr/sbin:/sbin DOCKER_HOST=unix://$LAB/docker.sock DOCKER_CONFIG=$LAB/config

main() {
  case ${1:-} in
    setup) is_set_up || set_up ;;
    env) is_set_up && print_env ;;
    build) run_engine_in host ;;
    net) run_engine_in netns ;;
    down) remove ;;
    *) sed -n '2,/^set/{/^#/p}' "$0" >&2; exit 2 ;;
  esac
}

# A change of this script means another setup.
is_set_up() { [ "$(cat "$LAB/ready" 2>/dev/null)" = "$(sha256sum < "$0")" ]; }

set_up() {
  mkdir -p "$LAB"/{bin,config/cli-plugins}
  apt-get update -qq
  # shellcheck disable=SC2086
  apt-get install -y -qq --no-install-recommends $PACKAGES > /dev/null
  unpack_engine
  run_engine_in host
  make_debian_image
  make_node_image
  make_redis_image
  stop_engine
  sha256sum < "$0" > "$LAB/ready"
}

print_env() {
  printf '%s\n' "PATH=$PATH" "DOCKER_HOST=$DOCKER_HOST" "DOCKER_CONFIG=$DOCKER_CONFIG" "LAB_NETNS=$NETNS"
}

# Debian 12's own engine has no BuildKit.
unpack_engine() {
  local apt=$LAB/apt
  mkdir -p "$apt"/{lists/partial,cache/archives/partial,debs}
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(mirror) $ENGINE_SUITE main" > "$apt/sources.list"
  # apt downloads as a user who must not see the folder.
  local options=(-o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$apt/lists"
    -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User=root)
  apt-get "${options[@]}" update -qq
  (cd "$apt/debs" && apt-get "${options[@]}" download -qq docker.io docker-cli containerd docker-compose docker-buildx)
  for deb in "$apt"/debs/*.deb; do dpkg -x "$deb" "$apt/unpacked"; done
  cp "$apt"/unpacked/usr/sbin/{dockerd,docker-proxy} "$apt"/unpacked/usr/bin/{docker,containerd,containerd-shim-runc-v2} "$LAB/bin"
  cp "$apt"/unpacked/usr/libexec/docker/cli-plugins/docker-{compose,buildx} "$DOCKER_CONFIG/cli-plugins"
  rm -rf "$apt"
}

# Where apt has this machine's packages from.
mirror() {
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $SUITE" 'Component: main' | head -n 1
}

make_debian_image() {
  rm -rf "$LAB/debian"
  debootstrap --variant=minbase "$SUITE" "$LAB/debian" "$(mirror)" > "$LAB/debootstrap.log"
  tar -C "$LAB/debian" -c . | docker import --change 'CMD ["bash"]' - "debian:$SUITE-slim" > /dev/null
  rm -rf "$LAB/debian"
}

# Node.js and npm from their npm packages, with the certificates that this machine trusts.
make_node_image() {
  local context=$LAB/node arch lib
  arch=$(node --print process.arch)
  lib=$context/usr/local/lib/node_modules/npm
  rm -rf "$context"
  mkdir -p "$context"/{packages,etc/ssl/certs,usr/local/bin,usr/local/etc} "$lib"
  npm pack --silent --pack-destination "$context/packages" "node-linux-$arch@$NODE" npm@11 > /dev/null
  tar -xzf "$context/packages/node-linux-$arch"-*.tgz -C "$context/usr/local/bin" --strip-components=2 package/bin/node
  tar -xzf "$context"/packages/npm-*.tgz -C "$lib" --strip-components=1
  chmod 755 "$context/usr/local/bin/node" "$lib"/bin/*.js
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$context/usr/local/bin/npm"
  ln -s ../lib/node_modules/npm/bin/npx-cli.js "$context/usr/local/bin/npx"
  cp /etc/ssl/certs/ca-certificates.crt "$context/etc/ssl/certs"
  echo 'cafile=/etc/ssl/certs/ca-certificates.crt' > "$context/usr/local/etc/npmrc"
  build_image "$context" "node:$NODE-$SUITE-slim" << DOCKERFILE
FROM debian:$SUITE-slim
COPY etc /etc
COPY usr /usr
RUN groupadd -g 1000 node && useradd -u 1000 -g node -s /bin/bash -m node
ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
CMD ["node"]
DOCKERFILE
  rm -rf "$context"
}

make_redis_image() {
  mkdir -p "$LAB/empty"
  build_image "$LAB/empty" "redis:7-$SUITE" << DOCKERFILE
FROM debian:$SUITE-slim
RUN apt-get update && apt-get install -y --no-install-recommends redis-server && rm -rf /var/lib/apt/lists/*
USER redis
EXPOSE 6379
CMD ["redis-server", "--bind", "0.0.0.0", "--protected-mode", "no"]
DOCKERFILE
}

# build_image CONTEXT TAG, with the Dockerfile on stdin.
build_image() { docker build --quiet --network=host --tag "$2" --file - "$1" > /dev/null; }

# run_engine_in host: no network for containers | netns: bridges, iptables and ports of its own.
run_engine_in() {
  stop_engine
  local enter=() options=(--host "$DOCKER_HOST" --data-root "$LAB/data" --exec-root "$LAB/exec" --pidfile "$LAB/dockerd.pid"
    --storage-driver overlay2 --userland-proxy=false)
  if [ "$1" = host ]; then
    options+=(--bridge=none --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false)
  else
    ip netns add "$NETNS" 2> /dev/null || true
    ip -n "$NETNS" link set lo up
    # Not `ip netns exec`: it mounts a /sys without cgroups.
    enter=(nsenter "--net=/run/netns/$NETNS")
  fi
  setsid "${enter[@]}" dockerd "${options[@]}" > "$LAB/dockerd.log" 2>&1 < /dev/null &
  wait_for 60 docker version || { tail -n 5 "$LAB/dockerd.log" >&2; exit 1; }
}

# Its containers end with it.
stop_engine() {
  local pid
  pid=$(cat "$LAB/dockerd.pid" 2> /dev/null) && is_engine "$pid" || return 0
  kill "$pid"
  wait_for 60 is_over "$pid" || { echo "dockerd ($pid) does not end" >&2; exit 1; }
}

is_engine() { [ "$(cat "/proc/$1/comm" 2> /dev/null)" = dockerd ]; }
# A process that has ended remains as a zombie where nothing reads its exit code.
is_over() { ! is_engine "$1" || grep -q '^State:.*Z' "/proc/$1/status"; }

# wait_for SECONDS COMMAND: until the command succeeds.
wait_for() {
  local end=$((SECONDS + $1))
  shift
  until "$@" > /dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.1
  done
}

remove() {
  stop_engine
  ip netns del "$NETNS" 2> /dev/null || true
  # What an interrupted run has left mounted.
  grep -oE " $LAB/[^ ]+" /proc/mounts | sort -r | xargs -r umount || true
  rm -rf --one-file-system "$LAB"
}

main "$@"
