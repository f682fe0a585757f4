package main

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/docsaga/docsaga/events/feed"
	"github.com/docsaga/docsaga/projections"
	"github.com/docsaga/docsaga/projections/sqlstore"
	"github.com/docsaga/docsaga/services/location"
	"github.com/docsaga/docsaga/services/parsing"
	"github.com/docsaga/docsaga/services/pdfium"
	"github.com/docsaga/docsaga/services/records"
	"github.com/docsaga/docsaga/services/runner"
	"github.com/docsaga/docsaga/services/security"
	"github.com/docsaga/docsaga/services/validation"
)

// defaultDefinition is the name of the built-in flow.
const defaultDefinition = "pdf-validation"

//go:embed definitions/pdf-validation.bpmn
var definitions embed.FS

// drawing returns the BPMN of a file, or of the built-in flow.
func drawing(path string) ([]byte, error) {
	if path == "" {
		drawn, err := definitions.ReadFile("definitions/" + defaultDefinition + ".bpmn")
		if err != nil {
			return nil, fmt.Errorf("built-in definition: %w", err)
		}
		return drawn, nil
	}
	abs, err := checkFile(path)
	if err != nil {
		return nil, err
	}
	drawn, err := os.ReadFile(abs)
	if err != nil {
		return nil, fmt.Errorf("definition: %w", err)
	}
	return drawn, nil
}

// serviceNames returns the services that this binary can host.
func serviceNames() []string {
	return []string{"location", "security", "parsing", "validation", "records"}
}

// everything returns all that there is, in one process.
func everything() parts {
	return parts{services: serviceNames(), coordinator: true, projections: true}
}

// A hosted is what a process runs for a part, and releases after it.
type hosted struct {
	run     []func(context.Context) error
	release func()
}

// service returns what the named service needs to run.
func (s *system) service(ctx context.Context, name string) (hosted, error) {
	h, conf, part, err := s.handler(ctx, name)
	if err != nil {
		return part, fmt.Errorf("service %s: %w", name, err)
	}
	conf.Tracer = s.app.tracer
	conf.Logger, conf.Retries, conf.Crashes = s.app.settings.logger, s.app.settings.tuning.retries, s.app.settings.tuning.crashes
	r, err := runner.New(name, h, s.log, s.catalog, conf)
	if err != nil {
		return part, fmt.Errorf("service %s: %w", name, err)
	}
	part.run = append(part.run, r.Run)
	return part, nil
}

// handler returns the handler of a service, how it is run, and what must run
// beside it.
func (s *system) handler(ctx context.Context, name string) (h runner.Handler, conf runner.Config, part hosted, err error) {
	part.release = func() {}
	switch name {
	case "location":
		conf.Concurrency = 16
		h, err = s.location()
	case "security":
		conf = s.heavy()
		conf.Timeout += clamdWait
		h, err = s.security(&part)
	case "parsing":
		conf = s.heavy()
		h, err = s.parsing(&part)
	case "validation", "records":
		conf.Concurrency = 8
		store, err := records.Open(ctx, s.recordsURL())
		if err != nil {
			return nil, conf, part, err
		}
		part.release = func() { _ = store.Close() }
		if name == "records" {
			return records.New(store, s.log.Files()), conf, part, nil
		}
		checks, err := s.app.settings.tuning.checks()
		if err != nil {
			return nil, conf, part, err
		}
		checks.Ledger = store
		h, err = validation.New(checks, s.log.Files())
		return h, conf, part, err
	default:
		err = usage("there is no service %q; this binary has %s", name, strings.Join(serviceNames(), ", "))
	}
	return h, conf, part, err
}

// clamdWait is how long an attempt waits for a clamd that is down.
const clamdWait = 3 * time.Minute

// heavy returns how a service is run whose every visit takes a core.
func (s *system) heavy() runner.Config {
	return runner.Config{Concurrency: runtime.GOMAXPROCS(0), Timeout: 90*time.Second + 2*s.app.settings.tuning.readerDeadline}
}

func (s *system) location() (*location.Handler, error) {
	set := &s.app.settings
	web, err := set.tuning.web()
	if err != nil {
		return nil, err
	}
	s3, err := set.tuning.s3()
	if err != nil {
		return nil, err
	}
	return location.New(location.Config{Roots: set.roots, MaxBytes: set.maxBytes, Web: web, S3: s3}, s.log.Files())
}

func (s *system) security(part *hosted) (*security.Handler, error) {
	policy, clamd, err := s.protection()
	if err != nil {
		return nil, err
	}
	limits, err := s.app.settings.tuning.limits()
	if err != nil {
		return nil, err
	}
	pool, err := s.readers(part)
	if err != nil {
		return nil, err
	}
	return security.New(security.Config{
		MaxSize: s.app.settings.maxBytes, Policy: policy, Clamd: clamd, Reading: limits,
	}, s.log.Files(), pool)
}

func (s *system) parsing(part *hosted) (*parsing.Handler, error) {
	limits, err := s.app.settings.tuning.limits()
	if err != nil {
		return nil, err
	}
	pool, err := s.readers(part)
	if err != nil {
		return nil, err
	}
	return parsing.New(parsing.Config{MaxSize: s.app.settings.maxBytes, Limits: limits}, s.log.Files(), pool)
}

// protection returns the policy and the virus scanner that the settings name.
func (s *system) protection() (security.Policy, security.Clamd, error) {
	var policy security.Policy
	if path := s.app.settings.policy; path != "" {
		raw, err := os.ReadFile(path)
		if err != nil {
			return nil, security.Clamd{}, fmt.Errorf("--policy: %w", err)
		}
		if err := yaml.Unmarshal(raw, &policy); err != nil {
			return nil, security.Clamd{}, usage("--policy %s: %w", path, err)
		}
	}
	if s.app.settings.clamd == "" {
		return policy, security.Clamd{}, nil
	}
	network, address, err := clamdAddress(s.app.settings.clamd)
	return policy, security.Clamd{Network: network, Address: address, Wait: clamdWait}, err
}

// readers returns the process's pool of children that read PDFs. The part that
// asks first runs it.
func (s *system) readers(part *hosted) (*pdfium.Pool, error) {
	if s.pool != nil {
		return s.pool, nil
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	conf, err := s.app.settings.tuning.pool()
	if err != nil {
		return nil, err
	}
	conf.Command = []string{self, pdfium.WorkerCommand}
	conf.CacheDir, conf.Log = filepath.Join(cache, "docsaga", "wazero"), s.app.settings.logger
	s.pool, err = pdfium.New(conf)
	if err != nil {
		return nil, err
	}
	part.run = append(part.run, s.pool.Run)
	return s.pool, nil
}

func (s *system) recordsURL() string {
	return orElse(s.app.settings.records, filepath.Join(s.dir, "records.db"))
}

func (s *system) statusURL() string {
	return orElse(s.app.settings.status, filepath.Join(s.dir, "status.db"))
}

// projected returns the readers that keep the projections and, if there is an
// address for it, feed the HTTP API that answers from them.
func (s *system) projected(ctx context.Context, addr string) (hosted, []feed.Reader, error) {
	part := hosted{release: func() {}}
	store, err := sqlstore.Open(ctx, s.statusURL())
	if err != nil {
		return part, nil, fmt.Errorf("projections: %w", err)
	}
	part.release = func() { _ = store.Close() }
	projector := projections.New(store, s.catalog)
	if addr == "" {
		return part, []feed.Reader{feed.InOrder(projector, projector.Resting())}, nil
	}
	web, hub, err := s.web(ctx, addr, store, projector)
	part.run = web.run
	part.release = func() {
		web.release()
		_ = store.Close()
	}
	return part, []feed.Reader{feed.InOrder(projector, hub, projector.Resting())}, err
}

// addRecord gives a report the record that the document became, if it can be
// reached from here.
func (s *system) addRecord(ctx context.Context, r *report) error {
	if _, err := os.Stat(s.recordsURL()); err != nil && !isURL(s.recordsURL()) {
		return nil
	}
	store, err := records.Open(ctx, s.recordsURL())
	if err != nil {
		return fmt.Errorf("records: %w", err)
	}
	defer store.Close() //nolint:errcheck // only read
	record, err := store.Get(ctx, r.Document)
	if errors.Is(err, records.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("records: %w", err)
	}
	if r.Record, err = json.Marshal(record); err != nil {
		return fmt.Errorf("records: %w", err)
	}
	return nil
}

// redacted returns a URL without what must not be shown.
func redacted(servers string) string {
	list := strings.Split(servers, ",")
	for i := range list {
		if u, err := url.Parse(list[i]); err == nil {
			list[i] = u.Redacted()
		}
	}
	return strings.Join(list, ",")
}
