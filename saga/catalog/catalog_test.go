package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/memlog"
	"github.com/docsaga/docsaga/saga"
	"github.com/docsaga/docsaga/saga/catalog"
)

// drawn returns a flow of one step.
func drawn(name, step string) []byte {
	return fmt.Appendf(nil, `<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:z="http://camunda.org/schema/zeebe/1.0">
  <process id="%s" isExecutable="true">
    <startEvent id="start"/><sequenceFlow id="f1" sourceRef="start" targetRef="%[2]s"/>
    <serviceTask id="%[2]s"><extensionElements><z:taskDefinition type="work"/></extensionElements></serviceTask>
    <sequenceFlow id="f2" sourceRef="%[2]s" targetRef="end"/><endEvent id="end"/>
  </process></definitions>`, name, step)
}

func TestDeployNumbersDrawingsAndKeepsTheSameOne(t *testing.T) {
	log := memlog.New(memlog.Config{})
	for i, want := range []struct {
		step    string
		version int
	}{{"a", 1}, {"a", 1}, {"b", 2}, {"b", 2}, {"a", 3}} {
		d, err := catalog.Deploy(t.Context(), log, drawn("flow", want.step))
		if err != nil || d.Version != want.version || d.Name != "flow" {
			t.Errorf("deployment %d: %+v (error %v), want version %d", i, d, err, want.version)
		}
	}
}

func TestDeploymentsAtTheSameTimeGetDifferentVersions(t *testing.T) {
	log := memlog.New(memlog.Config{})
	var g errgroup.Group
	var versions sync.Map
	for i := range 10 {
		g.Go(func() error {
			d, err := catalog.Deploy(t.Context(), log, drawn("flow", fmt.Sprintf("step%d", i)))
			if err != nil {
				return err
			}
			if other, twice := versions.LoadOrStore(d.Version, i); twice {
				return fmt.Errorf("deployments %d and %v are both version %d", i, other, d.Version)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
}

func TestDeployRefusesWhatCannotRun(t *testing.T) {
	log := memlog.New(memlog.Config{})
	for name, bad := range map[string][]byte{
		"no XML":      []byte("hello"),
		"no way on":   []byte(strings.Replace(string(drawn("flow", "a")), `sourceRef="start"`, `sourceRef="nobody"`, 1)),
		"no such tag": []byte(strings.Replace(string(drawn("flow", "a")), "endEvent", "dance", 1)),
	} {
		if _, err := catalog.Deploy(t.Context(), log, bad); !errors.Is(err, saga.ErrBadDefinition) {
			t.Errorf("%s: error %v, want one that wraps ErrBadDefinition", name, err)
		}
	}
	if refs, err := log.Definitions(t.Context()); err != nil || len(refs) > 0 {
		t.Errorf("%v is deployed (error %v), want nothing", refs, err)
	}
}

func TestQueuesKnowTheirCuesBeforeTheVersionCanBeSeen(t *testing.T) {
	log := &spy{Log: memlog.New(memlog.Config{})}
	if _, err := catalog.Deploy(t.Context(), log, drawn("flow", "a")); err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(log.calls), "[prepare work prepare work_commands put]"; got != want {
		t.Errorf("calls %s, want %s", got, want)
	}
}

// A spy notes in which order it is called.
type spy struct {
	*memlog.Log
	calls []string
}

func (s *spy) Prepare(ctx context.Context, queue string, patterns []events.Pattern) error {
	s.calls = append(s.calls, "prepare "+queue)
	return s.Log.Prepare(ctx, queue, patterns)
}

func (s *spy) PutDefinition(ctx context.Context, name string, version int, source []byte) error {
	s.calls = append(s.calls, "put")
	return s.Log.PutDefinition(ctx, name, version, source)
}

func TestLatestNamesWhatThereIs(t *testing.T) {
	log := memlog.New(memlog.Config{})
	for _, step := range []string{"a", "b"} {
		if _, err := catalog.Deploy(t.Context(), log, drawn("flow", step)); err != nil {
			t.Fatal(err)
		}
	}
	c := catalog.New(log)
	if d, err := c.Latest(t.Context(), "flow"); err != nil || d.Version != 2 {
		t.Errorf("latest %+v (error %v), want version 2", d, err)
	}
	if _, err := c.Latest(t.Context(), "flaw"); !errors.Is(err, events.ErrNotFound) || !strings.Contains(err.Error(), `"flow"`) {
		t.Errorf("latest of flaw: %v, want ErrNotFound that names flow", err)
	}
}

func TestWatchGoesOnAfterADefinitionThatCannotBeRead(t *testing.T) {
	log := memlog.New(memlog.Config{})
	if err := log.PutDefinition(t.Context(), "bad", 1, []byte("no BPMN")); err != nil {
		t.Fatal(err)
	}
	if _, err := catalog.Deploy(t.Context(), log, drawn("good", "a")); err != nil {
		t.Fatal(err)
	}
	bad := 0
	for d, err := range catalog.New(log).Watch(t.Context()) {
		if err != nil {
			bad++
			continue
		}
		if d.Name != "good" || bad != 1 {
			t.Errorf("got %s after %d errors, want good after one", d.Name, bad)
		}
		break
	}
}
