#!/bin/sh
# Generates the passwords of Redis, and the files that need them. Run again, it keeps existing passwords.
#
#   deploy/redis/secrets.sh FOLDER [KEY_PREFIX]      on a machine of its own: /etc/redis app:
#
#   FOLDER/passwords/NAME            of app, admin, replica and sentinel; in hex, so that they fit into a URL as they are
#   FOLDER/users.acl                 users and their rights, with hashes of the passwords
#   FOLDER/conf.d/replication.conf   how a replica logs in to its master
#
# Run as root, it gives the last two to the user redis, or to REDIS_OWNER.
set -eu
folder=$1
prefix=${2:-app:} # the app's REDIS_KEY_PREFIX

owner=${REDIS_OWNER:-$(id -u redis 2> /dev/null || :)}

umask 022
mkdir -p "$folder/conf.d"
umask 077
mkdir -p "$folder/passwords"

# 24 bytes: 192 bits.
for name in app admin replica sentinel; do
  [ -s "$folder/passwords/$name" ] || od -An -vtx1 -N24 /dev/urandom | tr -d ' \n' > "$folder/passwords/$name"
done

hash() { printf '#%s' "$(sha256sum < "$folder/passwords/$1" | cut -d' ' -f1)"; }

# Replaces a file in one step, so that Redis never reads half of it.
write() {
  cat > "$folder/$1.new"
  if [ "$(id -u)" = 0 ] && [ -n "$owner" ]; then chown "$owner" "$folder/$1.new"; fi
  mv -f "$folder/$1.new" "$folder/$1"
}

# app     any command on keys and channels with its prefix, none that reaches beyond them: @dangerous has FLUSHALL, KEYS and
#         CONFIG; SCAN and RANDOMKEY return the names of other apps' keys; functions belong to all. The client needs INFO
#         to see that Redis is ready, and CLUSTER to find the nodes.
# health  for health checks, which should not need a password.
write users.acl << ACL
user default reset
user app on $(hash app) ~$prefix* &$prefix* +@connection +@read +@write +@pubsub +@transaction +eval +evalsha -@dangerous -function -scan -randomkey +info +role +cluster|slots +cluster|shards +cluster|nodes +cluster|info
user admin on $(hash admin) ~* &* +@all
user replica on $(hash replica) +psync +replconf +ping
user sentinel on $(hash sentinel) &* +multi +slaveof +ping +exec +subscribe +config|rewrite +role +publish +info +client|setname +client|kill +script|kill
user health on nopass +ping
ACL

write conf.d/replication.conf << CONF
masteruser replica
masterauth $(cat "$folder/passwords/replica")
CONF
