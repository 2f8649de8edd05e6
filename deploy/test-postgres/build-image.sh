#!/bin/sh
# Builds a small PostgreSQL image for tests out of Debian's own packages.
#
# For machines whose Docker engine can pull nothing. The image holds the server of this machine,
# the libraries it loads and a busybox userland, and minds the official image's environment
# variables and arguments (see entrypoint.sh). It is for tests alone: no updates, no collations
# beyond C.UTF-8, no JIT.
#
# Usage, as root on Debian: build-image.sh TAG     e.g. build-image.sh test-postgres:15
set -eu

if [ $# -ne 1 ] || [ "${1#-}" != "$1" ]; then
    echo "usage: $0 TAG" >&2
    exit 2
fi
tag=$1
here=$(cd "$(dirname "$0")" && pwd)

server_folder() {
    find /usr/lib/postgresql -mindepth 1 -maxdepth 1 -type d -exec test -x '{}/bin/postgres' ';' -print \
        2>/dev/null | sort -V | tail -n 1
}

missing=
[ -n "$(server_folder)" ] || missing="$missing postgresql"
command -v setpriv >/dev/null || missing="$missing util-linux"
command -v docker >/dev/null || missing="$missing docker.io"
# busybox comes in two packages of one command; the static one needs no library in the image.
[ -x /bin/busybox ] && ! ldd /bin/busybox >/dev/null 2>&1 || missing="$missing busybox-static"
if [ -n "$missing" ]; then
    # No cluster of its own shall be made and started by the package.
    mkdir -p /etc/postgresql-common
    [ -e /etc/postgresql-common/createcluster.conf ] ||
        echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
    apt-get update -q
    # shellcheck disable=SC2086 # a list of package names
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
fi

server=$(server_folder)
major=${server##*/}
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 755 "$root"

# copy FILE: into the image at its own path, links followed, with every library it loads.
copy() {
    mkdir -p "$root$(dirname "$1")"
    cp -L "$1" "$root$1"
    ldd "$1" 2>/dev/null | grep -o '/[^ ]*' | while read -r library; do
        [ -e "$root$library" ] && continue
        mkdir -p "$root$(dirname "$library")"
        cp -L "$library" "$root$library"
    done
}

mkdir -p "$root/bin" "$root/etc" "$root/tmp" "$root/root" "$root/docker-entrypoint-initdb.d" \
    "$root/var/lib/postgresql/data" "$root/var/run/postgresql"
ln -s usr/lib "$root/lib"
ln -s usr/lib64 "$root/lib64"
mkdir -p "$root/usr/lib" "$root/usr/lib64"
chmod 1777 "$root/tmp"
chmod 3777 "$root/var/run/postgresql"

copy /bin/busybox
for name in $(/bin/busybox --list); do
    [ "$name" = busybox ] || ln -s busybox "$root/bin/$name"
done
copy /usr/bin/setpriv

for name in postgres initdb pg_ctl pg_isready psql createdb pg_dump pg_restore; do
    copy "$server/bin/$name"
done
for module in "$server"/lib/*.so; do
    case $module in
    */llvmjit.so) ;; # would pull in LLVM; queries run the same without it
    *) copy "$module" ;;
    esac
done
mkdir -p "$root/usr/share/postgresql" "$root/usr/share/zoneinfo/Etc" "$root/usr/lib/locale"
cp -a "/usr/share/postgresql/$major" "$root/usr/share/postgresql/"
cp -L /usr/share/zoneinfo/UTC "$root/usr/share/zoneinfo/UTC"
cp -L /usr/share/zoneinfo/UTC "$root/usr/share/zoneinfo/Etc/UTC"
if [ -d /usr/lib/locale/C.utf8 ]; then
    cp -a /usr/lib/locale/C.utf8 "$root/usr/lib/locale/"
fi

# The ids are those of the official image.
echo 'root:x:0:0:root:/root:/bin/sh
postgres:x:999:999:PostgreSQL:/var/lib/postgresql:/bin/sh' >"$root/etc/passwd"
printf 'root:x:0:\npostgres:x:999:\n' >"$root/etc/group"
printf 'passwd: files\ngroup: files\nhosts: files dns\n' >"$root/etc/nsswitch.conf"
cp "$here/entrypoint.sh" "$root/bin/docker-entrypoint.sh"
chmod 755 "$root/bin/docker-entrypoint.sh"
chown -R 999:999 "$root/var/lib/postgresql"

tar -C "$root" --numeric-owner -c . | docker import \
    --change "ENV PATH=$server/bin:/usr/bin:/bin" \
    --change "ENV LANG=C.UTF-8" \
    --change "ENV PG_MAJOR=$major" \
    --change "ENV PGDATA=/var/lib/postgresql/data" \
    --change 'EXPOSE 5432' \
    --change 'ENTRYPOINT ["docker-entrypoint.sh"]' \
    --change 'CMD ["postgres"]' \
    - "$tag" >/dev/null
echo "built $tag: PostgreSQL $major"
