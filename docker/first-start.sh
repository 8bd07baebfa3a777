#!/bin/sh
# What docker-compose.yml needs before anything else starts: keys, each in the volume of the one
# service that may see it, and an output folder that the gateway can write to. It runs before each
# start and makes what is missing; run again, it changes nothing.
set -eu
umask 077

user=10001 # the user of the images

# The mesh secret and the master's own key: made once, kept for good.
[ -f /secret/mesh.secret ] || meshwork keygen --out /secret/mesh.secret 2>/dev/null
meshwork keygen authority --state-dir /state >/dev/null 2>&1
chown -R "$user:$user" /secret /state
chmod 700 /secret /state

# Join keys follow from those two, so they are the same each time, and right also when the volume of
# one of those two was thrown away.
for worker in thumbnailer gateway; do
    rm -f "/keys/$worker/new"
    meshwork keygen join "$worker" --secret-file /secret/mesh.secret --state-dir /state \
        --out "/keys/$worker/new" 2>/dev/null
    chown "$user:$user" "/keys/$worker/new"
    mv "/keys/$worker/new" "/keys/$worker/join.key"
    chmod 755 "/keys/$worker"
done

# The folder of the host stays its owner's, who can delete what is in it; the gateway writes there
# as a member of the group.
mkdir -p /out/thumbnails /out/previews
for folder in /out /out/thumbnails /out/previews; do
    chown "$(stat -c %u /out):$user" "$folder"
    chmod 775 "$folder"
done

echo "keys are there; members: docker compose exec master meshwork members"
echo "the master's HTTP is at http://127.0.0.1:$HTTP_PORT"
