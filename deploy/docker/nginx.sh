#!/bin/sh
# Starts nginx in its container, as a user who is not root and on a file system that can't be written to: a copy of the
# configuration, with this installation's names in it, goes to /run, which is memory.
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
# The directive is for a master that is root.
sed -i '/^user /d' nginx.conf
# auto would be all CPUs of the machine; a container's limit is not seen. docker-compose.yml gives it one.
sed -i 's/^worker_processes auto;/worker_processes 1;/' nginx.conf
sed -i "s/example\.com\\\$request_uri/$domain$port\$request_uri/; s/example\.com/$domain/" app/site.conf
# One name, and behind it as many containers as `--scale app=N` says.
sed -i '/127\.0\.0\.1:3001/d; s/127\.0\.0\.1:3000/app:3000/' app/upstream.conf

# Until you put one there (deploy/docker/README.md), the certificate is made here and new with each start.
if [ ! -e /etc/ssl/app/fullchain.pem ]; then
  mkdir tls
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 365 -subj "/CN=$domain" \
    -addext "subjectAltName=DNS:$domain" -keyout tls/privkey.pem -out tls/fullchain.pem 2> /dev/null
  sed -i 's#/etc/ssl/app/#/run/nginx/tls/#' app/tls.conf
fi

# nginx asks for the addresses behind a name once, when it starts. Reloads it when they have changed: after --scale, or
# when a container was replaced.
addresses() { getent ahostsv4 app | cut -d' ' -f1 | sort -u; }
follow() {
  known=$(addresses)
  while sleep 2; do
    now=$(addresses)
    # None: the app is gone, or Docker's DNS. nginx could not load a configuration that names it.
    [ -n "$now" ] && [ "$now" != "$known" ] && kill -HUP 1 && known=$now
  done
}
follow &

exec nginx -c /run/nginx/nginx.conf -e stderr -g 'daemon off;'
