# Shared by the scripts beside it. Sourced, never run.
set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
LOGS="$ROOT/build/logs"

say() { printf '==> %s\n' "$*" >&2; }
die() {
	printf 'error: %s\n' "$*" >&2
	exit 1
}

# HOME may be unset (containers, systemd units): take it from the password file, else the checkout.
if [ -z "${HOME:-}" ]; then
	HOME="$(getent passwd "$(id -u)" | cut -d: -f6 || true)"
	[ -n "$HOME" ] && [ -d "$HOME" ] && [ -w "$HOME" ] || HOME="$ROOT/build/home"
	export HOME
fi
DATA_HOME="${XDG_DATA_HOME:-$HOME/.local/share}/docs-bot"
CACHE_HOME="${XDG_CACHE_HOME:-$HOME/.cache}/docs-bot"
MODELS_DIR="${DOCS_BOT_MODELS_DIR:-$DATA_HOME/models}"

# Runs a command with its output in build/logs/NAME.log; shows the end of the log when it fails.
logged() {
	local name="$1" log="$LOGS/$1.log"
	shift
	mkdir -p "$LOGS"
	if ! "$@" >"$log" 2>&1 </dev/null; then
		tail -n 25 "$log" >&2
		die "$name failed; the whole log is $log"
	fi
}
