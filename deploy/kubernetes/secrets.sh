#!/bin/sh
# Makes the files of overlays/NAME/secrets that are missing; git ignores them. What is there stays.
#   secrets.sh production   all but redis-url, which it can't generate
#   secrets.sh trial        with a password for the trial's own Redis
set -eu
umask 077
cd "$(dirname "$0")/overlays/${1:?usage: secrets.sh production|trial}/secrets"

give() { # NAME: stdin becomes the file, unless it is there
  [ -s "$1" ] || { cat > "$1.new" && mv "$1.new" "$1"; }
}

head -c 48 /dev/urandom | base64 | tr -d '\n' | give session-secrets
head -c 48 /dev/urandom | base64 | tr -d '\n' | give admin-token
# No user yet; README.md has the command that makes a hash.
printf '[]' | give users
if [ "$1" = trial ]; then
  password=$(head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n')
  printf 'requirepass %s\n' "$password" | give redis-auth.conf
  printf 'redis://:%s@redis:6379' "$(sed -n 's/^requirepass //p' redis-auth.conf)" | give redis-url
fi
[ -s redis-url ] || {
  echo "$PWD/redis-url is missing. Write one line into it: rediss://USER:PASSWORD@HOST:6379" >&2
  exit 1
}
