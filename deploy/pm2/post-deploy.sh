#!/bin/sh
# `pm2 deploy production` runs this on the host, in the fresh checkout: makes a release of it, puts it beside the others,
# switches to it and reloads. It never installs into the folder that is served: npm would remove node_modules under the
# running instances.
set -eu
releases=/srv/app/releases
version=$(git describe --tags --always)

npm ci
tarball=$(npm run --silent package -- --version "$version" --out "${TMPDIR:-/tmp}")
# The same commit again: the release exists already.
[ -d "$releases/$version" ] || tar -xzf "$tarball" -C "$releases"
rm "$tarball"
sh "$releases/$version/deploy/switch.sh"
pm2 startOrReload /srv/app/current/ecosystem.config.js --env production
pm2 save
