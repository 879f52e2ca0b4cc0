#!/bin/sh
# Makes what must be secret and in no repository, once, into the volumes of docker-compose.yml: they keep it. Runs as root
# before the others, with no network, and gives each file to the one who may read it.
set -eu
app=1000   # the users of the images, by number
redis=999

cd /secrets
REDIS_OWNER=$redis sh /deploy/redis/secrets.sh redis "${REDIS_KEY_PREFIX:-app:}"
chown $redis redis-data

give() { # NAME: stdin becomes a file that the app alone can read
  (umask 077 && cat > "app/$1.new")
  chown $app "app/$1.new"
  mv -f "app/$1.new" "app/$1"
}
[ -e app/session-secrets ] || head -c 48 /dev/urandom | base64 -w0 | give session-secrets
printf 'redis://app:%s@redis:6379' "$(cat redis/passwords/app)" | give redis-url
