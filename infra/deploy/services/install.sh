# What services.sh installs: only what is missing. Sourced, never run.
# shellcheck shell=bash

KAFKA_VERSION=4.1.1
JAVA_AT_LEAST=17 # what Kafka 4 runs on

# choose_manner: containers if an engine answers, else Debian's packages.
choose_manner() {
  if [ -n "${ORDERFLOW_SERVICES:-}" ]; then
    echo "$ORDERFLOW_SERVICES"
  elif command -v docker >/dev/null && timeout 10 docker version --format '{{.Server.Version}}' >/dev/null 2>&1; then
    echo docker
  else
    echo packages
  fi
}

# install_packages SERVERS: what they run on, and the programs that check the
# configuration of a deployment. What cannot be had is said; who needs it fails later.
install_packages() {
  local missing=""
  for server in $1; do
    case $server in
      postgres) [ -n "$(postgres_bin)" ] || missing="$missing postgresql" ;;
      redis | cluster) has redis-server && has redis-cli || missing="$missing redis-server" ;;
      kafka)
        java_is_enough || missing="$missing default-jre-headless"
        [ -d "$(kafka_lib)" ] || has mvn || missing="$missing maven"
        ;;
    esac
  done
  has nginx || missing="$missing nginx-light"
  has promtool || missing="$missing prometheus"
  has amtool || missing="$missing prometheus-alertmanager"
  if [ -n "$missing" ]; then apt_install "${missing# }" || true; fi
  case " $1 " in *" kafka "*) fetch_kafka || true ;; esac
}

# has NAME: also where Debian puts servers, which not every PATH holds.
has() { [ -n "$(PATH=$PATH:/usr/sbin:/sbin command -v "$1")" ]; }

# apt_install PACKAGES: none of the daemons is started by its package.
apt_install() {
  local as_root=""
  if ! has apt-get; then
    echo "services.sh: $1 missing, and there is no apt-get here: install them, or start a Docker engine" >&2
    return 1
  fi
  if [ "$(id -u)" != 0 ]; then
    if ! sudo -n true 2>/dev/null; then
      echo "services.sh: $1 missing, and neither root nor sudo without a password is here to install them" >&2
      return 1
    fi
    as_root="sudo -n"
  fi
  echo "services.sh: installing $1" >&2
  # shellcheck disable=SC2086 # words
  $as_root bash -s $1 >"$DIR/install.log" 2>&1 <<'APT' || { tail -n 5 "$DIR/install.log" >&2 && return 1; }
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
guard=/usr/sbin/policy-rc.d
if [ ! -e $guard ]; then
  printf '#!/bin/sh\nexit 101\n' >$guard
  chmod +x $guard
  trap 'rm -f $guard' EXIT
fi
apt-get update -q
apt-get install -y -q --no-install-recommends "$@"
APT
}

java_is_enough() {
  local major
  major=$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p;') || return 1
  [ "${major:-0}" -ge $JAVA_AT_LEAST ] 2>/dev/null
}

kafka_lib() { echo "$CACHE/kafka-$KAFKA_VERSION"; }

# fetch_kafka: Maven checks every file against the repository's checksum (-C);
# the folder appears only when it is whole.
fetch_kafka() {
  local lib whole
  lib=$(kafka_lib)
  [ ! -d "$lib" ] && has mvn || return 0
  mkdir -p "$CACHE"
  whole=$(mktemp -d "$CACHE/kafka.XXXXXX")
  echo "services.sh: fetching Kafka $KAFKA_VERSION" >&2
  if mvn -q -B -C -f "$HERE/services/kafka.pom.xml" -Dkafka.version="$KAFKA_VERSION" dependency:copy-dependencies \
    -DoutputDirectory="$whole" >"$DIR/maven.log" 2>&1; then
    mv -T "$whole" "$lib" 2>/dev/null || rm -rf "$whole" # another clone was faster
  else
    grep -m 3 ERROR "$DIR/maven.log" >&2 || true
    rm -rf "$whole"
    return 1
  fi
}
