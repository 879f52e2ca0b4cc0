#!/bin/sh
# Creates what a release needs on a new host: the user, the folders and the settings file. Once per host, from a checkout:
#   ssh root@example.com sh -s < deploy/prepare-host.sh
# It can be run again: it keeps the user, the settings and the releases, and corrects owners and modes.
set -eu
name=app

# The app runs as this user, which owns only the files that the app writes.
getent passwd $name > /dev/null || useradd --system --home-dir /var/lib/$name $name
install -d -o $name -g $name -m 750 /var/lib/$name

# The code belongs to root, so that the app cannot change it.
install -d -o root -g root -m 755 /srv/$name /srv/$name/releases

# The settings: only the app reads them.
install -d -o root -g root -m 755 /etc/$name
[ -e /etc/$name/$name.env ] || : > /etc/$name/$name.env
chown root:$name /etc/$name/$name.env
chmod 640 /etc/$name/$name.env
