# Redis and the Redis Cluster of services.sh. Sourced, never run.
# shellcheck shell=bash

# redis_node NAME HOME SETTING…: one server, which keeps its data over a restart.
redis_node() {
  local name=$1 home=$2
  shift 2
  has redis-server || { echo "redis-server is not installed" && return 1; }
  mkdir -p "$home"
  printf '%s\n' "bind 127.0.0.1" "port $(port "$name")" "dir \"$home\"" 'save ""' "appendonly yes" \
    "set-proc-title no" "maxmemory 512mb" "maxmemory-policy allkeys-lru" "$@" >"$home/redis.conf"
  launch "$home/pid" "$home/server.log" redis-server "$home/redis.conf"
  until_ready "Redis" "$home/pid" "$home" redis_answers "$name" || { tail -n 5 "$home/server.log" && return 1; }
}

redis_answers() { [ "$(redis-cli -p "$(port "$1")" ping)" = PONG ]; }

start_redis() { redis_node redis "$DIR/redis"; }
running_redis() { ours "$DIR/redis/pid" "$DIR/redis"; }
stop_redis() { end "$DIR/redis/pid" "$DIR/redis"; }
address_redis() { echo "redis://127.0.0.1:$(port redis)"; }

# start_cluster starts the nodes that do not run. Nodes remember each other's
# ports: with other ports, or without a whole cluster behind them, all begin anew.
start_cluster() {
  local n ports
  ports="$(port cluster-1) $(port cluster-2) $(port cluster-3)"
  if [ "$(cat "$DIR/cluster/made" 2>/dev/null)" != "$ports" ]; then
    stop_cluster
    rm -rf "$DIR/cluster/made" "$DIR"/cluster/node-*
  fi
  for n in 1 2 3; do
    ours "$DIR/cluster/node-$n/pid" "$DIR/cluster/node-$n" || redis_node "cluster-$n" "$DIR/cluster/node-$n" \
      "cluster-enabled yes" "cluster-config-file nodes.conf" "cluster-node-timeout 2000" \
      "cluster-port $(port "cluster-bus-$n")" || return 1
  done
  if [ ! -e "$DIR/cluster/made" ]; then
    # shellcheck disable=SC2046 # words
    redis-cli --cluster create $(for n in $ports; do echo "127.0.0.1:$n"; done) --cluster-yes || return 1
    echo "$ports" >"$DIR/cluster/made"
  fi
  for n in 1 2 3; do
    until_ready "The cluster" "$DIR/cluster/node-$n/pid" "$DIR/cluster/node-$n" cluster_is_whole "$n" || return 1
  done
}

cluster_is_whole() { redis-cli -p "$(port "cluster-$1")" cluster info | grep -q 'cluster_state:ok'; }

running_cluster() {
  local n
  for n in 1 2 3; do ours "$DIR/cluster/node-$n/pid" "$DIR/cluster/node-$n" || return 1; done
}

stop_cluster() {
  local n
  for n in 1 2 3; do end "$DIR/cluster/node-$n/pid" "$DIR/cluster/node-$n"; done
}

address_cluster() { echo "127.0.0.1:$(port cluster-1),127.0.0.1:$(port cluster-2),127.0.0.1:$(port cluster-3)"; }
