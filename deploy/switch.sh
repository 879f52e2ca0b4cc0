#!/bin/sh
# Makes the release this file lies in the current one: checks it, gives it the host's settings, points `current` to it.
# Run it from the release to switch to, an older one for the way back; then reload the supervisor (docs/releases.md):
#   sh /srv/app/releases/1.1.0/deploy/switch.sh
set -eu
release=$(cd "$(dirname "$0")/.." && pwd -P)
version=$(basename "$release")
root=$(dirname "$(dirname "$release")")

# A tarball that was cut short, or files somebody has changed since.
(cd "$release" && sha256sum --quiet -c SHA256SUMS)

# The app reads .env at each start, and does not start where the link leads to no file, or to one it can't read.
[ -e "$release/.env" ] || ln -s "${APP_ENV:-/etc/app/app.env}" "$release/.env" || true

# rename(2) replaces the link at once; `ln -sfn` alone removes it first, and a process that starts just then finds nothing.
ln -sfn "releases/$version" "$root/current.next"
mv -T "$root/current.next" "$root/current"
echo "current is $version"
