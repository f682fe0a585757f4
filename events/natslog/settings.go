package natslog

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/docsaga/docsaga/events"
)

const (
	filesStream       = "DOCSAGA_FILES"
	noticesStream     = "DOCSAGA_NOTICES"
	keysStream        = "DOCSAGA_KEYS"
	filesRoot         = "docsaga-files"
	keysRoot          = "docsaga-keys"
	definitionsBucket = "DOCSAGA_definitions"
	queuesBucket      = "DOCSAGA_queues"
	leasesBucket      = "DOCSAGA_leases"
	claimsBucket      = "DOCSAGA_claims"

	metaLayout     = "docsaga.layout"
	metaShards     = "docsaga.shards"
	metaDurability = "docsaga.durability"
	// metaRemoved is how many messages were taken out of a shard after they
	// were archived. It is said there for who reads the files of a server.
	metaRemoved = "docsaga.removed"
	// metaReplicas is how many replicas a shard was provisioned with, if
	// more than one. It may have more, if an administrator wants.
	metaReplicas = "docsaga.replicas"
	layout       = "1"
)

var (
	// ErrNotProvisioned reports that the server has no saga log.
	ErrNotProvisioned = errors.New("no saga log on this server: run `docsaga provision`")
	// ErrDrift reports a stream whose settings are not those of the saga log.
	// Until an administrator has set them right, the log's promises may not hold.
	ErrDrift = errors.New("stream settings have drifted")
)

// A Durability says when the server syncs what it has stored to disk.
type Durability string

// The durabilities.
const (
	// Strict syncs before each acknowledgement: nothing acknowledged is lost
	// to a power cut. The server must run with sync_interval: always.
	Strict Durability = "strict"
	// Relaxed leaves the sync to the server's own interval.
	Relaxed Durability = "relaxed"
)

// MaxShards is the greatest number of shards: one partition each.
const MaxShards = events.Partitions

// Config says what kind of log [Provision] makes. The zero Config is a good one.
type Config struct {
	Shards     int        // 1 to [MaxShards]; default 4
	Replicas   int        // 1, 3 or 5; default 1
	Durability Durability // default [Strict]
}

func (c Config) withDefaults() (Config, error) {
	if c.Shards == 0 {
		c.Shards = 4
	}
	if c.Replicas == 0 {
		c.Replicas = 1
	}
	if c.Durability == "" {
		c.Durability = Strict
	}
	switch {
	case c.Shards < 1 || c.Shards > MaxShards:
		return c, fmt.Errorf("natslog: %d shards: want 1 to %d", c.Shards, MaxShards)
	case c.Replicas != 1 && c.Replicas != 3 && c.Replicas != 5:
		return c, fmt.Errorf("natslog: %d replicas: want 1, 3 or 5", c.Replicas)
	case c.Durability != Strict && c.Durability != Relaxed:
		return c, fmt.Errorf("natslog: durability %q: want %s or %s", c.Durability, Strict, Relaxed)
	}
	return c, nil
}

func shardName(shard int) string { return "DOCSAGA_" + strconv.Itoa(shard) }

// shardStream returns the settings of a shard's stream.
func (c Config) shardStream(shard int) jetstream.StreamConfig {
	var subjects []string
	for p := shard; p < events.Partitions; p += c.Shards {
		subjects = append(subjects, fmt.Sprintf("%s.%02d.>", events.SubjectRoot, p))
	}
	metadata := map[string]string{
		metaLayout: layout, metaShards: strconv.Itoa(c.Shards), metaDurability: string(c.Durability),
	}
	if c.Replicas > 1 {
		metadata[metaReplicas] = strconv.Itoa(c.Replicas)
	}
	return jetstream.StreamConfig{
		Name:        shardName(shard),
		Description: "docsaga: saga log, one message a subject for ever",
		Subjects:    subjects,
		Storage:     jetstream.FileStorage, Retention: jetstream.LimitsPolicy,
		MaxMsgs: -1, MaxBytes: -1, MaxConsumers: -1, MaxMsgSize: -1,
		MaxMsgsPerSubject: 1, Discard: jetstream.DiscardNew, DiscardNewPerSubject: true,
		DenyDelete: true, DenyPurge: true, AllowAtomicPublish: true,
		Duplicates: 2 * time.Minute, Replicas: c.Replicas,
		Metadata: metadata,
	}
}

func (c Config) filesStream() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: filesStream, Description: "docsaga: files, by document and step",
		Subjects: []string{filesRoot + ".>"},
		Storage:  jetstream.FileStorage, Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardNew,
		MaxMsgs: -1, MaxBytes: -1, MaxConsumers: -1, MaxMsgSize: -1, MaxMsgsPerSubject: -1,
		Duplicates: 2 * time.Minute, AllowDirect: true, Replicas: c.Replicas,
		Metadata: map[string]string{metaLayout: layout},
	}
}

// Provision makes the streams and buckets of a saga log on nc's server. What
// exists already is compared and left alone; an error that wraps [ErrDrift]
// says what differs. It needs the right to make streams, which no running
// service should have.
func Provision(ctx context.Context, nc *nats.Conn, conf Config) error {
	conf, err := conf.withDefaults()
	if err != nil {
		return err
	}
	js, err := jetstream.New(nc)
	if err != nil {
		return fmt.Errorf("natslog: provision: %w", err)
	}
	// The streams first looked at are those of another shard count, if there
	// are any: their subjects would overlap.
	found, err := discover(ctx, js)
	if err != nil && !errors.Is(err, ErrNotProvisioned) {
		return fmt.Errorf("natslog: provision: %w", err)
	}
	if err == nil && found.Shards != conf.Shards {
		return fmt.Errorf("natslog: provision: the log has %d shards, not %d; they cannot be changed: %w", found.Shards, conf.Shards, ErrDrift)
	}
	if err := checkWhole(ctx, js, conf.Shards); err != nil {
		return fmt.Errorf("natslog: provision: %w", err)
	}
	for shard := range conf.Shards {
		if err := provisionStream(ctx, js, conf.shardStream(shard)); err != nil {
			return err
		}
	}
	for _, stream := range []jetstream.StreamConfig{conf.filesStream(), conf.noticesStream(), conf.keysStream()} {
		if err := provisionStream(ctx, js, stream); err != nil {
			return err
		}
	}
	return provisionBuckets(ctx, js, conf.Replicas)
}

// checkWhole returns an error if a shard is missing although another has
// messages: made anew it would be empty.
func checkWhole(ctx context.Context, js jetstream.JetStream, shards int) error {
	var missing []string
	used := false
	for shard := range shards {
		info, err := streamInfo(ctx, js, shardName(shard))
		switch {
		case errors.Is(err, jetstream.ErrStreamNotFound):
			missing = append(missing, shardName(shard))
		case err != nil:
			return err
		default:
			used = used || info.State.LastSeq > 0
		}
	}
	if used && len(missing) > 0 {
		return fmt.Errorf("stream %s is missing, and others hold messages: finish what was interrupted, or restore a backup: %w", strings.Join(missing, ", "), ErrDrift)
	}
	return nil
}

// buckets returns the settings of the buckets.
func buckets(replicas int) []jetstream.KeyValueConfig {
	list := []jetstream.KeyValueConfig{
		{Bucket: definitionsBucket, Description: "docsaga: definitions, BPMN XML", LimitMarkerTTL: time.Hour},
		{Bucket: queuesBucket, Description: "docsaga: filters of the queues", LimitMarkerTTL: time.Hour},
		{Bucket: leasesBucket, Description: "docsaga: which coordinator has which shard", TTL: LeaseTTL},
		{Bucket: claimsBucket, Description: "docsaga: who has claimed which task", LimitMarkerTTL: time.Hour},
	}
	for i := range list {
		list[i].History, list[i].Storage, list[i].Replicas = 1, jetstream.FileStorage, replicas
	}
	return list
}

func provisionBuckets(ctx context.Context, js jetstream.JetStream, replicas int) error {
	for _, conf := range buckets(replicas) {
		err := retry(ctx, func(ctx context.Context) error {
			_, err := js.KeyValue(ctx, conf.Bucket)
			if errors.Is(err, jetstream.ErrBucketNotFound) {
				_, err = js.CreateKeyValue(ctx, conf)
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("natslog: provision bucket %s: %w", conf.Bucket, err)
		}
		if err := checkBucket(ctx, js, conf); err != nil {
			return err
		}
	}
	return nil
}

func provisionStream(ctx context.Context, js jetstream.JetStream, want jetstream.StreamConfig) error {
	var found jetstream.StreamConfig
	err := retry(ctx, func(ctx context.Context) error {
		stream, err := js.Stream(ctx, want.Name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			stream, err = js.CreateStream(ctx, want)
		}
		if err == nil {
			found = stream.CachedInfo().Config
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("natslog: provision stream %s: %w", want.Name, err)
	}
	return compare(want, found)
}

// discover reads from the first shard which kind of log the server has.
func discover(ctx context.Context, js jetstream.JetStream) (Config, error) {
	info, err := streamInfo(ctx, js, shardName(0))
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return Config{}, ErrNotProvisioned
	}
	if err != nil {
		return Config{}, err
	}
	found := info.Config
	if v := found.Metadata[metaLayout]; v != layout {
		return Config{}, fmt.Errorf("stream %s: layout %q, this program knows %q: %w", found.Name, v, layout, ErrDrift)
	}
	shards, err := strconv.Atoi(found.Metadata[metaShards])
	if err != nil || shards < 1 || shards > MaxShards {
		return Config{}, fmt.Errorf("stream %s: metadata %s is %q: %w", found.Name, metaShards, found.Metadata[metaShards], ErrDrift)
	}
	conf := Config{Shards: shards, Replicas: found.Replicas, Durability: Durability(found.Metadata[metaDurability])}
	if provisioned, err := strconv.Atoi(found.Metadata[metaReplicas]); err == nil { // a log of before it was noted has none
		conf.Replicas = max(conf.Replicas, provisioned)
	}
	return conf.withDefaults()
}

// CheckSettings compares every stream with what it must be. The error wraps
// [ErrDrift] and names stream, setting, what is wanted and what was found.
func (l *Log) CheckSettings(ctx context.Context) error {
	var all []error
	wants := []jetstream.StreamConfig{l.conf.filesStream(), l.conf.noticesStream(), l.conf.keysStream()}
	for shard := range l.conf.Shards {
		wants = append(wants, l.conf.shardStream(shard))
	}
	for _, want := range wants {
		info, err := streamInfo(ctx, l.js, want.Name)
		switch {
		case errors.Is(err, jetstream.ErrStreamNotFound) && (want.Name == noticesStream || want.Name == keysStream): // a log of before there were any
		case errors.Is(err, jetstream.ErrStreamNotFound):
			all = append(all, fmt.Errorf("natslog: stream %s is missing: %w", want.Name, ErrDrift))
		case err != nil:
			return fmt.Errorf("natslog: settings of stream %s: %w", want.Name, err)
		default:
			all = append(all, compare(want, info.Config))
		}
	}
	for _, want := range buckets(l.conf.Replicas) {
		all = append(all, checkBucket(ctx, l.js, want))
	}
	return errors.Join(all...)
}

// checkBucket compares what a bucket's promises rest on. Whether it is there is
// said where it is opened.
func checkBucket(ctx context.Context, js jetstream.JetStream, want jetstream.KeyValueConfig) error {
	name := "KV_" + want.Bucket
	info, err := streamInfo(ctx, js, name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("natslog: settings of bucket %s: %w", want.Bucket, err)
	}
	got := info.Config
	var all []error
	for _, setting := range []struct {
		name        string
		want, found any
	}{
		{"Storage", want.Storage, got.Storage},
		{"MaxMsgsPerSubject", int64(want.History), got.MaxMsgsPerSubject},
		{"MaxAge", want.TTL, got.MaxAge},
		{"MaxMsgs", int64(-1), got.MaxMsgs},
		{"MaxBytes", int64(-1), got.MaxBytes},
		{"Discard", jetstream.DiscardNew, got.Discard},
		{"SubjectDeleteMarkerTTL", want.LimitMarkerTTL, got.SubjectDeleteMarkerTTL},
		{"AllowMsgTTL", want.LimitMarkerTTL > 0, got.AllowMsgTTL},
		{"Replicas", max(want.Replicas, got.Replicas), got.Replicas},
	} {
		if setting.want != setting.found {
			all = append(all, drift(name, setting.name, setting.want, setting.found))
		}
	}
	return errors.Join(all...)
}

func drift(stream, setting string, want, found any) error {
	return fmt.Errorf("natslog: stream %s: %s: want %v, found %v: %w", stream, setting, want, found, ErrDrift)
}

// compare returns an error for each setting of got that is not as in want.
// Replicas may be more, and description and placement are the administrator's.
func compare(want, got jetstream.StreamConfig) error {
	if isClosed(got) {
		return fmt.Errorf("natslog: stream %s is closed: taking archived documents out of it was interrupted; do it again: %w", want.Name, ErrDrift)
	}
	want.Description, want.Placement, want.Replicas = got.Description, got.Placement, max(want.Replicas, got.Replicas)
	want.Duplicates, want.Compression = got.Duplicates, got.Compression
	want.Metadata, got.Metadata = ours(want.Metadata), ours(got.Metadata)
	slices.Sort(want.Subjects)
	got.Subjects = slices.Sorted(slices.Values(got.Subjects))
	w, g := reflect.ValueOf(want), reflect.ValueOf(got)
	var all []error
	for i := range w.NumField() {
		if !reflect.DeepEqual(w.Field(i).Interface(), g.Field(i).Interface()) {
			all = append(all, drift(want.Name, w.Type().Field(i).Name, w.Field(i), g.Field(i)))
		}
	}
	return errors.Join(all...)
}

// ours returns the metadata that docsaga wrote and that does not change; the
// server adds its own.
func ours(metadata map[string]string) map[string]string {
	kept := make(map[string]string)
	for k, v := range metadata {
		if strings.HasPrefix(k, "docsaga.") && k != metaRemoved && k != metaReplicas {
			kept[k] = v
		}
	}
	return kept
}
