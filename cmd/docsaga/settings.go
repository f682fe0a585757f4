package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/docsaga/docsaga/events/admission"
	"github.com/docsaga/docsaga/events/natslog"
)

// settings are what every command can be told.
type settings struct {
	config     string
	nats       string
	creds      string
	ca         string
	inbox      string
	data       string
	output     string
	logLevel   string
	durability string
	shards     int
	replicas   int
	roots      []string
	maxBytes   int64
	records    string
	status     string
	policy     string
	clamd      string
	keys       string
	seal       bool
	otlp       string
	masterKey  string
	maxWaiting uint64
	checked    bool // what is written is as its schema says
	signing    signing
	oidc       oidcSettings
	tuning     tuning
	logger     *slog.Logger

	acceptShorter bool // the log may end before its anchor
}

func (s *settings) flags(f *pflag.FlagSet) {
	f.StringVar(&s.config, "config", "", "YAML file with settings, named as the flags are")
	f.StringVar(&s.nats, "nats", "nats://127.0.0.1:4222", "URL of the NATS server, or several with commas between")
	f.StringVar(&s.creds, "creds", "", "NATS credentials file")
	f.StringVar(&s.ca, "ca", "", "file with the certificates that the NATS server's must chain to")
	f.StringVar(&s.inbox, "inbox-prefix", "", "where answers of the NATS server come, if its permissions say so (default _INBOX)")
	f.StringVar(&s.data, "data", "", "directory of the embedded server and the databases (run: a temporary one; else docsaga-data)")
	f.StringVarP(&s.output, "output", "o", "table", "table, json, jsonl or yaml")
	f.StringVar(&s.logLevel, "log-level", "warn", "debug, info, warn or error")
	f.StringVar(&s.durability, "durability", string(natslog.Strict), "of a new log: strict (each write is on disk before it is acknowledged) or relaxed")
	f.IntVar(&s.shards, "shards", 4, "streams of a new log")
	f.IntVar(&s.replicas, "replicas", 1, "servers that keep a new log")
	f.StringSliceVar(&s.roots, "root", nil, "directory that documents may be read from, for the location service (repeatable)")
	f.Int64Var(&s.maxBytes, "max-bytes", 64<<20, "size limit of a document")
	f.BoolVar(&s.acceptShorter, "accept-shorter-log", false, "start although the log ends before its anchor, as it may after a power cut with relaxed durability")
	f.StringVar(&s.records, "records", "", "database of the records: a file, or postgres://... (default records.db in --data)")
	f.StringVar(&s.status, "status", "", "database of the projections: a file, or postgres://... (default status.db in --data)")
	f.StringVar(&s.policy, "policy", "", "YAML file: what the security service does about each finding")
	f.StringVar(&s.keys, "keys", "", "file with the keys of the HTTP API, a line each, as docsaga key makes them")
	f.Uint64Var(&s.maxWaiting, "max-waiting", admission.DefaultMost, "documents that may wait for one service; more are refused as busy, 0 for never")
	f.BoolVar(&s.checked, "check-events", false, "refuse to write an event that is not as its JSON Schema says")
	f.BoolVar(&s.seal, "seal", false, "give each document that is submitted a key, without which nobody reads it, so that it can be forgotten")
	f.StringVar(&s.otlp, "otlp", "", "URL of an OpenTelemetry collector that takes traces over HTTP, such as http://127.0.0.1:4318 (default that of OTEL_EXPORTER_OTLP_ENDPOINT, else none)")
	f.StringVar(&s.masterKey, "master-key", "", "file with the key that the documents' keys are wrapped with: 32 bytes in base64")
	f.StringVar(&s.clamd, "clamd", "", "address of clamd: unix:/path or tcp:host:port")
	s.signing.flags(f)
	s.oidc.flags(f)
	s.tuning.flags(f)
}

// configure fills in what the flags leave open, and checks it.
func (a *app) configure(cmd *cobra.Command) error {
	s := &a.settings
	if path := orElse(s.config, os.Getenv("DOCSAGA_CONFIG")); path != "" {
		if err := fromFile(cmd.Flags(), path); err != nil {
			return err
		}
	}
	if err := fromEnvironment(cmd.Flags()); err != nil {
		return err
	}
	switch s.output {
	case "table", "json", "jsonl", "yaml":
	default:
		return usage("--output %q: want table, json, jsonl or yaml", s.output)
	}
	switch natslog.Durability(s.durability) {
	case natslog.Strict, natslog.Relaxed:
	default:
		return usage("--durability %q: want strict or relaxed", s.durability)
	}
	if err := s.numbers(); err != nil {
		return err
	}
	if s.signing.required && s.signing.signers == "" {
		return usage("--require-signed: say with --signers whose signatures are trusted")
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.logLevel)); err != nil {
		return usage("--log-level %q: want debug, info, warn or error", s.logLevel)
	}
	s.logger = slog.New(slog.NewTextHandler(a.errOut, &slog.HandlerOptions{Level: level}))
	slog.SetDefault(s.logger)
	a.who.command = cmd.CommandPath()
	return a.trace(cmd.Context())
}

// numbers checks the settings that are one. What the services are told of
// reading PDFs is checked where it is used.
func (s *settings) numbers() error {
	for _, n := range []struct {
		flag        string
		value       int64
		least, most int64
	}{
		{"shards", int64(s.shards), 1, natslog.MaxShards},
		{"replicas", int64(s.replicas), 1, maxReplicas},
		{"max-bytes", s.maxBytes, 1, 1 << 40},
		{"retries", int64(s.tuning.retries), 1, 1_000_000},
		{"crashes", int64(s.tuning.crashes), 1, 1_000_000},
	} {
		if n.value < n.least || n.value > n.most {
			return usage("--%s %d: want %d to %d", n.flag, n.value, n.least, n.most)
		}
	}
	return nil
}

// maxReplicas is how many servers JetStream keeps a stream on at most.
const maxReplicas = 5

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// fromEnvironment sets the flags that were not given from DOCSAGA_<FLAG>.
func fromEnvironment(f *pflag.FlagSet) error {
	var errs []error
	f.VisitAll(func(flag *pflag.Flag) {
		name := "DOCSAGA_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
		value, ok := os.LookupEnv(name)
		if !ok || givenByUser(f, flag.Name) {
			return
		}
		if err := f.Set(flag.Name, value); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	})
	if err := errors.Join(errs...); err != nil {
		return usage("%w", err)
	}
	return nil
}

// fromFile sets the flags that were not given from a YAML file. The
// environment is read later and goes before it.
func fromFile(f *pflag.FlagSet, path string) error {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return usage("--config %s: there is no such file", path)
	}
	if err != nil {
		return fmt.Errorf("--config: %w", err)
	}
	var values map[string]any
	if err := yaml.Unmarshal(raw, &values); err != nil {
		return usage("--config %s: %w", path, err)
	}
	for name, value := range values {
		flag := f.Lookup(name)
		if flag == nil {
			continue // it may be another command's
		}
		if flag.Changed {
			continue
		}
		texts := []string{fmt.Sprint(value)}
		if list, ok := value.([]any); ok {
			texts = nil
			for _, v := range list {
				texts = append(texts, fmt.Sprint(v))
			}
		}
		if err := f.Set(name, strings.Join(texts, ",")); err != nil {
			return usage("--config %s: %s: %w", path, name, err)
		}
		_ = f.SetAnnotation(name, fromFileMark, []string{"true"})
	}
	return nil
}

const fromFileMark = "docsaga-from-file"

func givenByUser(f *pflag.FlagSet, name string) bool {
	flag := f.Lookup(name)
	return flag.Changed && flag.Annotations[fromFileMark] == nil
}
