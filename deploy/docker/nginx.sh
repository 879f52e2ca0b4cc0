#!/bin/sh
# Starts nginx in its container, as a user other than root and on a read-only file system: a copy of the configuration,
# with the names of this installation, is in /run, which is memory.
#
#   DOMAIN        the site's name. Default: localhost
#   HTTPS_PORT    the port that clients see. Default: 443
set -eu
domain=${DOMAIN:-localhost}
case ${HTTPS_PORT:-443} in
  443) port= ;;
  *) port=:$HTTPS_PORT ;;
esac

rm -rf /run/nginx
cp -r /etc/nginx /run/nginx
cd /run/nginx
# The directive needs a master that is root.
sed -i '/^user /d' nginx.conf
# auto would use all CPUs of the machine, not the container's limit, which is one CPU in docker-compose.yml.
sed -i 's/^worker_processes auto;/worker_processes 1;/' nginx.conf
sed -i "s/example\.com\\\$request_uri/$domain$port\$request_uri/; s/example\.com/$domain/" app/site.conf
cp app/upstream.conf upstream.template

# Without a certificate of yours (deploy/docker/README.md), each start generates a new one.
if [ ! -e /etc/ssl/app/fullchain.pem ]; then
  mkdir tls
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 365 -subj "/CN=$domain" \
    -addext "subjectAltName=DNS:$domain" -keyout tls/privkey.pem -out tls/fullchain.pem 2> /dev/null
  sed -i 's#/etc/ssl/app/#/run/nginx/tls/#' app/tls.conf
fi

# Containers of the app come and go: with --scale, with an update, with a host. Requests go to those addresses of the name
# "app" that respond to /readyz.
is_ready() {
  timeout 2 bash -c 'exec 3<> "/dev/tcp/$0/3000" && printf "GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n" >&3 &&
    read -r status <&3 && [[ $status == *" 200 "* ]]' "$1" 2> /dev/null
}
# All at the same time, and twice: a container is not left out for one slow response.
ready() {
  for address in $(getent ahostsv4 app | cut -d' ' -f1 | sort -u); do
    { is_ready "$address" || is_ready "$address"; } && echo "$address" &
  done | sort
}
# Lists addresses as upstream.conf lists its hosts. Without any, nginx responds with its error page.
use() {
  awk -v list="${*:-127.0.0.1}" -v down="${1:-down}" '
    /127\.0\.0\.1:3001/ { next }
    /127\.0\.0\.1:3000/ {
      if (down == "down") sub(/;/, " down;")
      for (i = 1; i <= split(list, address, " "); i++) { line = $0; sub(/127\.0\.0\.1/, address[i], line); print line }
      next
    }
    { print }' upstream.template > app/upstream.conf
}
follow() {
  while sleep 1; do
    now=$(ready)
    # None: the app is busy, or Docker's DNS is down. The last ones may still respond.
    [ -n "$now" ] && [ "$now" != "$known" ] || continue
    # shellcheck disable=SC2086
    use $now
    kill -HUP 1
    known=$now
  done
}
known=$(ready)
# shellcheck disable=SC2086
use $known
follow &

exec nginx -c /run/nginx/nginx.conf -e stderr -g 'daemon off;'
