#!/bin/sh
# Makes deploy/secrets/: a random password for each server, and empty files for the tokens of the chat services.
# What is there already stays as it is. TELEGRAM_TOKEN and DISCORD_TOKEN are written down when they are set.
set -eu
umask 077
cd "$(dirname "$0")"
mkdir -p secrets

# In the containers each service has a user of its own and must be able to read its files: so the files are open, and
# the folder (mode 700) keeps everybody else on this machine away from them.
keep() {
    chmod 644 "secrets/$1"
}

for name in childface_database_password childface_broker_password grafana_password flower_password; do
    [ -s "secrets/$name" ] || head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n' >"secrets/$name"
    keep "$name"
done

token() {
    if [ -n "$2" ]; then printf '%s' "$2" >"secrets/$1"; fi
    [ -e "secrets/$1" ] || : >"secrets/$1"
    keep "$1"
    [ -s "secrets/$1" ] || echo "put the token into $PWD/secrets/$1 before you start that bot" >&2
}
token telegram_token "${TELEGRAM_TOKEN:-}"
token discord_token "${DISCORD_TOKEN:-}"
