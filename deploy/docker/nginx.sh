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
# One name, behind which are all containers of `--scale app=N`.
sed -i '/127\.0\.0\.1:3001/d; s/127\.0\.0\.1:3000/app:3000/' app/upstream.conf

# Without a certificate of yours (deploy/docker/README.md), each start generates a new one.
if [ ! -e /etc/ssl/app/fullchain.pem ]; then
  mkdir tls
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 365 -subj "/CN=$domain" \
    -addext "subjectAltName=DNS:$domain" -keyout tls/privkey.pem -out tls/fullchain.pem 2> /dev/null
  sed -i 's#/etc/ssl/app/#/run/nginx/tls/#' app/tls.conf
fi

# nginx resolves a name once, when it starts. This reloads nginx when the addresses have changed: after --scale, or when a
# container was replaced.
addresses() { getent ahostsv4 app | cut -d' ' -f1 | sort -u; }
follow() {
  known=$(addresses)
  while sleep 2; do
    now=$(addresses)
    # No address: the app or Docker's DNS is down, and nginx could not load a configuration with that name.
    [ -n "$now" ] && [ "$now" != "$known" ] && kill -HUP 1 && known=$now
  done
}
follow &

exec nginx -c /run/nginx/nginx.conf -e stderr -g 'daemon off;'
