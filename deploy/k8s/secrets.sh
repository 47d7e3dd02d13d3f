#!/bin/sh
# Makes every Secret of a new suite, with random values, as YAML:   sh deploy/k8s/secrets.sh | kubectl create -f -
# `create`, so that a second run replaces nothing. Keep a copy of the three key-encryption keys, apart from the databases.
set -eu

random() { openssl rand -base64 32 | tr -d '=\n' | tr +/ -_; }
secret() { printf -- '---\napiVersion: v1\nkind: Secret\nmetadata: {name: %s, namespace: %s}\ntype: %s\nstringData: {%s}\n' "$@"; }

server=${POSTGRES:-watchword-rw.watchword-data:5432}
tls='sslmode=verify-full&sslrootcert=/run/watchword/postgres-ca.crt'

for service in identity token policy; do
  for role in "$service" "${service}_owner"; do
    name=$(printf %s "$role" | sed "s/^$service//; s/_/-/")
    password=$(random)
    secret "$service$name-database" watchword Opaque "dsn: \"postgresql://$role:$password@$server/$service?$tls\""
    secret "role-$service$name" watchword-data kubernetes.io/basic-auth "username: $role, password: \"$password\""
  done
  secret "$service-key-encryption-key" watchword Opaque "key: \"$(random)\""
  password=$(random)
  secret "$service-kafka" watchword Opaque "password: \"$password\""
  secret "kafka-$service" watchword-data Opaque "password: \"$password\""
done
