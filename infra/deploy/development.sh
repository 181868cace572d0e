#!/usr/bin/env bash
# Certificates, keys and passwords for a development machine.
#
#   development.sh [--dir DIR]                          make what is missing
#   development.sh [--dir DIR] token CUSTOMER "SCOPE …" print a token of an hour that the system takes
#
# DIR is .secrets at the root of the repository, and .env goes beside it; with --dir both are in DIR.
# What exists is kept. A production machine gets its certificates from its own authority.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
SECRETS=$ROOT/.secrets
ENV_FILE=$ROOT/.env
DAYS=365
ISSUER=https://localhost
AUDIENCE=orderflow
KID=development
TOKEN_S=3600
if [ "${1:-}" = --dir ]; then
  SECRETS=${2:?--dir wants a folder}
  ENV_FILE=$SECRETS/.env
  shift 2
fi

# Containers read single files of this folder, each as a user of its own, so the
# files are open and the folder is closed.
umask 022
mkdir -p "$SECRETS"
chmod 700 "$SECRETS"
SECRETS=$(cd "$SECRETS" && pwd)
cd "$SECRETS"

base64url() { base64 | tr '+/' '-_' | tr -d '=\n'; }

# token CUSTOMER SCOPES
token() {
  local now head body
  now=$(date +%s)
  head=$(printf '{"alg":"RS256","typ":"JWT","kid":"%s"}' "$KID" | base64url)
  body=$(printf '{"iss":"%s","aud":"%s","sub":"%s","customer":"%s","scope":"%s","iat":%d,"nbf":%d,"exp":%d}' \
    "$ISSUER" "$AUDIENCE" "$1" "$1" "$2" "$now" "$now" $((now + TOKEN_S)) | base64url)
  printf '%s.%s.%s\n' "$head" "$body" "$(printf %s "$head.$body" | openssl dgst -sha256 -sign jwt.key -binary | base64url)"
}

secret() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

# certificate NAME COMMON-NAME ALTERNATIVES: signed by our own authority.
certificate() {
  if [ -s "$1.crt" ]; then return; fi
  openssl req -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.csr" -subj "/CN=$2" 2>/dev/null
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days $DAYS -out "$1.crt" \
    -extfile <(printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth\nkeyUsage=digitalSignature,keyEncipherment\nbasicConstraints=CA:FALSE\n' "$3") 2>/dev/null
  rm "$1.csr"
  chmod 644 "$1.key"
}

if [ ! -s ca.crt ]; then
  openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days $DAYS -subj "/CN=orderflow development" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
  chmod 600 ca.key
fi
certificate nginx localhost "DNS:localhost,IP:127.0.0.1"
for n in 1 2 3; do
  # EventStoreDB knows its own nodes by this common name.
  certificate "eventstore-$n" eventstoredb-node "DNS:eventstore-$n,DNS:localhost,IP:127.0.0.1"
done
if [ ! -s jwt.pem ]; then
  (umask 077 && openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out jwt.key 2>/dev/null)
  openssl pkey -in jwt.key -pubout -out jwt.pem
fi
if [ ! -s jwks.json ]; then
  modulus=$(openssl pkey -pubin -in jwt.pem -pubout -outform DER | openssl rsa -pubin -inform DER -noout -modulus 2>/dev/null)
  printf '{"keys":[{"kty":"RSA","use":"sig","alg":"RS256","kid":"%s","n":"%s","e":"AQAB"}]}\n' "$KID" \
    "$(printf %b "$(printf %s "${modulus#Modulus=}" | sed 's/../\\x&/g')" | base64url)" >jwks.json
fi
if [ ! -s private-token ]; then secret >private-token; fi
if [ ! -s alert-webhook ]; then printf 'http://127.0.0.1:9/no-receiver' >alert-webhook; fi

if [ ! -e "$ENV_FILE" ]; then
  (umask 077 && cat >"$ENV_FILE" <<VARIABLES
ORDERFLOW_ENV=development
ORDERFLOW_SECRETS=$SECRETS
ORDERFLOW_PEER_SECRET=$(secret)
ORDERFLOW_SIMULATOR_SECRET=$(secret)
ORDERFLOW_PRIVATE_TOKEN=$(cat private-token)
ORDERFLOW_AUTH_ISSUER=$ISSUER
ORDERFLOW_AUTH_AUDIENCE=$AUDIENCE
ORDERFLOW_CORS_ORIGIN=https://localhost
POSTGRES_PASSWORD=$(secret)
REDIS_PASSWORD=$(secret)
EVENTSTORE_ADMIN_PASSWORD=$(secret)
EVENTSTORE_OPS_PASSWORD=$(secret)
EVENTSTORE_PASSWORD=$(secret)
GRAFANA_ADMIN_PASSWORD=$(secret)
KAFKA_CLUSTER_ID=$(head -c 16 /dev/urandom | base64url)
VARIABLES
  )
fi
if [ "${1:-}" = token ]; then
  token "${2:?which customer?}" "${3:?which scopes?}"
  exit
fi
echo "certificates and keys are in $SECRETS, variables in $ENV_FILE"
