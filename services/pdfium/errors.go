package pdfium

import "errors"

// What became of a file that gave no report. The first group is about the
// file and comes again with every try; the second is about this process.
var (
	// ErrUnreadable reports that pdfium does not take the bytes for a PDF.
	ErrUnreadable = errors.New("pdfium: not a PDF that can be read")
	// ErrPassword reports that the file opens only with a password.
	ErrPassword = errors.New("pdfium: a password is needed")
	// ErrEncryption reports an encryption that is broken, or of a kind that
	// pdfium does not know.
	ErrEncryption = errors.New("pdfium: unsupported encryption")
	// ErrTimeout reports that reading the file took longer than the deadline.
	ErrTimeout = errors.New("pdfium: deadline exceeded while reading the file")
	// ErrMemory reports that reading the file took more memory than allowed.
	ErrMemory = errors.New("pdfium: memory limit reached while reading the file")
	// ErrTooManyPages reports more pages than the limit.
	ErrTooManyPages = errors.New("pdfium: too many pages")
	// ErrTooLarge reports a file or an answer that is over the size that
	// travels between the processes.
	ErrTooLarge = errors.New("pdfium: file or answer too large")
	// ErrCrashed reports that the child process died of the file.
	ErrCrashed = errors.New("pdfium: the child process died while reading the file")

	// ErrStopped reports that the pool does not run, or no longer.
	ErrStopped = errors.New("pdfium: the pool has stopped")
)

// codes are the wire names of the errors that a child reports.
func codes() map[string]error {
	return map[string]error{
		"unreadable":     ErrUnreadable,
		"password":       ErrPassword,
		"encryption":     ErrEncryption,
		"memory":         ErrMemory,
		"too-many-pages": ErrTooManyPages,
		"too-large":      ErrTooLarge,
		"crashed":        ErrCrashed,
	}
}

// codeOf returns the wire name of err.
func codeOf(err error) string {
	for code, known := range codes() {
		if errors.Is(err, known) {
			return code
		}
	}
	return "crashed"
}
