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

# PM2 stops the old instances even if the new ones do not start, so it is started once first: on free ports, until timeout
# ends it with 124. A wrong setting ends it earlier, and names the variable. Ten seconds are five times what a start takes.
tried=0
(cd "$releases/$version" && PORT=0 ADMIN_PORT=0 NODE_ENV=production timeout 10 node --env-file="${APP_ENV:-/etc/app/app.env}" dist/server.js) || tried=$?
[ "$tried" = 124 ] || { echo "$version does not start (exit code $tried): the old release is still current" >&2; exit 1; }

sh "$releases/$version/deploy/switch.sh"
pm2 startOrReload /srv/app/current/ecosystem.config.js --env production
pm2 save
