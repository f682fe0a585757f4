package main

import (
	"errors"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/spf13/pflag"

	"github.com/docsaga/docsaga/services/location"
	"github.com/docsaga/docsaga/services/pdfium"
	"github.com/docsaga/docsaga/services/validation"
)

// maxReaderDeadline leaves a step time to read a PDF and to do the rest.
const maxReaderDeadline = time.Minute

// tuning is what the services can be told, beyond where things are.
type tuning struct {
	// location
	fetchOff      bool
	fetchHosts    []string
	fetchPorts    []uint
	fetchNetworks []string
	s3Endpoint    string
	s3Region      string
	s3Buckets     []string
	s3Plain       bool
	s3Credentials string
	// security and parsing
	readers        int
	readerDeadline time.Duration
	readerMemory   uint32
	maxPages       int
	// validation
	rules     []string
	forms     []string
	templates []string
	strict    bool
	// every service
	retries int
	crashes int
}

func (t *tuning) flags(f *pflag.FlagSet) {
	f.BoolVar(&t.fetchOff, "fetch-off", false, "no http and https locations")
	f.StringSliceVar(&t.fetchHosts, "fetch-host", nil, "host that documents may be fetched from; .example.com is all below it (repeatable; default every public host)")
	f.UintSliceVar(&t.fetchPorts, "fetch-port", nil, "port that documents may be fetched from (repeatable; default 80 and 443)")
	f.StringSliceVar(&t.fetchNetworks, "fetch-network", nil, "network that is not public, but allowed, such as 10.1.2.0/24 (repeatable)")
	f.StringVar(&t.s3Endpoint, "s3-endpoint", "", "host[:port] of the storage for s3:// locations, such as s3.eu-central-1.amazonaws.com")
	f.StringVar(&t.s3Region, "s3-region", "", "region of the storage (default us-east-1)")
	f.StringSliceVar(&t.s3Buckets, "s3-bucket", nil, "bucket that documents may be read from (repeatable; default all)")
	f.BoolVar(&t.s3Plain, "s3-plain", false, "speak http to the storage, not https")
	f.StringVar(&t.s3Credentials, "s3-credentials", "", "YAML file with accessKey and secretKey (default AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or else anonymous)")
	f.IntVar(&t.readers, "readers", 0, "child processes that read PDFs, in each process that needs them (default the number of cores)")
	f.DurationVar(&t.readerDeadline, "reader-deadline", 20*time.Second, "how long reading one PDF may take")
	f.Uint32Var(&t.readerMemory, "reader-memory", pdfium.DefaultMemoryPages/16, "MiB of memory that reading one PDF may take")
	f.IntVar(&t.maxPages, "max-pages", 5000, "page limit of a document")
	f.StringSliceVar(&t.rules, "rules", nil, "YAML file with more rules for invoices (repeatable)")
	f.StringSliceVar(&t.forms, "forms", nil, "YAML file with schemas of PDF forms (repeatable)")
	f.StringSliceVar(&t.templates, "templates", nil, "YAML file with templates for the text of known issuers (repeatable)")
	f.IntVar(&t.retries, "retries", 5, "attempts of a visit, where its definition does not say")
	f.IntVar(&t.crashes, "crashes", 3, "deliveries of a visit beyond its retries that may kill their worker, or never return, before it is failed without being run")
	f.BoolVar(&t.strict, "strict", false, "reject an invoice for a broken rule that would only warn")
}

// arguments returns the flags that make another process be told the same.
func (t *tuning) arguments() []string {
	var now tuning
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	now.flags(f)
	now = *t
	var args []string
	f.VisitAll(func(flag *pflag.Flag) {
		value := flag.Value.String()
		if value == flag.DefValue {
			return
		}
		if _, ok := flag.Value.(pflag.SliceValue); ok {
			value = value[1 : len(value)-1] // [a,b]
		}
		args = append(args, "--"+flag.Name+"="+value)
	})
	return args
}

// check returns what is wrong with what the services are told, so that it is
// said before anything is started.
func (s *settings) check() error {
	t := &s.tuning
	_, err := t.web()
	if err == nil {
		_, err = t.s3()
	}
	if err == nil {
		_, err = t.pool()
	}
	if err == nil {
		_, err = t.limits()
	}
	if err == nil {
		_, err = t.checks()
	}
	if err == nil && s.clamd != "" {
		_, _, err = clamdAddress(s.clamd)
	}
	return err
}

// web returns what may be fetched over HTTP.
func (t *tuning) web() (location.Web, error) {
	web := location.Web{Off: t.fetchOff, Hosts: t.fetchHosts}
	for _, port := range t.fetchPorts {
		if port == 0 || port > 65535 {
			return web, usage("--fetch-port %d: want 1 to 65535", port)
		}
		web.Ports = append(web.Ports, uint16(port))
	}
	for _, network := range t.fetchNetworks {
		prefix, err := netip.ParsePrefix(network)
		if err != nil {
			return web, usage("--fetch-network %q: want an address and its length, such as 10.1.2.0/24", network)
		}
		web.Networks = append(web.Networks, prefix.Masked())
	}
	return web, nil
}

// s3 returns the storage of s3 locations, or nil.
func (t *tuning) s3() (*location.S3, error) {
	if t.s3Endpoint == "" {
		return nil, nil
	}
	s3 := &location.S3{
		Endpoint: t.s3Endpoint, Plain: t.s3Plain, Region: t.s3Region, Buckets: t.s3Buckets,
		AccessKey: os.Getenv("AWS_ACCESS_KEY_ID"), SecretKey: os.Getenv("AWS_SECRET_ACCESS_KEY"),
	}
	if t.s3Credentials == "" {
		return s3, nil
	}
	raw, err := os.ReadFile(t.s3Credentials)
	if err != nil {
		return nil, usage("--s3-credentials: %w", err)
	}
	var keys struct {
		AccessKey string `yaml:"accessKey"`
		SecretKey string `yaml:"secretKey"`
	}
	if err := yaml.UnmarshalWithOptions(raw, &keys, yaml.Strict()); err != nil || keys.AccessKey == "" || keys.SecretKey == "" {
		// The error would show the line, which may be the secret.
		return nil, usage("--s3-credentials %s: want YAML with accessKey and secretKey alone", t.s3Credentials)
	}
	s3.AccessKey, s3.SecretKey = keys.AccessKey, keys.SecretKey
	return s3, nil
}

// pool returns how the children that read PDFs are run, but for their command.
func (t *tuning) pool() (pdfium.Config, error) {
	if t.readers < 0 || t.readers > 1000 {
		return pdfium.Config{}, usage("--readers %d: want 1 to 1000, or 0 for the number of cores", t.readers)
	}
	if d := t.readerDeadline; d != 0 && d < time.Second || d > maxReaderDeadline {
		return pdfium.Config{}, usage("--reader-deadline %v: want 1s to %v", t.readerDeadline, maxReaderDeadline)
	}
	if m := t.readerMemory; m != 0 && m < 32 || m > 4096 {
		return pdfium.Config{}, usage("--reader-memory %d: want 32 to 4096 MiB", t.readerMemory)
	}
	conf := pdfium.Config{Size: t.readers, MemoryPages: t.readerMemory * 16, Deadline: t.readerDeadline}
	if conf.Size == 0 {
		conf.Size = runtime.GOMAXPROCS(0)
	}
	return conf, nil
}

// limits returns what is read of a PDF.
func (t *tuning) limits() (pdfium.Limits, error) {
	if t.maxPages < 0 || t.maxPages > 1_000_000 {
		return pdfium.Limits{}, usage("--max-pages %d: want 0 (5000) to 1000000", t.maxPages)
	}
	return pdfium.Limits{Pages: t.maxPages}, nil
}

// checks returns what is checked beyond the built-in rules.
func (t *tuning) checks() (validation.Config, error) {
	conf := validation.Config{Strict: t.strict}
	err := errors.Join(
		each("rules", t.rules, validation.ParseRules, &conf.Rules),
		each("forms", t.forms, validation.ParseForms, &conf.Forms),
		each("templates", t.templates, validation.ParseTemplates, &conf.Templates),
	)
	return conf, err
}

// each parses the files that a flag names and appends what is in them.
func each[T any](flag string, paths []string, parse func([]byte) ([]T, error), to *[]T) error {
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			return usage("--%s: %w", flag, err)
		}
		parsed, err := parse(raw)
		if err != nil {
			return usage("--%s %s: %w", flag, path, err)
		}
		*to = append(*to, parsed...)
	}
	return nil
}

// clamdAddress returns network and address of unix:/path, /path or
// tcp:host:port.
func clamdAddress(s string) (network, address string, err error) {
	if strings.HasPrefix(s, "/") {
		return "unix", s, nil
	}
	network, address, ok := strings.Cut(s, ":")
	if !ok || address == "" || network != "unix" && network != "tcp" {
		return "", "", usage("--clamd %q: want unix:/path or tcp:host:port", s)
	}
	return network, address, nil
}
