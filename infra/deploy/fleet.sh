#!/usr/bin/env bash
# A fleet on this machine, on the servers of services.sh: an EventStoreDB node on
# an embedded log, a simulator of payment gateways and carriers, and two processes
# of every role.
#
#   fleet.sh start [--dir DIR] [--services DIR]   start what is not running; prints where the API is and a token
#   fleet.sh stop [--dir DIR]                     stop the processes, keep the data; the servers go on
#   fleet.sh status [--dir DIR]                   say what runs
#   fleet.sh kill NAME [--dir DIR]                kill -9 one process
#   fleet.sh drain NAME [--dir DIR]               have one process drain and end
#
# DIR is .fleet at the root of the repository. It holds the binary, data, logs and
# pids, and in DIR/env what a client needs, as NAME=value lines. For every process
# with roles that it starts, start prints the time from its launch until it was ready.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$HERE/../.." && pwd)
READY_LIMIT_S=60 # for one process; a view that is behind has then caught up with what tests make
STOP_LIMIT_S=20  # a process drains for at most 10 s

# Each process, and its roles.
PROCESSES="gateway-a gateway-b order-a order-b stock-a stock-b payment-a payment-b views-a views-b"
roles_of() {
  case $1 in
    stock-*) echo inventory,shipping ;;
    views-*) echo projector,relay ;;
    *) echo "${1%-*}" ;;
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

# peers NAME: where both processes of that name take commands.
peers() { echo "http://127.0.0.1:$(at "$1-a-peers"),http://127.0.0.1:$(at "$1-b-peers")"; }

# surroundings: what every process of the fleet is told.
surroundings() {
  local postgres name
  # shellcheck disable=SC1090
  set -a && source "$SERVICES/env" && set +a
  postgres=${ORDERFLOW_TEST_POSTGRES:?there is no PostgreSQL; see services.sh start}
  for name in secret simulator-secret; do
    [ -s "$DIR/$name" ] || (umask 077 && secret >"$DIR/$name")
  done
  export ORDERFLOW_EVENTSTORE="esdb://127.0.0.1:$(at eventstore)?tls=false"
  export ORDERFLOW_POSTGRES="${postgres/\/postgres?/\/orderflow?}"
  export ORDERFLOW_REDIS=${ORDERFLOW_TEST_REDIS:?there is no Redis; see services.sh start}
  export ORDERFLOW_KAFKA=${ORDERFLOW_TEST_KAFKA:?there is no Kafka; see services.sh start}
  export ORDERFLOW_PEER_SECRET
  ORDERFLOW_PEER_SECRET=$(cat "$DIR/secret")
  export ORDERFLOW_PEERS
  ORDERFLOW_PEERS="order=$(peers order);inventory=$(peers stock);shipping=$(peers stock)"
  export ORDERFLOW_SIMULATOR="http://127.0.0.1:$(at simulator)" ORDERFLOW_SIMULATOR_SECRET
  ORDERFLOW_SIMULATOR_SECRET=$(cat "$DIR/simulator-secret")
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

# private_of NAME: the port that answers probes. The simulator has one port for all.
private_of() {
  case $1 in
    simulator) at simulator ;;
    *) at "$1-private" ;;
  esac
}

probe() { "$(binary)" probe "$2" --private "http://127.0.0.1:$(private_of "$1")"; }

# await NAME TEST…: a process of the fleet, until TEST succeeds.
await() {
  local name=$1
  shift
  until_ready "$name" "$DIR/$name/pid" "$DIR/$name/data" "$@"
}

# ready NAME: until the process can do its work. Connecting costs less than a probe,
# which is a process of its own, so that comes first.
ready() { await "$1" port_answers "$(private_of "$1")" && await "$1" probe "$1" started && await "$1" probe "$1" ready; }

# now_ms: milliseconds of the clock; whole seconds where bash is older than 5.
now_ms() {
  local now=${EPOCHREALTIME:-$(date +%s).000000}
  echo $((${now%[.,]*} * 1000 + 10#${now#*[.,]} / 1000))
}

# report_ready NAME LAUNCHED: waits, and prints how long that took.
report_ready() {
  local took
  ready "$1" || why "$1"
  took=$(($(now_ms) - $2))
  printf '%s: ready after %d.%d s\n' "$1" $((took / 1000)) $((took % 1000 / 100))
}

# issue_tokens: both gateways take the tokens of one development issuer, whose key
# `orderflow token` makes.
issue_tokens() {
  mkdir -p "$DIR/gateway-a/data" "$DIR/gateway-b/data"
  TOKEN=$("$(binary)" token --data "$DIR/gateway-a/data" --subject operator --scope admin --ttl 12h)
  cp -p "$DIR/gateway-a/data/dev-issuer.jwk" "$DIR/gateway-b/data/"
}

start() {
  local name waits="" job failed=0
  prepare
  # Beside and then in place: a running process keeps the file it was started from.
  # From a copy, so that go does not link again what has not changed.
  if [ -e "$(binary)" ]; then cp -p "$(binary)" "$DIR/orderflow.new"; fi
  (cd "$ROOT" && go build -o "$DIR/orderflow.new" ./cmd/orderflow)
  mv "$DIR/orderflow.new" "$(binary)"
  surroundings
  issue_tokens
  if ! running eventstore; then
    begin eventstore eventstore --insecure --listen "127.0.0.1:$(at eventstore)"
    await eventstore port_answers "$(at eventstore)" || why eventstore
  fi
  if ! running simulator; then begin simulator simulator --listen "127.0.0.1:$(at simulator)"; fi
  ready simulator || why simulator
  for name in $PROCESSES; do
    if running "$name"; then
      (ready "$name" || why "$name") &
    else
      begin_process "$name"
      report_ready "$name" "$(now_ms)" &
    fi
    waits="$waits $!"
  done
  for job in $waits; do wait "$job" || failed=1; done
  if [ $failed -ne 0 ]; then exit 1; fi
  write_env
  status
  echo "API      http://127.0.0.1:$(at gateway-a-api)"
  echo "token    $TOKEN"
  echo "client   set -a; source $DIR/env; set +a    # then: orderflow order list"
}

why() {
  echo "fleet.sh: $1 did not start: $(probe "$1" ready 2>&1 | tail -n 1)" >&2
  tail -n 15 "$DIR/$1/log" | sed 's/^/    /' >&2
  exit 1
}

# write_env: what a client needs, what an import into the fleet needs, and what has
# the simulator fail.
write_env() {
  (umask 077 && {
    echo "ORDERFLOW_SERVER=http://127.0.0.1:$(at gateway-a-api)"
    echo "ORDERFLOW_TOKEN=$TOKEN"
    env | grep -E '^ORDERFLOW_(EVENTSTORE|POSTGRES|REDIS|KAFKA|PEERS|PEER_SECRET|SIMULATOR|SIMULATOR_SECRET)=' | sed "s/=\(.*\)/='\1'/"
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
  end "$DIR/simulator/pid" "$DIR/simulator/data"
  end "$DIR/eventstore/pid" "$DIR/eventstore/data"
}

status() {
  local name
  for name in eventstore simulator $PROCESSES; do
    if running "$name"; then echo "$name: runs ($(head -n 1 "$DIR/$name/pid"))"; else echo "$name: does not run"; fi
  done
}

main() {
  local command=${1:-help} name=""
  shift || true
  DIR=$ROOT/.fleet SERVICES=$ROOT/.services
  case $command in
    kill | drain)
      [ $# -gt 0 ] || fail "$command wants one of: $PROCESSES"
      name=$1 && shift
      ;;
  esac
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
      while running "$name"; do sleep 0.1; done
      ;;
    drain)
      prepare
      running "$name" || fail "$name does not run"
      end "$DIR/$name/pid" "$DIR/$name/data"
      ;;
    help | --help | -h) usage ;;
    *) usage >&2 && exit 2 ;;
  esac
}

main "$@"
