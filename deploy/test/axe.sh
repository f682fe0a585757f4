#!/bin/sh
# axe-core for the tests of the console, from the npm registry. Checks what was
# fetched, and prints the path of axe.min.js.
set -eu

version=4.14.1
sha512=1477dafa598d8d065f273d6af302aa203c02e83131707b7fa648cd41bd3d6b734f8c22a0dab86ee6a6f64b8afbe804b214d36db85a2826965edfb3a0b9d546b5

dir=${XDG_CACHE_HOME:-$HOME/.cache}/docsaga-test/axe-core-$version
if [ ! -f "$dir/axe.min.js" ]; then
	command -v npm >/dev/null || {
		[ "$(id -u)" = 0 ] || { echo "axe.sh: no npm here, and no right to install it" >&2; exit 1; }
		apt-get update -qq >&2
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends npm >&2
	}
	mkdir -p "$dir"
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	npm pack --silent --pack-destination "$work" "axe-core@$version" >&2
	echo "$sha512  $work/axe-core-$version.tgz" | sha512sum --check --quiet >&2
	tar -xzf "$work/axe-core-$version.tgz" -C "$work" package/axe.min.js package/LICENSE
	mv "$work/package/LICENSE" "$work/package/axe.min.js" "$dir/"
fi
echo "$dir/axe.min.js"
