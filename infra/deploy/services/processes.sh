# Processes and ports of services.sh and fleet.sh. Sourced, never run.
# shellcheck shell=bash

fail() {
  echo "${0##*/}: $*" >&2
  exit 1
}

# Below what Linux gives to clients (32768), so that no connection sits on a chosen port.
FIRST_PORT=20000
PORTS=12000

port_answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

free_port() {
  local port try
  for try in 1 2 3 4 5 6 7 8 9 10; do
    port=$((FIRST_PORT + (RANDOM * 32768 + RANDOM + try) % PORTS))
    if ! port_answers "$port" && ! grep -qsx "$port" "$DIR"/ports/*; then
      echo "$port"
      return
    fi
  done
  fail "no free port found on loopback"
}

# port NAME: the port that was chosen for it.
port() { cat "$DIR/ports/$1"; }

# choose_ports SERVER keeps the ports it had, unless somebody else took one meanwhile.
choose_ports() {
  local name
  for name in $(port_names "$1"); do
    if [ ! -s "$DIR/ports/$name" ] || port_answers "$(port "$name")"; then
      free_port >"$DIR/ports/$name.new"
      mv "$DIR/ports/$name.new" "$DIR/ports/$name"
    fi
  done
}

port_names() {
  case $1 in
    postgres | redis) echo "$1" ;;
    cluster) echo cluster-1 cluster-2 cluster-3 cluster-bus-1 cluster-bus-2 cluster-bus-3 ;;
    kafka) echo kafka kafka-controller ;;
  esac
}

ports_of() {
  local name
  for name in $(port_names "$1"); do
    case $name in *-bus-* | *-controller) ;; *) printf '127.0.0.1:%s ' "$(port "$name")" ;; esac
  done
}

# ours PIDFILE TEXT: the process lives and is the one we started: its command
# line holds TEXT. A number from before a reboot may be anybody's.
ours() {
  local pid
  pid=$(head -n 1 "$1" 2>/dev/null) || return 1
  [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null || return 1
  if [ -r "/proc/$pid/cmdline" ]; then
    tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qF -- "$2"
  else
    ps -o command= -p "$pid" | grep -qF -- "$2"
  fi
}

# launch PIDFILE LOG COMMAND…: detached, so that Ctrl-C on a test run does not end it.
launch() {
  local pidfile=$1 log=$2
  shift 2
  if [ -e "$log" ]; then mv "$log" "$log.before"; fi
  if command -v setsid >/dev/null; then set -- setsid "$@"; fi
  nohup "$@" </dev/null >"$log" 2>&1 9>&- &
  echo $! >"$pidfile"
}

# until_ready WHAT PIDFILE TEXT TEST…: waits for TEST, for the end of the process, or for the limit.
until_ready() {
  local what=$1 pidfile=$2 text=$3 deadline=$((SECONDS + READY_LIMIT_S))
  shift 3
  local begun=$SECONDS
  until "$@" >/dev/null 2>&1; do
    # In its first moments a process has the command line of who launched it.
    if ! ours "$pidfile" "$text" && { [ $((SECONDS - begun)) -ge 2 ] || ! kill -0 "$(head -n 1 "$pidfile")" 2>/dev/null; }; then
      echo "$what ended before it was ready"
      return 1
    fi
    if [ $SECONDS -ge $deadline ]; then
      echo "$what was not ready after $READY_LIMIT_S s"
      return 1
    fi
    sleep 0.1
  done
}

# end PIDFILE TEXT: in order, or by force after the limit.
end() {
  local pid deadline=$((SECONDS + STOP_LIMIT_S))
  ours "$1" "$2" || return 0
  pid=$(head -n 1 "$1")
  kill "$pid" 2>/dev/null || true
  while ours "$1" "$2"; do
    if [ $SECONDS -ge $deadline ]; then kill -9 "$pid" 2>/dev/null || true; fi
    sleep 0.1
  done
  rm -f "$1"
}

# secret: 24 random bytes in hexadecimal digits.
secret() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
