#!/bin/sh
# Starts PostgreSQL as the official image does: initialises an empty PGDATA from POSTGRES_USER,
# POSTGRES_PASSWORD, POSTGRES_DB, POSTGRES_INITDB_ARGS and POSTGRES_HOST_AUTH_METHOD, runs what
# lies in /docker-entrypoint-initdb.d, then becomes the server. Arguments that begin with a dash
# go to the server; any other command is run in its place.
set -eu

case "${1:-}" in
-*) set -- postgres "$@" ;;
esac
if [ "${1:-}" != postgres ]; then
    exec "$@"
fi

if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA"
    chown -R postgres:postgres "$PGDATA" /var/run/postgresql
    chmod 700 "$PGDATA"
    # By its path: the shell would take its own setpriv, which knows no --reuid.
    exec /usr/bin/setpriv --reuid=postgres --regid=postgres --clear-groups "$0" "$@"
fi

initialise() {
    user=${POSTGRES_USER:-postgres}
    database=${POSTGRES_DB:-$user}
    method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
    if [ -z "${POSTGRES_PASSWORD:-}" ] && [ "$method" != trust ]; then
        echo "POSTGRES_PASSWORD is not set; or set POSTGRES_HOST_AUTH_METHOD=trust" >&2
        exit 1
    fi

    password_file=$(mktemp)
    printf '%s\n' "${POSTGRES_PASSWORD:-}" >"$password_file"
    if [ -n "${POSTGRES_PASSWORD:-}" ]; then
        set -- --pwfile="$password_file"
    else
        set --
    fi
    # shellcheck disable=SC2086 # a list of arguments
    initdb --username="$user" --encoding=UTF8 --auth-local=trust --no-sync "$@" \
        ${POSTGRES_INITDB_ARGS:-}
    rm -f "$password_file"
    echo "host all all all $method" >>"$PGDATA/pg_hba.conf"
    echo "listen_addresses = '*'" >>"$PGDATA/postgresql.conf"

    # By the socket alone, so that nobody takes this server for the real one.
    pg_ctl -D "$PGDATA" -o "-c listen_addresses=''" -w start
    if [ "$database" != postgres ]; then
        createdb --username="$user" --maintenance-db=postgres -- "$database"
    fi
    for file in /docker-entrypoint-initdb.d/*; do
        case $file in
        *.sh) sh "$file" ;;
        *.sql) psql -v ON_ERROR_STOP=1 --no-password --username="$user" --dbname="$database" -f "$file" ;;
        esac
    done
    pg_ctl -D "$PGDATA" -m fast -w stop
}

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    (initialise)
fi
exec "$@"
