package natslog

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/seal"
)

// Keys keeps the keys of documents on the stream DOCSAGA_KEYS, which no backup
// of the log holds:
//
//	docsaga-keys.<document>.key    the key, bare or wrapped; erased when it is destroyed
//	docsaga-keys.<document>.gone   says that it was, for ever
type Keys struct{ l *Log }

const (
	keyToken  = ".key"
	goneToken = ".gone"
	// maxKeys is how many keys are asked for at once; the server has a limit.
	maxKeys = 500
)

func (c Config) keysStream() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: keysStream, Description: "docsaga: keys of documents; not to be kept with the log",
		Subjects: []string{keysRoot + ".>"},
		Storage:  jetstream.FileStorage, Retention: jetstream.LimitsPolicy,
		MaxMsgs: -1, MaxBytes: -1, MaxConsumers: -1, MaxMsgSize: -1,
		MaxMsgsPerSubject: 1, Discard: jetstream.DiscardNew, DiscardNewPerSubject: true,
		DenyPurge: true, AllowDirect: true, // deleting a message is how a key is destroyed
		Duplicates: 2 * time.Minute, Replicas: c.Replicas,
		Metadata: map[string]string{metaLayout: layout},
	}
}

// openKeys makes the log seal and open, if it has keys.
func (l *Log) openKeys(ctx context.Context, opts Options) error {
	_, err := streamInfo(ctx, l.js, keysStream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		if opts.Seal {
			l.log.Warn("natslog: documents are stored unsealed and cannot be forgotten, for the log has no keys; `docsaga provision` makes a place for them")
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("natslog: open stream %s: %w", keysStream, err)
	}
	forgotten := func(ctx context.Context, document events.DocumentID) (events.Event, error) {
		return l.last(ctx, document, forgottenSubject(document))
	}
	l.sealer = seal.New(seal.NewRing(l.Keys(), opts.Master), opts.Seal, forgotten)
	return nil
}

// sealed returns an event's data as the log is to hold it.
func (l *Log) sealed(ctx context.Context, e *events.Event) ([]byte, error) {
	if l.sealer == nil {
		return e.Data, nil
	}
	return l.sealer.Seal(ctx, e)
}

// Forget makes what the log and the file store hold of a document unreadable for
// ever: it destroys its key and erases its files. It may be called again.
func (l *Log) Forget(ctx context.Context, document events.DocumentID) error {
	if l.sealer != nil {
		if err := l.sealer.Ring().Destroy(ctx, document); err != nil {
			return fmt.Errorf("natslog: forget: %w", err)
		}
	}
	return l.Files().Erase(ctx, document)
}

// DocumentKey returns the key of a document, nil if it has none or was forgotten.
func (l *Log) DocumentKey(ctx context.Context, document events.DocumentID) ([]byte, error) {
	if l.sealer == nil {
		return nil, nil
	}
	k, err := l.sealer.Ring().Key(ctx, document)
	switch {
	case errors.Is(err, seal.ErrNoKey), errors.Is(err, seal.ErrGone):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("natslog: %w", err)
	}
	return k.Bytes(), nil
}

// Keys returns the keys of the log's documents.
func (l *Log) Keys() *Keys { return &Keys{l} }

// Make keeps a document's key if none was ever kept, and returns what is.
func (k *Keys) Make(ctx context.Context, document events.DocumentID, key []byte) ([]byte, error) {
	if err := events.CheckID(document); err != nil {
		return nil, fmt.Errorf("natslog: make key: %w", err)
	}
	root := keysRoot + "." + string(document)
	msg := &nats.Msg{Subject: root + keyToken, Data: key, Header: nats.Header{
		jetstream.ExpectedLastSubjSeqHeader: {"0"}, jetstream.ExpectedLastSubjSeqSubjHeader: {root + ".*"},
	}}
	for backoff := firstBackoff; ; backoff = min(2*backoff, lastBackoff) {
		_, err := k.l.publishOne(ctx, msg)
		if err == nil {
			return key, nil
		}
		if isTaken(err) {
			var standing []byte
			if standing, err = k.leader(ctx, document); err == nil && standing != nil {
				return standing, nil
			}
		}
		if err != nil && !isTemporary(err) {
			return nil, fmt.Errorf("natslog: make key of %s: %w", document, err)
		}
		if ended := pause(ctx, backoff); ended != nil {
			return nil, fmt.Errorf("natslog: make key of %s: %w (last answer: %w)", document, ended, err)
		}
	}
}

// Get returns what is kept of each document: a key, [seal.Gone], or nothing.
func (k *Keys) Get(ctx context.Context, documents []events.DocumentID) ([][]byte, error) {
	found := make(map[events.DocumentID][]byte, len(documents))
	for rest := documents; len(documents) > 1 && len(rest) > 0; {
		some := rest[:min(len(rest), maxKeys)]
		rest = rest[len(some):]
		if err := k.many(ctx, some, found); err != nil {
			k.l.log.Debug("natslog: keys are asked for one by one", "error", err)
			break
		}
	}
	list := make([][]byte, len(documents))
	for i, id := range documents {
		if list[i] = found[id]; list[i] != nil {
			continue
		}
		// Not there, or a replica does not have it yet: the leader knows.
		var err error
		if list[i], err = k.leader(ctx, id); err != nil {
			return nil, fmt.Errorf("natslog: key of %s: %w", id, err)
		}
	}
	return list, nil
}

// None reports whether no document ever had a key.
func (k *Keys) None(ctx context.Context) (bool, error) {
	info, err := streamInfo(ctx, k.l.js, keysStream)
	if err != nil {
		return false, fmt.Errorf("natslog: look for keys: %w", err)
	}
	return info.State.LastSeq == 0, nil
}

// leader returns what is kept of one document, by the leader's word.
func (k *Keys) leader(ctx context.Context, document events.DocumentID) ([]byte, error) {
	msg, err := k.l.lastMessage(ctx, keysStream, keysRoot+"."+string(document)+".*")
	if errors.Is(err, events.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	_, stored := readKey(msg.Subject, msg.Data)
	return stored, nil
}

// readKey returns what a message of the stream says.
func readKey(subject string, data []byte) (document events.DocumentID, stored []byte) {
	rest := strings.TrimPrefix(subject, keysRoot+".")
	if id, gone := strings.CutSuffix(rest, goneToken); gone {
		return events.DocumentID(id), []byte(seal.Gone)
	}
	return events.DocumentID(strings.TrimSuffix(rest, keyToken)), data
}

// many gets what any replica has of some documents, with one request. It may
// find less than there is.
func (k *Keys) many(ctx context.Context, documents []events.DocumentID, found map[events.DocumentID][]byte) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	request := []byte(`{"multi_last":[`)
	for i, id := range documents {
		if i > 0 {
			request = append(request, ',')
		}
		request = fmt.Appendf(request, "%q", keysRoot+"."+string(id)+".*")
	}
	inbox := k.l.nc.NewInbox()
	answers := make(chan *nats.Msg, 2*len(documents)+8)
	sub, err := k.l.nc.ChanSubscribe(inbox, answers)
	if err != nil {
		return err
	}
	defer sub.Unsubscribe() //nolint:errcheck // fails only on a closed connection
	if err := k.l.nc.PublishRequest("$JS.API.DIRECT.GET."+keysStream, inbox, append(request, "]}"...)); err != nil {
		return err
	}
	for {
		select {
		case m := <-answers:
			switch subject, status := m.Header.Get("Nats-Subject"), m.Header.Get("Status"); {
			case subject != "":
				document, stored := readKey(subject, m.Data)
				if string(found[document]) != seal.Gone {
					found[document] = stored
				}
			case status == "204" || status == "404":
				return nil
			default:
				return fmt.Errorf("the server says %s %s", status, m.Header.Get("Description"))
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Destroy removes a document's key for ever. The server overwrites it where it
// is stored.
func (k *Keys) Destroy(ctx context.Context, document events.DocumentID) error {
	err := events.CheckID(document)
	if err == nil {
		err = k.destroy(ctx, keysRoot+"."+string(document))
	}
	if err != nil {
		return fmt.Errorf("natslog: destroy key of %s: %w", document, err)
	}
	return nil
}

func (k *Keys) destroy(ctx context.Context, root string) error {
	err := retry(ctx, func(ctx context.Context) error {
		_, err := k.l.publishOne(ctx, &nats.Msg{Subject: root + goneToken})
		if !isTaken(err) {
			return err
		}
		// Or it could not be stored, which the server says with the same code.
		// Without the mark a new key could be made.
		if _, missing := k.l.lastMessage(ctx, keysStream, root+goneToken); !errors.Is(missing, events.ErrNotFound) {
			return missing
		}
		return err
	})
	if err != nil {
		return err
	}
	msg, err := k.l.lastMessage(ctx, keysStream, root+keyToken)
	if errors.Is(err, events.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	var answer struct {
		Error *jetstream.APIError `json:"error"`
	}
	if err := k.l.ask(ctx, "STREAM.MSG.DELETE."+keysStream, fmt.Appendf(nil, `{"seq":%d}`, msg.Seq), &answer); err != nil {
		return err
	}
	if answer.Error != nil && answer.Error.ErrorCode != codeNoMessage {
		return answer.Error
	}
	return nil
}
