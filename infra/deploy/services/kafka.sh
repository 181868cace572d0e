# Kafka of services.sh: one broker that is its own controller (KRaft). Sourced, never run.
# shellcheck shell=bash

KAFKA_HEAP=512m

start_kafka() {
  local home=$DIR/kafka lib
  lib=$(kafka_lib)
  java_is_enough || { echo "Java $JAVA_AT_LEAST or newer is not installed" && return 1; }
  [ -d "$lib" ] || { echo "Kafka's jars are not in $lib" && return 1; }
  kafka_properties >"$home/server.properties"
  if [ ! -s "$home/data/meta.properties" ]; then
    rm -rf "$home/data"
    java -cp "$lib/*" kafka.tools.StorageTool format -t "$(cluster_id)" -c "$home/server.properties" || return 1
  fi
  launch "$home/pid" "$home/server.log" java "-Xmx$KAFKA_HEAP" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
    -cp "$lib/*" kafka.Kafka "$home/server.properties"
  until_ready Kafka "$home/pid" "$home" kafka_is_ready
}

# kafka_properties: the retention and segments of production, one copy of everything.
kafka_properties() {
  cat <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$(port kafka-controller)
listeners=PLAINTEXT://127.0.0.1:$(port kafka),CONTROLLER://127.0.0.1:$(port kafka-controller)
advertised.listeners=PLAINTEXT://127.0.0.1:$(port kafka)
controller.listener.names=CONTROLLER
log.dirs=$DIR/kafka/data
log.retention.hours=24
log.segment.bytes=1048576000
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
PROPERTIES
}

# cluster_id: 16 random bytes in URL-safe base64, without padding.
cluster_id() { head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n'; }

kafka_is_ready() { grep -q 'Kafka Server started' "$DIR/kafka/server.log" && port_answers "$(port kafka)"; }

running_kafka() { ours "$DIR/kafka/pid" "$DIR/kafka/server.properties"; }
stop_kafka() { end "$DIR/kafka/pid" "$DIR/kafka/server.properties"; }
address_kafka() { echo "127.0.0.1:$(port kafka)"; }
