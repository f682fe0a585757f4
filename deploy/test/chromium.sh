#!/bin/sh
# Chromium for the tests of the console, from Debian's package. Prints its path.
set -eu

for name in chromium chromium-browser google-chrome; do
	path=$(command -v "$name" || true)
	[ -z "$path" ] || { echo "$path"; exit 0; }
done
[ "$(id -u)" = 0 ] || { echo "chromium.sh: no Chromium here, and no right to install one" >&2; exit 1; }
apt-get update -qq >&2
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >&2
command -v chromium
