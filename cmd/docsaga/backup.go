package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/archive"
	"github.com/docsaga/docsaga/events/audit"
	"github.com/docsaga/docsaga/events/natslog"
	"github.com/docsaga/docsaga/events/natslog/embedded"
)

func (a *app) backupCommand() *cobra.Command {
	var f auditFlags
	var keys string
	cmd := &cobra.Command{
		Use:   "backup DIR",
		Short: "Save the log, its definitions, files and checkpoints to a directory",
		Long: `Saves the log while the system runs: each shard as it is at one moment, then the
files and definitions that its events name, and the checkpoints of the audit
directory. No database is saved: projections are made again from the log, and a
service's database is that service's to save.

Keys are never in it. --document-keys saves those of the documents, without which
a restored log cannot be read, to a file; keep it apart from the backup, and no
longer than what is forgotten may be remembered.`,
		Example: `  docsaga backup /mnt/backup/monday --nats nats://nats:4222
  docsaga backup /mnt/backup/monday --document-keys /mnt/keys/monday.jsonl`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.connected(cmd.Context(), func(ctx context.Context, sys *system) error {
				m, err := archive.Backup(ctx, sys.log, args[0], f.directory(a), time.Now())
				if err == nil {
					err = a.saveKeys(ctx, sys.log, keys, args[0])
				}
				if err != nil {
					return err
				}
				return printOne(a, m, a.showManifest)
			})
		},
	}
	f.addDir(cmd)
	cmd.Flags().StringVar(&keys, "document-keys", "", "file to save the documents' keys to; not below DIR")
	return cmd
}

func (a *app) showManifest(m archive.Manifest) error {
	var total, bytes uint64
	for i, s := range m.Shards {
		total += s.Last
		_, _ = fmt.Fprintf(a.out, "shard %-3d %8d events  %v\n", i, s.Last, s.Root)
	}
	for _, s := range m.Streams {
		bytes += uint64(s.Size) //nolint:gosec // not negative
	}
	_, err := fmt.Fprintf(a.out, "all       %8d events, %d bytes, %d files of the audit directory\n", total, bytes, len(m.Audit))
	return err
}

func (a *app) restoreCommand() *cobra.Command {
	var f auditFlags
	var keys string
	cmd := &cobra.Command{
		Use:   "restore DIR",
		Short: "Bring a backup back into an empty system",
		Long: `Brings the log of a backup back, byte for byte, into --data, which must be empty,
or onto the server that --nats names, which must have no saga log. Then it reads
it all and compares it with what was saved, and, given the public key, with the
checkpoints. If anything fails, nothing of it is left.

The queues go on where they stood. A service that had done more when the system
was lost does that again, unless its barrier knows it: restore no database that
is older than the backup.

What is sealed can be read again with the keys that were saved with
--document-keys, and with the --master-key that they are wrapped with. Those of
documents that were forgotten are left out.`,
		Example: `  docsaga restore /mnt/backup/monday --data docsaga-data --audit-pub audit.key.pub
  docsaga restore /mnt/backup/monday --nats nats://nats:4222`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.restore(cmd.Context(), args[0], keys, f, cmd.Flags().Changed("nats"))
		},
	}
	f.addDir(cmd)
	cmd.Flags().StringVar(&keys, "document-keys", "", "file with the documents' keys")
	f.addPublic(cmd)
	return cmd
}

func (a *app) restore(ctx context.Context, dir, keys string, f auditFlags, remote bool) error {
	m, err := archive.Open(dir)
	if err != nil {
		return damaged(err)
	}
	place, err := a.emptyPlace(ctx, remote)
	if err != nil {
		return err
	}
	place.keys = keys
	if _, err := os.Stat(f.directory(a)); err == nil && len(m.Audit) > 0 {
		return errors.Join(fmt.Errorf("restore: %s exists: %w", f.directory(a), events.ErrConflict), place.abandon(ctx, nil))
	}
	if err := a.restoreTo(ctx, place, &m, dir, f); err != nil {
		if len(m.Audit) > 0 {
			_ = os.RemoveAll(f.directory(a)) // it was not there before
		}
		return errors.Join(err, place.abandon(ctx, m.Streams))
	}
	if err := place.keep(); err != nil {
		return err
	}
	return printOne(a, m, a.showManifest)
}

// restoreTo brings the backup back and compares it with what was saved.
func (a *app) restoreTo(ctx context.Context, place *place, m *archive.Manifest, dir string, f auditFlags) error {
	err := m.RestoreStreams(dir, func(name string, meta json.RawMessage, r io.Reader) error {
		if err := natslog.RestoreStream(ctx, place.nc, name, meta, r); err != nil {
			return err
		}
		place.made[name] = true
		return nil
	})
	if err != nil {
		return err
	}
	log, err := a.openRestored(ctx, place)
	if err != nil {
		return err
	}
	if err := log.DropSnapshots(ctx); err != nil {
		return err
	}
	if err := m.Compare(ctx, log); err != nil {
		return damaged(err)
	}
	if err := m.RestoreAudit(dir, f.directory(a)); err != nil {
		return err
	}
	if err := a.compareSigned(ctx, log, f); err != nil {
		return err
	}
	// Last of all, so that no service begins on a log that does not hold.
	return log.RestoreQueues(ctx, m.Queues)
}

// openRestored opens a log that was just restored, with the documents' keys if
// there is a file of them.
func (a *app) openRestored(ctx context.Context, p *place) (*natslog.Log, error) {
	stream, err := natslog.ProvisionKeys(ctx, p.nc)
	if err != nil {
		return nil, err
	}
	p.made[stream], p.keyStream = true, stream
	opts, err := a.logOptions()
	if err != nil {
		return nil, err
	}
	log, err := natslog.Open(ctx, p.nc, opts)
	if err != nil {
		return nil, fmt.Errorf("open the saga log: %w", err)
	}
	if p.keys == "" {
		return log, nil
	}
	file, err := os.Open(p.keys)
	if err != nil {
		return nil, fmt.Errorf("--document-keys: %w", err)
	}
	defer file.Close() //nolint:errcheck // only read
	n, err := log.Keys().Restore(ctx, file)
	if err == nil {
		a.say("%d keys of documents are there again", n)
	}
	return log, err
}

// saveKeys saves the documents' keys to a file, if one is named.
func (a *app) saveKeys(ctx context.Context, log *natslog.Log, path, backup string) error {
	if path == "" {
		return nil
	}
	file, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("--document-keys: %w", err)
	}
	dir, err := filepath.Abs(backup)
	if err != nil {
		return fmt.Errorf("--document-keys: %w", err)
	}
	if rel, err := filepath.Rel(dir, file); err == nil && filepath.IsLocal(rel) {
		return usage("--document-keys %s: keys do not belong into the backup of what they open", path)
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("--document-keys: %w", err)
	}
	n, err := log.Keys().Save(ctx, f)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	a.say("%d keys of documents are in %s", n, path)
	return nil
}

func damaged(err error) error {
	if errors.Is(err, archive.ErrDamaged) {
		return coded{code: exitFailed, err: err}
	}
	return err
}

// compareSigned compares the restored log with its checkpoints, if the public
// key is given.
func (a *app) compareSigned(ctx context.Context, log *natslog.Log, f auditFlags) error {
	if f.public == "" {
		a.say("not compared with the checkpoints: give --audit-pub to do so")
		return nil
	}
	ev, err := f.evidence(a)
	if err != nil {
		return err
	}
	ev.Files = log.Files()
	r, err := audit.Verify(ctx, log, log, ev)
	if err != nil {
		return err
	}
	if !r.OK() {
		return coded{code: exitFailed, err: fmt.Errorf("restored is not what was signed: %s: %s, and %d more", r.Findings[0].Where, r.Findings[0].What, len(r.Findings)-1)}
	}
	return nil
}

// A place is an empty server that a backup is brought back to.
type place struct {
	nc     *nats.Conn
	broker *embedded.Server // nil if the server is another process
	dir    string           // where the broker's store is to lie at the end
	made   map[string]bool  // streams
	keys   string           // file with the documents' keys, or empty
	// keyStream is where they go.
	keyStream string
}

// restoring is what a store is called until it is whole.
func (p *place) restoring() string { return p.dir + ".restoring" }

// emptyPlace returns the server of --nats, or one in this process whose store
// becomes that of --data when it is kept.
func (a *app) emptyPlace(ctx context.Context, remote bool) (*place, error) {
	p := &place{made: make(map[string]bool)}
	var err error
	if remote {
		p.nc, err = natslog.Connect(a.settings.nats, natslog.ConnectOptions{
			Name: "docsaga restore", CredentialsFile: a.settings.creds, CAFile: a.settings.ca, InboxPrefix: a.settings.inbox, Logger: a.settings.logger,
		})
		if err != nil {
			return nil, fmt.Errorf("connect to %s: %w", redacted(a.settings.nats), err)
		}
		return p, nil
	}
	p.dir = filepath.Join(orElse(a.settings.data, defaultData), "nats")
	if entries, err := os.ReadDir(p.dir); err == nil && len(entries) > 0 {
		return nil, fmt.Errorf("restore: %s is not empty: %w", p.dir, events.ErrConflict)
	}
	if err := os.RemoveAll(p.restoring()); err != nil { // of one that was killed
		return nil, fmt.Errorf("restore: %w", err)
	}
	p.broker, err = embedded.Start(embedded.Config{Dir: p.restoring(), Durability: natslog.Durability(a.settings.durability), Logger: a.settings.logger})
	if err != nil {
		return nil, fmt.Errorf("restore: start NATS: %w", err)
	}
	if p.nc, err = p.broker.Connect(); err != nil {
		return nil, errors.Join(fmt.Errorf("restore: start NATS: %w", err), p.abandon(ctx, nil))
	}
	return p, nil
}

func (p *place) stop() {
	if p.nc != nil {
		p.nc.Close()
	}
	if p.broker != nil {
		p.broker.Stop()
	}
}

// keep puts the store in its place.
func (p *place) keep() error {
	p.stop()
	if p.broker == nil {
		return nil
	}
	err := os.Remove(p.dir) // it is empty
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	if err == nil {
		err = os.Rename(p.restoring(), p.dir)
	}
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return nil
}

// abandon leaves nothing of what was brought back.
func (p *place) abandon(ctx context.Context, streams []archive.Stream) error {
	if p.broker != nil {
		p.stop()
		return os.RemoveAll(p.restoring())
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	var errs []error
	for _, s := range append(streams, archive.Stream{Name: p.keyStream}) {
		if p.made[s.Name] {
			errs = append(errs, natslog.RemoveStream(ctx, p.nc, s.Name))
		}
	}
	p.stop()
	return errors.Join(errs...)
}
