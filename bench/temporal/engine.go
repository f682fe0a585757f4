package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"go.temporal.io/server/temporal"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/docsaga/docsaga/bench/peer"
)

const (
	namespace = "bench"
	queue     = "steps"
)

// An engine is a Temporal server and a worker in this process. A document is a
// workflow of five activities, one after another, each of which the server has
// on record before the next begins.
type engine struct {
	server temporal.Server
	client client.Client
	worker worker.Worker
}

// fiveSteps is the workflow. Local activities would be faster, but their
// results are recorded together at the end and not one by one.
func fiveSteps(ctx workflow.Context) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	for range peer.Steps {
		if err := workflow.ExecuteActivity(ctx, nothing).Get(ctx, nil); err != nil {
			return err
		}
	}
	return nil
}

func nothing(context.Context) error { return nil }

func start(ctx context.Context, site *peer.Site, open int) (peer.Engine, error) {
	conf, err := configure(ctx, site)
	if err != nil {
		return nil, err
	}
	e := &engine{}
	if e.server, err = serve(conf); err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	if err := e.work(ctx, conf.PublicClient.HostPort, open); err != nil {
		e.Stop()
		return nil, err
	}
	return e, nil
}

// work registers the namespace and starts the worker. Pollers scale by
// themselves and the cache holds every open workflow, as
// https://docs.temporal.io/develop/worker-performance/configuration recommends.
func (e *engine) work(ctx context.Context, address string, open int) error {
	var err error
	e.client, err = client.DialContext(ctx, client.Options{
		HostPort: address, Namespace: namespace, Logger: sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	if err != nil {
		return fmt.Errorf("dial: %w", err)
	}
	if err := e.register(ctx); err != nil {
		return fmt.Errorf("register namespace: %w", err)
	}
	worker.SetStickyWorkflowCacheSize(max(10_000, open))
	scaling := worker.NewPollerBehaviorAutoscaling(worker.PollerBehaviorAutoscalingOptions{InitialNumberOfPollers: 10})
	e.worker = worker.New(e.client, queue, worker.Options{
		WorkflowTaskPollerBehavior: scaling, ActivityTaskPollerBehavior: scaling,
		MaxConcurrentWorkflowTaskExecutionSize: max(1000, open), MaxConcurrentActivityExecutionSize: max(1000, open),
	})
	e.worker.RegisterWorkflow(fiveSteps)
	e.worker.RegisterActivity(nothing)
	if err := e.worker.Start(); err != nil {
		return fmt.Errorf("worker: %w", err)
	}
	return nil
}

// register makes the namespace, and waits until the server's caches know it.
func (e *engine) register(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	_, err := e.client.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace: namespace, WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	})
	if err != nil {
		return err
	}
	for {
		_, err := e.client.DescribeTaskQueue(ctx, queue, enums.TASK_QUEUE_TYPE_WORKFLOW)
		var unknown *serviceerror.NamespaceNotFound
		if !errors.As(err, &unknown) {
			return err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return errors.Join(err, context.Cause(ctx))
		}
	}
}

// Run starts the workflow eagerly, which spares its first task the way through
// the queue; activities are eager by default.
func (e *engine) Run(ctx context.Context, document string) error {
	run, err := e.client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: document, TaskQueue: queue, EnableEagerStart: true}, fiveSteps)
	if err != nil {
		return err
	}
	return run.Get(ctx, nil)
}

// Recorded counts the completed activities in the workflow's history.
func (e *engine) Recorded(ctx context.Context, document string) (int, error) {
	steps, through := 0, false
	history := e.client.GetWorkflowHistory(ctx, document, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for history.HasNext() {
		event, err := history.Next()
		if err != nil {
			return 0, err
		}
		switch event.GetEventType() {
		case enums.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
			steps++
		case enums.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
			through = true
		}
	}
	if !through {
		return 0, fmt.Errorf("the history of %s does not say that it is completed", document)
	}
	return steps, nil
}

func (e *engine) Stop() {
	if e.worker != nil {
		e.worker.Stop()
	}
	if e.client != nil {
		e.client.Close()
	}
	_ = e.server.Stop() // its databases are dropped
}
