#!/bin/sh
# Makes the files in secrets/ that are missing (git ignores them), and a Docker secret of each. Run again it keeps all
# files, and makes new Docker secrets of those that have changed. Run it on a manager; deploy.sh uses what it has made.
#
#   secrets.sh            after a change of a file, too
#   secrets.sh rotate     a new session secret; the old one, second in its file, still verifies cookies
#   secrets.sh forget     removes the old session secrets from the file: their cookies become invalid
set -eu
umask 077
name=app
cd "$(dirname "$0")"

new_secret() { head -c 48 /dev/urandom | base64 | tr -d '\n'; }

# give NAME: stdin becomes the file, in one step.
give() { cat > "secrets/$1.new" && mv "secrets/$1.new" "secrets/$1"; }

case ${1:-} in
  '') ;;
  rotate) printf '%s,%s' "$(new_secret)" "$(cat secrets/session-secrets)" | give session-secrets ;;
  forget) cut -d, -f1 secrets/session-secrets | tr -d '\n' | give session-secrets ;;
  *) sed -n '2,/^set/{/^#/p}' "$0" >&2; exit 2 ;;
esac

[ -s secrets/session-secrets ] || new_secret | give session-secrets
# No user yet; README.md has the command that makes a hash.
[ -s secrets/users ] || printf '[]' | give users
sh ../redis/secrets.sh secrets/redis "$name:"
printf 'redis://app:%s@redis:6379' "$(cat secrets/redis/passwords/app)" | give redis-url
if [ ! -s secrets/fullchain.pem ]; then
  echo "no secrets/fullchain.pem and privkey.pem: browsers will warn of a self-signed certificate" >&2
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 365 -subj /CN=example.com \
    -addext subjectAltName=DNS:example.com -keyout secrets/privkey.pem -out secrets/fullchain.pem 2> /dev/null
fi

# secret VARIABLE NAME FILE: a Docker secret of this content, and its name for stack.yml.
secret() {
  full=$name-$2-$(sha256sum < "secrets/$3" | cut -c1-12)
  docker secret inspect "$full" > /dev/null 2>&1 || docker secret create "$full" "secrets/$3" > /dev/null
  echo "$1=$full"
}

# Written last and in one step: with what `docker secret create` refused, the old names stay.
{
  secret SESSION_SECRETS session-secrets session-secrets \
    && secret REDIS_URL redis-url redis-url \
    && secret REDIS_USERS redis-users redis/users.acl \
    && secret USERS users users \
    && secret CERTIFICATE certificate fullchain.pem \
    && secret CERTIFICATE_KEY certificate-key privkey.pem
} > secrets/names.new || exit 1
mv secrets/names.new secrets/names
cat secrets/names
