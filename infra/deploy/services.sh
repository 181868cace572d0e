#!/usr/bin/env bash
# Real servers for tests and development, on loopback: PostgreSQL, Redis, a
# Redis Cluster of three masters, Kafka.
#
#   services.sh start [--dir DIR]             start what is not running; installs what is missing
#   services.sh stop [--dir DIR]              stop what this script started, keep the data
#   services.sh status [--dir DIR]            say what runs, and where
#   services.sh restart NAME [--dir DIR]      postgres, redis, cluster or kafka, with the same port and data
#   services.sh with [--dir DIR] COMMAND …    start, run COMMAND, stop what this very call started
#   services.sh install                       only install what is missing
#
# DIR is .services at the root of the repository. It holds data, logs, pids, and
# the addresses as NAME=value lines in DIR/env; DIR may be deleted when nothing runs.
#
#   ORDERFLOW_TEST_POSTGRES, …_REDIS, …_REDIS_CLUSTER, …_KAFKA   a server that runs elsewhere; it is not started here
#   ORDERFLOW_SERVICES=docker|packages   how servers come; by default containers if a Docker engine answers
#   CI=true                              for `with`: a server that cannot be started is a failure
# shellcheck source-path=SCRIPTDIR
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$HERE/../.." && pwd)
CACHE=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/orderflow
SERVERS="postgres redis cluster kafka"
READY_LIMIT_S=60 # a server that is not ready by then has failed; each needs a few seconds on two cores
STOP_LIMIT_S=20  # then it is killed; Kafka needs up to 5 s to stop in order

# shellcheck source=services/processes.sh
source "$HERE/services/processes.sh"
# shellcheck source=services/install.sh
source "$HERE/services/install.sh"
# shellcheck source=services/containers.sh
source "$HERE/services/containers.sh"
# shellcheck source=services/postgres.sh
source "$HERE/services/postgres.sh"
# shellcheck source=services/redis.sh
source "$HERE/services/redis.sh"
# shellcheck source=services/kafka.sh
source "$HERE/services/kafka.sh"

usage() { sed -n '2,/^# shellcheck/{/^# shellcheck/d;s/^# \{0,1\}//;p;}' "${BASH_SOURCE[0]}"; }

# variable SERVER: where the tests look for its address.
variable() {
  case $1 in
    postgres) echo ORDERFLOW_TEST_POSTGRES ;;
    redis) echo ORDERFLOW_TEST_REDIS ;;
    cluster) echo ORDERFLOW_TEST_REDIS_CLUSTER ;;
    kafka) echo ORDERFLOW_TEST_KAFKA ;;
  esac
}

# elsewhere SERVER: the environment names one that is not ours.
elsewhere() {
  local name
  name=$(variable "$1")
  [ -n "${!name:-}" ]
}

# running SERVER: ours, and alive.
running() {
  case $(how "$1") in
    docker) container_runs "$1" ;;
    packages) "running_$1" ;;
    *) return 1 ;;
  esac
}

# how SERVER: docker or packages, as it was started; empty if it never was.
how() { cat "$DIR/$1/how" 2>/dev/null || true; }

prepare() {
  mkdir -p "$DIR" "$DIR/ports"
  chmod 711 "$DIR" # PostgreSQL has a user of its own who must pass
  DIR=$(cd "$DIR" && pwd)
  exec 9>"$DIR/lock"
  if command -v flock >/dev/null; then
    flock -w 300 9 || fail "another services.sh has been at work on $DIR for five minutes"
  fi
}

# start starts every server that is not running, side by side, and leaves the
# names of those it started in STARTED and of those that failed in FAILED.
start() {
  local s waiting="" manner
  STARTED="" FAILED=""
  prepare
  manner=$(choose_manner)
  for s in $SERVERS; do
    if ! elsewhere "$s" && ! running "$s"; then waiting="$waiting $s"; fi
  done
  if [ "$manner" = packages ]; then install_packages "$waiting"; else install_packages ""; fi
  for s in $waiting; do
    if [ "$s" = cluster ]; then stop_cluster; fi # what a half-dead one left running holds its ports
    mkdir -p "$DIR/$s"
    chmod 711 "$DIR/$s"
    choose_ports "$s"
    rm -f "$DIR/$s/why"
    echo "$manner" >"$DIR/$s/how"
  done
  for s in $waiting; do
    (start_one "$s" "$manner" >"$DIR/$s/why" 2>&1 9>&-) &
    eval "local job_$s=\$!"
  done
  for s in $waiting; do
    local job="job_$s"
    if wait "${!job}"; then STARTED="$STARTED $s"; else FAILED="$FAILED $s"; fi
  done
  write_env
  exec 9>&-
  report
}

start_one() {
  if [ "$2" = docker ]; then start_container "$1"; else "start_$1"; fi
}

# write_env replaces DIR/env at once, so that nobody reads half of it.
write_env() {
  local s
  (umask 077 && for s in $SERVERS; do
    if running "$s"; then echo "$(variable "$s")=$("address_$s")"; fi
  done >"$DIR/env.new")
  mv "$DIR/env.new" "$DIR/env"
}

# report says in a line each what runs; of what failed, why, and the end of its log.
report() {
  local s name
  for s in $SERVERS; do
    name=$(variable "$s")
    if elsewhere "$s"; then
      echo "$s: elsewhere, as $name says"
    elif running "$s"; then
      echo "$s: runs on $(ports_of "$s")"
    else
      echo "$s: does not run"
    fi
  done
  for s in ${FAILED:-}; do
    {
      echo "services.sh: $s could not be started: $(tail -n 3 "$DIR/$s/why")"
      if [ "$(how "$s")" = docker ]; then container_log "$s"; else tail -n 15 "$DIR/$s"/*log 2>/dev/null; fi | sed 's/^/    /' || true
    } >&2
  done
}

# stop_these SERVERS: only what this script started, side by side.
stop_these() {
  local s
  for s in $1; do
    if running "$s"; then
      if [ "$(how "$s")" = docker ]; then stop_container "$s" & else "stop_$s" & fi
    fi
  done
  wait
  write_env
}

restart() {
  case " $SERVERS " in *" ${1:-nothing} "*) ;; *) fail "restart wants one of: $SERVERS" ;; esac
  prepare
  [ -n "$(how "$1")" ] || fail "$1 was never started here: services.sh start"
  stop_these "$1"
  choose_ports "$1"
  start_one "$1" "$(how "$1")" >"$DIR/$1/why" 2>&1 9>&- || FAILED=$1
  write_env
  report
  [ -z "${FAILED:-}" ]
}

# with starts, runs a command, and stops what was not running before. The
# command's exit code is ours; it also fails where a server is missing in CI.
with() {
  local code=0 line name
  [ $# -gt 0 ] || fail "with wants a command"
  rm -f "$DIR/missing"
  start >&2
  trap 'stop_these "$STARTED"' EXIT
  if [ -n "$FAILED" ] && [ "${CI:-}" = true ]; then fail "a server is missing, and CI=true allows none to be"; fi
  while IFS= read -r line; do
    name=${line%%=*}
    if [ -z "${!name:-}" ]; then export "${line?}"; fi
  done <"$DIR/env"
  "$@" || code=$?
  if [ -s "$DIR/missing" ]; then
    echo "NOT TRIED, for want of a server (make services says why):" "$(sort -u "$DIR/missing" | tr '\n' ' ')"
  fi
  return $code
}

main() {
  local command=${1:-help} name=""
  shift || true
  DIR=$ROOT/.services
  if [ "$command" = restart ] && [ $# -gt 0 ]; then name=$1 && shift; fi
  if [ "${1:-}" = --dir ]; then DIR=${2:?--dir wants a folder} && shift 2; fi
  case $command in
    start) start && [ -z "$FAILED" ] ;;
    stop) prepare && stop_these "$SERVERS" && FAILED="" && report ;;
    status) prepare && report ;;
    restart) restart "$name" ;;
    with) with "$@" ;;
    install) mkdir -p "$DIR" && install_packages "$SERVERS" ;;
    help | --help | -h) usage ;;
    *) usage >&2 && exit 2 ;;
  esac
}

main "$@"
