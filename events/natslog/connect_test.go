package natslog_test

import (
	"strings"
	"testing"

	"github.com/docsaga/docsaga/events/natslog"
)

func TestAFailedConnectionTellsNoPassword(t *testing.T) {
	_, err := natslog.Connect("nats://ann:secret@127.0.0.1:1,nats://token@127.0.0.1:2", natslog.ConnectOptions{Name: "test", Logger: quiet()})
	if err == nil || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "token") || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("got %v", err)
	}
	for _, url := range []string{
		"nats://ann:secret%ss@127.0.0.1:1", "nats://ann:no%secret@127.0.0.1:1", "nats://ann:secret@127.0.0.1:port", "nats://ann:secret/1@127.0.0.1:1",
		"nats://ann:secret,1@127.0.0.1:1", "nats://ann:secret^@127.0.0.1:1", "nats://127.0.0.1:1,nats://ann:secret%zz@127.0.0.1:2", "://ann:secret@127.0.0.1",
	} {
		_, err := natslog.Connect(url, natslog.ConnectOptions{Name: "test", Logger: quiet()})
		if err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "%XX") {
			t.Errorf("%s: got %v", url, err)
		}
	}
	if _, err := natslog.Connect("nats://127.0.0.1:port", natslog.ConnectOptions{Logger: quiet()}); err == nil || !strings.Contains(err.Error(), "invalid port") {
		t.Errorf("an address without a password: got %v, want what is wrong with it", err)
	}
	if _, err := natslog.Connect("nats://127.0.0.1:1", natslog.ConnectOptions{CredentialsFile: "no/such/file"}); err == nil {
		t.Error("connected with credentials that are not there")
	}
}
