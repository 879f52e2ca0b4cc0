#!/bin/sh
# Generates all secrets, once, into the volumes of docker-compose.yml, which keep them. Runs as root before the other
# services, without a network, and gives each file to the user that may read it.
set -eu
app=1000   # the users of the images, by number
redis=999

cd /secrets
REDIS_OWNER=$redis sh /deploy/redis/secrets.sh redis "${REDIS_KEY_PREFIX:-app:}"
chown $redis redis-data

give() { # NAME: writes stdin to a file that only the app can read
  (umask 077 && cat > "app/$1.new")
  chown $app "app/$1.new"
  mv -f "app/$1.new" "app/$1"
}
[ -e app/session-secrets ] || head -c 48 /dev/urandom | base64 -w0 | give session-secrets
printf 'redis://app:%s@redis:6379' "$(cat redis/passwords/app)" | give redis-url
