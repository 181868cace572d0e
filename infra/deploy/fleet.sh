#!/usr/bin/env bash
# A fleet on this machine, on the servers of services.sh: an EventStoreDB node on
# an embedded log, and six processes that share the roles of the system.
#
#   fleet.sh start [--dir DIR] [--services DIR]   start what is not running; prints where the API is and a token
#   fleet.sh stop [--dir DIR]                     stop the processes, keep the data; the servers go on
#   fleet.sh status [--dir DIR]                   say what runs
#   fleet.sh kill NAME [--dir DIR]                kill -9 one process
#
# DIR is .fleet at the root of the repository. It holds the binary, data, logs and
# pids, and in DIR/env what a client needs, as NAME=value lines.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$HERE/../.." && pwd)
READY_LIMIT_S=60 # for one process; a view that is behind has then caught up with what tests make
STOP_LIMIT_S=20  # a process drains for at most 10 s

# Each process, and its roles.
PROCESSES="gateway order-a order-b stock payment views"
roles_of() {
  case $1 in
    order-*) echo order ;;
    stock) echo inventory,shipping ;;
    views) echo projector,relay ;;
    *) echo "$1" ;;
  esac
}

# shellcheck source=services/processes.sh
source "$HERE/services/processes.sh"

usage() { sed -n '2,/^# shellcheck/{/^# shellcheck/d;s/^# \{0,1\}//;p;}' "${BASH_SOURCE[0]}"; }

prepare() {
  mkdir -p "$DIR/ports"
  DIR=$(cd "$DIR" && pwd)
}

# at NAME: the port of that name, chosen once.
at() {
  if [ ! -s "$DIR/ports/$1" ]; then free_port >"$DIR/ports/$1"; fi
  cat "$DIR/ports/$1"
}

binary() { echo "$DIR/orderflow"; }

running() { ours "$DIR/$1/pid" "$DIR/$1/data"; }

# surroundings: what every process of the fleet is told.
surroundings() {
  local postgres
  # shellcheck disable=SC1090
  set -a && source "$SERVICES/env" && set +a
  postgres=${ORDERFLOW_TEST_POSTGRES:?there is no PostgreSQL; see services.sh start}
  [ -s "$DIR/secret" ] || (umask 077 && secret >"$DIR/secret")
  export ORDERFLOW_EVENTSTORE="esdb://127.0.0.1:$(at eventstore)?tls=false"
  export ORDERFLOW_POSTGRES="${postgres/\/postgres?/\/orderflow?}"
  export ORDERFLOW_REDIS=${ORDERFLOW_TEST_REDIS:?there is no Redis; see services.sh start}
  export ORDERFLOW_KAFKA=${ORDERFLOW_TEST_KAFKA:?there is no Kafka; see services.sh start}
  export ORDERFLOW_PEER_SECRET
  ORDERFLOW_PEER_SECRET=$(cat "$DIR/secret")
  export ORDERFLOW_PEERS="order=http://127.0.0.1:$(at order-a-peers),http://127.0.0.1:$(at order-b-peers);inventory=http://127.0.0.1:$(at stock-peers);shipping=http://127.0.0.1:$(at stock-peers)"
  export ORDERFLOW_AUTH=dev
  export ORDERFLOW_LOG_FORMAT=json
}

# begin NAME ARGS…: one process of the binary, with data, log and pid of its own.
begin() {
  local name=$1
  shift
  mkdir -p "$DIR/$name"
  launch "$DIR/$name/pid" "$DIR/$name/log" "$(binary)" "$@" --data "$DIR/$name/data"
}

begin_process() {
  begin "$1" serve --roles "$(roles_of "$1")" \
    --listen "127.0.0.1:$(at "$1-api")" --private "127.0.0.1:$(at "$1-private")" --peer-listen "127.0.0.1:$(at "$1-peers")"
}

probe() { "$(binary)" probe "$2" --private "http://127.0.0.1:$(at "$1-private")"; }

start() {
  local name
  prepare
  # Beside and then in place: a running process keeps the file it was started from.
  (cd "$ROOT" && go build -o "$DIR/orderflow.new" ./cmd/orderflow)
  mv "$DIR/orderflow.new" "$(binary)"
  surroundings
  if ! running eventstore; then
    begin eventstore eventstore --insecure --listen "127.0.0.1:$(at eventstore)"
    until_ready eventstore "$DIR/eventstore/pid" "$DIR/eventstore/data" port_answers "$(at eventstore)" || why eventstore
  fi
  for name in $PROCESSES; do
    if ! running "$name"; then begin_process "$name"; fi
  done
  for name in $PROCESSES; do
    until_ready "$name" "$DIR/$name/pid" "$DIR/$name/data" probe "$name" started || why "$name"
    until_ready "$name" "$DIR/$name/pid" "$DIR/$name/data" probe "$name" ready || why "$name"
  done
  write_env
  status
  echo "API      http://127.0.0.1:$(at gateway-api)"
  echo "token    $("$(binary)" token --data "$DIR/gateway/data" --subject operator --scope admin --ttl 12h)"
  echo "client   set -a; source $DIR/env; set +a    # then: orderflow order list"
}

why() {
  echo "fleet.sh: $1 did not start: $("$(binary)" probe ready --private "http://127.0.0.1:$(at "$1-private")" 2>&1 | tail -n 1)" >&2
  tail -n 15 "$DIR/$1/log" | sed 's/^/    /' >&2
  exit 1
}

# write_env: what a client needs, and what an import into the fleet needs.
write_env() {
  (umask 077 && {
    echo "ORDERFLOW_SERVER=http://127.0.0.1:$(at gateway-api)"
    echo "ORDERFLOW_TOKEN=$("$(binary)" token --data "$DIR/gateway/data" --subject operator --scope admin --ttl 12h)"
    env | grep -E '^ORDERFLOW_(EVENTSTORE|POSTGRES|REDIS|KAFKA|PEERS|PEER_SECRET)=' | sed "s/=\(.*\)/='\1'/"
  } >"$DIR/env.new")
  mv "$DIR/env.new" "$DIR/env"
}

stop() {
  local name
  prepare
  for name in $PROCESSES; do
    end "$DIR/$name/pid" "$DIR/$name/data" &
  done
  wait
  end "$DIR/eventstore/pid" "$DIR/eventstore/data"
}

status() {
  local name
  for name in eventstore $PROCESSES; do
    if running "$name"; then echo "$name: runs ($(head -n 1 "$DIR/$name/pid"))"; else echo "$name: does not run"; fi
  done
}

main() {
  local command=${1:-help} name=""
  shift || true
  DIR=$ROOT/.fleet SERVICES=$ROOT/.services
  if [ "$command" = kill ] && [ $# -gt 0 ]; then name=$1 && shift; fi
  while [ $# -gt 0 ]; do
    case $1 in
      --dir) DIR=${2:?--dir wants a folder} && shift 2 ;;
      --services) SERVICES=${2:?--services wants a folder} && shift 2 ;;
      *) usage >&2 && exit 2 ;;
    esac
  done
  case $command in
    start) start ;;
    stop) stop && status ;;
    status) prepare && status ;;
    kill)
      prepare
      running "$name" || fail "$name does not run"
      kill -9 "$(head -n 1 "$DIR/$name/pid")"
      ;;
    help | --help | -h) usage ;;
    *) usage >&2 && exit 2 ;;
  esac
}

main "$@"
