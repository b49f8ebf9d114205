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

# Built with profile-guided optimisation? Other builds, pyenv's among them unless told otherwise, need a quarter more CPU
# for each update. A distribution's own (prefix /usr) has it, though Debian's does not tell.
python_is_optimised() {
    "$1" -c '
import sys, sysconfig
flags = " ".join(str(sysconfig.get_config_var(name)) for name in ("CONFIG_ARGS", "PY_CORE_CFLAGS"))
sys.exit(not (sys.base_prefix == "/usr" or "--enable-optimizations" in flags or "-fprofile-use" in flags))
' >/dev/null 2>&1
}

distribution_bin=/usr/bin

find_python() {
    for python in python3 python3.13 python3.12 python3.11 python3.14; do
        if python_is_usable "$python"; then
            prefer_optimised_python
            return
        fi
    done
    python=
}

# Instead of a slow build that comes first on PATH: the distribution's own, where it is new enough.
prefer_optimised_python() {
    python_is_optimised "$python" && return
    add_venv_to_distribution_python
    for other in python3 python3.13 python3.12 python3.11 python3.14; do
        other=$distribution_bin/$other
        if python_is_usable "$other" && python_is_optimised "$other"; then
            python=$other
            return
        fi
    done
}

# Debian keeps venv in a package of its own. Only root gets it for speed's sake, once: nothing depends on it.
add_venv_to_distribution_python() {
    if [ -e .venv ] || ! have apt-get || [ "$(id -u)" != 0 ]; then return; fi
    own=$distribution_bin/python3
    if have "$own" && ! python_is_usable "$own" &&
        "$own" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
        (install_packages "venv for the faster Python of this system" python3-venv) || :
    fi
}

need_python() {
    if [ -n "${python:-}" ]; then return; fi
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
    make_environment "$1"
    compile_core
}

# The hot core of the tracker as machine code, where there are a C compiler and Python's headers. Nothing depends on it.
compile_core() {
    .venv/bin/enroute compile --where-possible || :
}

make_environment() {
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

# Without them the core is not compiled, and its tests have nothing to test.
need_python_headers() {
    need_python
    if "$python" -c '
import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))
' >/dev/null 2>&1; then return; fi
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    install_packages "Python's headers" "python$version-dev"
}
