# Sourced by ./run and ./test: finds or installs what they need. POSIX sh, from the repository's root.

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
die() { printf 'enroute: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# install_packages WHY PACKAGE...: by apt where that is possible, otherwise ends with what is missing.
install_packages() {
    why=$1
    shift
    have apt-get || die "$why is missing. Please install it (on Debian: $*) and start again."
    if [ "$(id -u)" = 0 ]; then
        as_root='env DEBIAN_FRONTEND=noninteractive'
    elif have sudo; then
        as_root='sudo env DEBIAN_FRONTEND=noninteractive'
    else
        die "$why is missing and needs root to install. Please run: apt-get install $*"
    fi
    say "installing $why: $*"
    if [ -z "${apt_lists_are_fresh:-}" ]; then
        $as_root apt-get update -qq >&2 || die "apt-get update failed, so $why could not be installed."
        apt_lists_are_fresh=yes
    fi
    # Quiet unless it fails: the log of a hundred packages says nothing to someone who wants a demo.
    log=$(mktemp)
    if ! $as_root apt-get install -y -qq --no-install-recommends "$@" >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        die "apt-get could not install $why ($*)."
    fi
    rm -f "$log"
}

python_is_usable() {
    have "$1" && "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    for python in python3 python3.13 python3.12 python3.11 python3.14; do
        if python_is_usable "$python"; then return; fi
    done
    python=
}

need_python() {
    find_python
    if [ -n "$python" ]; then return; fi
    install_packages "Python with venv" python3 python3-venv
    find_python
    if [ -n "$python" ]; then return; fi
    # A release whose default Python is older than 3.11 often carries a newer one beside it.
    for version in 3.13 3.12 3.11; do
        if apt-cache show "python$version-venv" >/dev/null 2>&1; then
            install_packages "Python $version" "python$version" "python$version-venv"
            break
        fi
    done
    find_python
    [ -n "$python" ] || die "Enroute needs Python 3.11 or newer with its venv module; found $(python3 --version 2>&1)."
}

# need_environment LOCKFILE: .venv with exactly that locked set and Enroute itself, editable.
# The stamp ties it to the lock, to this folder (a moved venv is a broken one) and to the interpreter.
need_environment() {
    lock=$1
    need_python
    stamp=.venv/$(basename "$lock").stamp
    place="$(pwd -P) $("$python" -c 'import sys; print(sys.version)')"
    wanted="$(cksum <"$lock") $place"
    if [ -x .venv/bin/enroute ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] &&
        .venv/bin/python -c '' 2>/dev/null; then
        return
    fi
    say "making .venv with $("$python" --version) and the locked packages (about a minute)"
    "$python" -m venv --clear .venv || die "could not make .venv"
    export PIP_DISABLE_PIP_VERSION_CHECK=1
    .venv/bin/python -m pip install --quiet --require-hashes -r "$lock" ||
        die "the locked packages of $lock could not be installed; see pip's message above."
    # The build backend is in the lock, so this step needs no network.
    .venv/bin/python -m pip install --quiet --no-deps --no-build-isolation --no-index --editable . ||
        die "Enroute itself could not be installed into .venv."
    printf '%s\n' "$wanted" >"$stamp"
    # The set for the tests holds all that a run needs, at the same versions.
    if [ "$lock" = .ci/requirements-test.lock ]; then
        printf '%s\n' "$(cksum <.ci/requirements.lock) $place" >.venv/requirements.lock.stamp
    fi
}
