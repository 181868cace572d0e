# PostgreSQL of services.sh. Sourced, never run.
# shellcheck shell=bash

# postgres_bin: the folder of the newest installed version's programs; empty if there is none.
postgres_bin() {
  local found
  found=$(find /usr/lib/postgresql/*/bin -name initdb 2>/dev/null | sort -V | tail -n 1) || true
  if [ -n "$found" ]; then
    dirname "$found"
  elif command -v initdb >/dev/null; then
    dirname "$(command -v initdb)"
  fi
}

# as_postgres: PostgreSQL refuses to run as root.
as_postgres() {
  if [ "$(id -u)" = 0 ]; then (cd / && runuser -u postgres -- "$@"); else "$@"; fi
}

# postgres_data is under DIR, or where its own user can get to when a folder
# above DIR is closed to it. DIR/postgres/where says it, once there is one.
postgres_data() {
  if [ -s "$DIR/postgres/where" ]; then
    cat "$DIR/postgres/where"
  elif as_postgres test -x "$DIR/postgres" 2>/dev/null; then
    echo "$DIR/postgres/data"
  else
    echo "/var/tmp/orderflow-postgres-$(printf %s "$DIR" | cksum | cut -d ' ' -f 1)/data"
  fi
}

start_postgres() {
  local bin data log
  bin=$(postgres_bin)
  [ -n "$bin" ] || { echo "PostgreSQL is not installed" && return 1; }
  data=$(postgres_data)
  echo "$data" >"$DIR/postgres/where"
  log=$(dirname "$data")/server.log
  [ -s "$DIR/postgres/password" ] || (umask 077 && secret >"$DIR/postgres/password")
  mkdir -p "$(dirname "$data")"
  if [ "$(id -u)" = 0 ]; then chown postgres "$(dirname "$data")"; fi
  if [ ! -s "$data/PG_VERSION" ]; then new_postgres "$bin" "$data" || return 1; fi
  # A pid from before a reboot may be somebody's; a dead one PostgreSQL handles itself.
  if [ -e "$data/postmaster.pid" ] && kill -0 "$(head -n 1 "$data/postmaster.pid")" 2>/dev/null && ! running_postgres; then
    rm -f "$data/postmaster.pid"
  fi
  as_postgres "$bin/pg_ctl" -D "$data" -l "$log" -w -t "$READY_LIMIT_S" -s -o "-c listen_addresses=127.0.0.1 -p $(port postgres)" start
}

# new_postgres: a cluster whose only way in is a random password. No unix
# socket: its path may be longer than the 107 bytes that one may have.
new_postgres() {
  local bin=$1 data=$2 given
  given=$(dirname "$data")/initial-password
  (umask 077 && cp "$DIR/postgres/password" "$given")
  if [ "$(id -u)" = 0 ]; then chown postgres "$given"; fi
  rm -rf "$data"
  as_postgres "$bin/initdb" -D "$data" -A scram-sha-256 -U orderflow --pwfile="$given" -E UTF8 --locale=C.UTF-8 >/dev/null || return 1
  rm -f "$given"
  as_postgres tee -a "$data/postgresql.conf" >/dev/null <<'CONF'
unix_socket_directories = ''
max_connections = 300           # several test programs at once, each with pools
shared_buffers = 128MB
max_prepared_transactions = 0
CONF
}

running_postgres() { ours "$(postgres_data)/postmaster.pid" "$(postgres_data)"; }

stop_postgres() { as_postgres "$(postgres_bin)/pg_ctl" -D "$(postgres_data)" -m fast -w -t "$STOP_LIMIT_S" -s stop || end "$(postgres_data)/postmaster.pid" "$(postgres_data)"; }

address_postgres() { echo "postgres://orderflow:$(cat "$DIR/postgres/password")@127.0.0.1:$(port postgres)/postgres?sslmode=disable"; }
