#!/bin/sh
# Creates what a release needs on a new host: the user, the folders and the settings file. Once per host, from a checkout:
#   ssh root@example.com sh -s < deploy/prepare-host.sh
# It can be run again: it keeps the user, the settings and the releases, and corrects owners and modes.
set -eu

# The app runs as this user, which owns only the files that the app writes.
getent passwd app > /dev/null || useradd --system --home-dir /var/lib/app app
install -d -o app -g app -m 750 /var/lib/app

# The code belongs to root, so that the app cannot change it.
install -d -o root -g root -m 755 /srv/app /srv/app/releases

# The settings: only the app reads them.
install -d -o root -g root -m 755 /etc/app
[ -e /etc/app/app.env ] || : > /etc/app/app.env
chown root:app /etc/app/app.env
chmod 640 /etc/app/app.env
