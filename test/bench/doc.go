// Package bench measures the pipeline: documents through services that do
// nothing, by way of the real log, runner, coordinator and projections, beside
// a bare pipeline of nats.go consumers in the same process and settings.
//
// A round starts new servers in a new directory, runs some documents to get
// warm, then takes the clock and the processor time of the whole process,
// servers included, until the last document is through and all who follow the
// log have come to its end.
package bench
