# The same servers as containers, where a Docker engine answers. Sourced, never run.
# shellcheck shell=bash

# The versions of docker-compose.yml.
POSTGRES_IMAGE=postgres:18.1-alpine3.22
REDIS_IMAGE=redis:8.2.1-alpine3.22
KAFKA_IMAGE=apache/kafka:4.1.1

# container SERVER: one name for each clone of the repository.
container() { echo "orderflow-$1-$(printf %s "$DIR" | cksum | cut -d ' ' -f 1)"; }

container_runs() { [ "$(docker inspect -f '{{.State.Running}}' "$(container "$1")" 2>/dev/null)" = true ]; }

container_log() { docker logs --tail 15 "$(container "$1")" 2>&1 || true; }

stop_container() { docker stop -t "$STOP_LIMIT_S" "$(container "$1")" >/dev/null; }

# start_container keeps a container that has the same ports, and with it its data.
start_container() {
  local name ports deadline
  name=$(container "$1")
  ports=$(for p in $(port_names "$1"); do port "$p"; done | tr '\n' ' ')
  if [ "$(docker inspect -f '{{index .Config.Labels "orderflow.ports"}}' "$name" 2>/dev/null)" = "$ports" ]; then
    docker start "$name" >/dev/null || return 1
  else
    docker rm -f "$name" >/dev/null 2>&1 || true
    "run_$1" docker run -d --name "$name" --label "orderflow.ports=$ports" >/dev/null || return 1
  fi
  deadline=$((SECONDS + READY_LIMIT_S)) # an image may have had to be fetched before
  until "container_ready_$1" "$name" >/dev/null 2>&1; do
    container_runs "$1" || { echo "the container ended before it was ready" && return 1; }
    [ $SECONDS -lt $deadline ] || { echo "not ready after $READY_LIMIT_S s" && return 1; }
    sleep 0.2
  done
}

run_postgres() {
  [ -s "$DIR/postgres/password" ] || (umask 077 && secret >"$DIR/postgres/password")
  POSTGRES_PASSWORD=$(cat "$DIR/postgres/password") "$@" -e POSTGRES_PASSWORD -e POSTGRES_USER=orderflow \
    -e POSTGRES_DB=postgres -p "127.0.0.1:$(port postgres):5432" "$POSTGRES_IMAGE" -c max_connections=300
}
# The image starts a server for its own preparations first, which listens on no port.
container_ready_postgres() { docker exec "$1" pg_isready -h 127.0.0.1 -U orderflow; }

run_redis() { "$@" -p "127.0.0.1:$(port redis):6379" "$REDIS_IMAGE" redis-server --save "" --appendonly yes --maxmemory 512mb --maxmemory-policy allkeys-lru; }
container_ready_redis() { [ "$(docker exec "$1" redis-cli ping)" = PONG ]; }

# run_cluster: three nodes in one container, so that the addresses they tell
# each other are the ones that clients outside use.
run_cluster() {
  local n nodes="" publish=()
  for n in 1 2 3; do
    publish+=(-p "127.0.0.1:$(port "cluster-$n"):$(port "cluster-$n")")
    nodes="$nodes $(port "cluster-$n"):$(port "cluster-bus-$n")"
  done
  # shellcheck disable=SC2016 # for the shell in the container
  "$@" "${publish[@]}" -e NODES="$nodes" --entrypoint sh "$REDIS_IMAGE" -c '
    set -e
    for node in $NODES; do
      mkdir -p "/data/${node%:*}"
      redis-server --port "${node%:*}" --cluster-port "${node#*:}" --dir "/data/${node%:*}" --cluster-enabled yes --protected-mode no \
        --cluster-announce-ip 127.0.0.1 --cluster-node-timeout 2000 --save "" --appendonly yes &
      first=${first:-${node%:*}}
      until redis-cli -p "${node%:*}" ping; do sleep 0.1; done
      all="$all 127.0.0.1:${node%:*}"
    done
    [ -e /data/made ] || { redis-cli --cluster create $all --cluster-yes && touch /data/made; }
    trap "kill \$(jobs -p) 2>/dev/null" TERM INT
    wait'
}
container_ready_cluster() {
  local n
  for n in 1 2 3; do docker exec "$1" redis-cli -p "$(port "cluster-$n")" cluster info | grep -q 'cluster_state:ok' || return 1; done
}

# run_kafka: a listener of its own for what the broker says to itself, for the
# port that clients use is not there within the container.
run_kafka() {
  "$@" -p "127.0.0.1:$(port kafka):9092" -e KAFKA_PROCESS_ROLES=broker,controller -e KAFKA_NODE_ID=1 \
    -e KAFKA_CONTROLLER_QUORUM_VOTERS=1@localhost:9093 -e KAFKA_CONTROLLER_LISTENER_NAMES=CONTROLLER \
    -e KAFKA_LISTENERS=PLAINTEXT://:9092,INTERNAL://:9094,CONTROLLER://:9093 -e KAFKA_INTER_BROKER_LISTENER_NAME=INTERNAL \
    -e KAFKA_LISTENER_SECURITY_PROTOCOL_MAP=PLAINTEXT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT \
    -e "KAFKA_ADVERTISED_LISTENERS=PLAINTEXT://127.0.0.1:$(port kafka),INTERNAL://localhost:9094" -e KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS=0 \
    -e KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR=1 -e KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS=8 -e KAFKA_LOG_RETENTION_HOURS=24 \
    -e KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR=1 -e KAFKA_TRANSACTION_STATE_LOG_MIN_ISR=1 \
    -e KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR=1 -e KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR=1 \
    -e KAFKA_HEAP_OPTS="-Xmx$KAFKA_HEAP" "$KAFKA_IMAGE"
}
container_ready_kafka() { docker logs "$1" 2>&1 | grep -q 'Kafka Server started'; }
