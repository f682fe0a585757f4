// Package pdfium reads PDFs that nobody trusts.
//
// The reader is Google's pdfium, compiled to WebAssembly. It runs in child
// processes of the same program ([Worker]) that a [Pool] keeps warm. What a
// hostile file can reach is bounded three times over:
//
//   - the module has a memory of its own, bounded ([Config.MemoryPages]), no
//     file system, no network, no clock worth the name, and each file gets a
//     fresh instance of it;
//   - the child starts with an empty environment and gives up files, TCP and
//     signals by Landlock, and core files, file growth and data beyond a bound
//     by limits, where the kernel has these (what is missing is logged);
//   - the pool holds the deadline and kills the child when it is over. A child
//     that answered with a crash, or died, is replaced.
//
// So a file can at most waste its deadline in one child. What became of it is
// one of the errors of this package.
//
// A child ends when its standard input does; on Linux the kernel kills it when
// the parent dies. Nothing is left behind.
package pdfium
