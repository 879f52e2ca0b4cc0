#!/bin/sh
# Makes the release that contains this file the current one: checks it, links the host's settings, points `current` to it.
# Run it from the release to switch to, or from an older one to go back; then reload the supervisor (docs/releases.md):
#   sh /srv/app/releases/1.1.0/deploy/switch.sh
set -eu
name=app
release=$(cd "$(dirname "$0")/.." && pwd -P)
version=$(basename "$release")
root=$(dirname "$(dirname "$release")")

# Finds a truncated tarball, and files that were changed since.
(cd "$release" && sha256sum --quiet -c SHA256SUMS)

# The app reads .env at each start, and does not start if the link is broken or the file not readable.
[ -e "$release/.env" ] || ln -s "${APP_ENV:-/etc/$name/$name.env}" "$release/.env" || true

# rename(2) replaces the link in one step; `ln -sfn` alone removes it first, and a process that starts just then finds no link.
ln -sfn "releases/$version" "$root/current.next"
mv -T "$root/current.next" "$root/current"
echo "current is $version"
