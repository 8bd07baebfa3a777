#!/bin/sh
# Gives Prometheus the master's token and nothing else of the master's state folder, which holds the
# keys of the mesh.
set -eu
umask 077
user=10001 # the user of the images, and of Prometheus here
cp /state/admin.token /token/new
chown -R "$user:$user" /token
mv /token/new /token/admin.token
