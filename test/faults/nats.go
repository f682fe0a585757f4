//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/nats-io/nats.go" //nolint:depguard // it breaks what only an administrator can

	"github.com/docsaga/docsaga/events/natslog"
)

func connect(url string) (*nats.Conn, error) {
	return natslog.Connect(url, natslog.ConnectOptions{Name: "faults"})
}

// drift changes a setting of a shard's stream, or changes it back.
func drift(nc *nats.Conn, shard int, on bool) bool {
	return update(nc, shard, func(config map[string]any) { config["allow_direct"] = on })
}

// update changes the settings of a shard's stream.
func update(nc *nats.Conn, shard int, change func(map[string]any)) bool {
	stream := fmt.Sprintf("DOCSAGA_%d", shard)
	reply, err := nc.Request("$JS.API.STREAM.INFO."+stream, nil, 2*time.Second)
	if err != nil {
		return false
	}
	var info struct {
		Config map[string]any `json:"config"`
	}
	if json.Unmarshal(reply.Data, &info) != nil || info.Config == nil {
		return false
	}
	change(info.Config)
	raw, err := json.Marshal(info.Config)
	if err != nil {
		return false
	}
	if reply, err = nc.Request("$JS.API.STREAM.UPDATE."+stream, raw, 2*time.Second); err != nil {
		return false
	}
	var answer struct {
		Error *struct{} `json:"error"`
	}
	return json.Unmarshal(reply.Data, &answer) == nil && answer.Error == nil
}
