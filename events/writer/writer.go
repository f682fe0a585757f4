// Package writer names those who write events: which version of the program,
// and which instance of it.
package writer

import (
	"crypto/rand"
	"runtime/debug"
	"strings"
)

// maxVersion is how long a version may be in a name: it stands in every event.
const maxVersion = 16

// New returns the name of a new writer, <version>/<nonce>, which no other has:
// v1.4.0/7QJ3ZK2XW4T6YB5A. What one writer writes carries it in sagaworker.
func New() string { return version() + "/" + rand.Text()[:16] }

// unsealed ends the name of a writer that has looked for the document's key and
// found that it has none.
const unsealed = "~"

// Unsealed returns the name of a writer made by [New] as it stands in an event
// of a document without a key; another name it returns as it is. Such a
// document never gets a key, so who reads the event need not look for one.
func Unsealed(name string) string {
	if !strings.Contains(name, "/") || IsUnsealed(name) {
		return name
	}
	return name + unsealed
}

// IsUnsealed reports whether a writer says that the document has no key.
func IsUnsealed(name string) bool {
	return strings.HasSuffix(name, unsealed) && strings.Contains(name, "/")
}

// version returns the program's version, or the revision that it was built
// from, or "dev".
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "dev"
	}
	revision := ""
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			revision = s.Value
		}
	}
	return short(info.Main.Version, revision)
}

// short returns a version that is short and plain.
func short(version, revision string) string {
	if version != "" && version != "(devel)" && len(version) <= maxVersion {
		return version
	}
	if len(revision) >= 12 {
		return revision[:12]
	}
	return "dev"
}
