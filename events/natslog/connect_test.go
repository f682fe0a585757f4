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
	if _, err := natslog.Connect("nats://127.0.0.1:1", natslog.ConnectOptions{CredentialsFile: "no/such/file"}); err == nil {
		t.Error("connected with credentials that are not there")
	}
}
