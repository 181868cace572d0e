#!/bin/sh
# Fills kong.yml in and starts Kong. Arguments: where the template, the key and
# the result are; the image's own places if there are none.
set -eu
template=${1:-/etc/kong/kong.yml}
key=${2:-/run/secrets/jwt.pem}
filled=${3:-/tmp/kong.yml}

: "${JWT_ISSUER:?the iss of the tokens}" "${CORS_ORIGIN:?the origin of the pages}"
case "$JWT_ISSUER$CORS_ORIGIN" in
  *[!A-Za-z0-9:/._~-]*) echo "kong: the issuer and the origin are addresses without quotes and spaces" >&2; exit 1 ;;
esac

umask 077
while IFS= read -r line; do
  case $line in
    *@JWT_PUBLIC_KEY@*)
      indent=${line%%@*}
      while IFS= read -r part || [ -n "$part" ]; do printf '%s%s\n' "$indent" "$part"; done <"$key"
      ;;
    *@JWT_ISSUER@*) printf '%s%s%s\n' "${line%%@*}" "$JWT_ISSUER" "${line##*@}" ;;
    *@CORS_ORIGIN@*) printf '%s%s%s\n' "${line%%@*}" "$CORS_ORIGIN" "${line##*@}" ;;
    *) printf '%s\n' "$line" ;;
  esac
done <"$template" >"$filled"

[ -n "${3:-}" ] || exec /docker-entrypoint.sh kong docker-start
