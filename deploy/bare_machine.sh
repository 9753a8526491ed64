#!/usr/bin/env bash
# Proves the two commands on a bare Debian: a new minimal system in a temporary folder, with make, git and the
# certificates alone, a clone of this checkout's HEAD, and nothing else of this machine but its network.
#
#   deploy/bare_machine.sh run     seconds from `make run` to the first page, Ctrl-C, and the same once more
#   deploy/bare_machine.sh test    `make test`, ending in its summary
#   deploy/bare_machine.sh setup   deploy/setup.sh alone, twice
#
# Needs root, debootstrap and curl. SUITE (bookworm), MIRROR (what debootstrap takes by itself) and PORT (8000) may be
# set. Mounts live in a namespace of their own, so that nothing stays behind however this ends.

set -euo pipefail
checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PORT=${PORT:-8000}

main() {
    case "${1:-}" in
        run | test | setup) ;;
        inside)
            shift
            inside "$@"
            exit
            ;;
        *)
            sed -n '2,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
            exit 2
            ;;
    esac
    [ "$(id -u)" = 0 ] || { echo "A bare machine can only be made by root." >&2 && exit 2; }
    machine=$(mktemp -d /var/tmp/citywide-bare.XXXXXX)
    trap 'rm -rf --one-file-system "$machine"' EXIT
    chmod 755 "$machine"
    make_machine
    unshare --mount --propagation private --pid --fork --kill-child -- \
        "${BASH_SOURCE[0]}" inside "$machine" "$1"
}

make_machine() {
    echo "Making a bare ${SUITE:=bookworm}..."
    debootstrap --variant=minbase --include=make,git,ca-certificates "$SUITE" "$machine" ${MIRROR:+"$MIRROR"} \
        >"$machine.log" 2>&1 || { tail -n 5 "$machine.log" >&2 && exit 1; }
    rm "$machine.log"
    cp -L /etc/resolv.conf /etc/hosts "$machine/etc/"
    # Where a network has a certificate authority of its own, its machines cannot fetch anything without it.
    find /usr/local/share/ca-certificates -name '*.crt' -exec cp -t "$machine/usr/local/share/ca-certificates" {} + \
        2>/dev/null || true
    chroot "$machine" update-ca-certificates >/dev/null 2>&1
    git clone --quiet --no-hardlinks "$checkout" "$machine/srv/citywide"
}

inside() {
    machine=$1
    mount -t proc proc "$machine/proc"
    mount -t tmpfs tmpfs "$machine/dev/shm"
    case "$2" in
        setup)
            timed deploy/setup.sh
            timed deploy/setup.sh
            ;;
        test)
            timed make test
            ;;
        run)
            first_page
            first_page
            ;;
    esac
}

# shellcheck disable=SC2046  # the list of variables is meant to be split
on_machine() {
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb PORT="$PORT" \
        $(way_out) chroot "$machine" /bin/sh -c 'cd /srv/citywide && exec "$@"' sh "$@"
}

way_out() {
    # What this machine must say to get out to its package sources: proxies, and where certificates lie.
    local names='https?_proxy|HTTPS?_PROXY|no_proxy|NO_PROXY|PIP_INDEX_URL|PIP_CERT|NODE_EXTRA_CA_CERTS'
    env | grep -E "^($names)=[^ ]*\$" || true
}

timed() {
    local began=$SECONDS
    on_machine "$@"
    echo "$* took $((SECONDS - began)) s"
}

first_page() {
    local began=$SECONDS program
    if curl --silent --output /dev/null "http://127.0.0.1:$PORT/"; then
        echo "Port $PORT is taken; set PORT to a free one." >&2
        return 1
    fi
    set -m # a job of its own, which Ctrl-C reaches as it would from a terminal
    on_machine make run &
    program=$!
    set +m
    until curl --silent --fail --output /dev/null "http://127.0.0.1:$PORT/"; do
        kill -0 "$program" 2>/dev/null || { echo "make run ended before its first page." >&2 && return 1; }
        sleep 0.2
    done
    echo "First page after $((SECONDS - began)) s"
    kill -INT -- "-$program"
    wait "$program" || true
    if grep -lsx postgres "$machine"/proc/[0-9]*/comm; then
        echo "PostgreSQL is still running after Ctrl-C." >&2
        return 1
    fi
}

main "$@"
