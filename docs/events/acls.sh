#!/bin/sh
# Makes the topics of a suite, and lets in whom they are for: each service writes its own log, and nobody another's.
#
#   BOOTSTRAP=kafka-0.example.org:9092 CONFIG=admin.properties sh acls.sh
#
# Runs Kafka's own kafka-topics.sh and kafka-acls.sh; twice is once. The brokers need an authorizer, and
# allow.everyone.if.no.acl.found=false. Principals are User:watchword-identity and so on; for certificates set
# AS='User:CN=watchword-', for readers besides SIEM='User:siem User:…'.
set -eu
: "${BOOTSTRAP:?the brokers, HOST:PORT}" "${CONFIG:=}" "${PREFIX:=watchword}" "${AS:=User:watchword-}" "${SIEM:=User:siem}"
: "${REPLICAS:=3}" "${IN_SYNC:=2}" "${RETENTION_DAYS:=7}"

kafka() {
    command=$1
    shift
    "$command" --bootstrap-server "$BOOTSTRAP" ${CONFIG:+--command-config "$CONFIG"} "$@"
}

topic() {
    kafka kafka-topics.sh --create --if-not-exists --topic "$PREFIX.$1.events.v1" \
        --partitions 1 --replication-factor "$REPLICAS" --config "min.insync.replicas=$IN_SYNC" \
        --config cleanup.policy=delete --config "retention.ms=$((RETENTION_DAYS * 86400000))" \
        --config max.message.bytes=8388608
}

relay() {
    kafka kafka-acls.sh --add --allow-principal "$AS$1" --topic "$PREFIX.$1.events.v1" \
        --operation Write --operation Read --operation Describe --operation DescribeConfigs
}

reader() {
    kafka kafka-acls.sh --add --allow-principal "$1" --topic "$PREFIX.$2.events.v1" --operation Read --operation Describe
}

for log in identity token policy; do
    topic "$log"
    relay "$log"
    for one in $SIEM; do
        reader "$one" "$log"
    done
done
reader "${AS}identity" token
reader "${AS}token" identity
reader "${AS}policy" identity
reader "${AS}policy" token
