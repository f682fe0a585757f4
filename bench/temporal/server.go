package main

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"time"

	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/metrics"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/postgresql"
	"go.temporal.io/server/common/primitives"
	"go.temporal.io/server/temporal"
	"go.temporal.io/server/tools/common/schema"
	"go.temporal.io/server/tools/sql"

	"github.com/docsaga/docsaga/bench/peer"
)

const (
	cluster0 = "active"
	// historyShards is four times the figure of the server's own configuration
	// for one node on PostgreSQL, config/development-postgres12.yaml: beside 4 and
	// 64 it gave the most documents a second on two cores.
	historyShards = 16
)

// configure makes the two databases and their schemas, and returns the
// configuration of a server of all services on them. It is that of
// config/development-postgres12.yaml, with wider pools, without archival, which
// would write each history once more, and without metrics.
func configure(ctx context.Context, site *peer.Site) (*config.Config, error) {
	main, err := database(ctx, site, "temporal", connections)
	if err != nil {
		return nil, err
	}
	visibility, err := database(ctx, site, "visibility", visibilityConnections)
	if err != nil {
		return nil, err
	}
	conf := &config.Config{
		Persistence: config.Persistence{
			DefaultStore: "main", VisibilityStore: "visibility", NumHistoryShards: historyShards,
			DataStores: map[string]config.DataStore{"main": {SQL: main}, "visibility": {SQL: visibility}},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		Services:            map[string]config.Service{},
		Archival: config.Archival{
			History: config.HistoryArchival{State: "disabled"}, Visibility: config.VisibilityArchival{State: "disabled"},
		},
		NamespaceDefaults: config.NamespaceDefaults{Archival: config.ArchivalNamespaceDefaults{
			History:    config.HistoryArchivalNamespaceDefaults{State: "disabled"},
			Visibility: config.VisibilityArchivalNamespaceDefaults{State: "disabled"},
		}},
	}
	conf.Global.Membership = config.Membership{MaxJoinDuration: 30 * time.Second, BroadcastAddress: "127.0.0.1"}
	return conf, listen(ctx, conf)
}

// listen gives each service a free port of this machine.
func listen(ctx context.Context, conf *config.Config) error {
	var lc net.ListenConfig
	for _, service := range temporal.DefaultServices {
		var ports [2]int
		for i := range ports {
			l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
			if err != nil {
				return fmt.Errorf("find a port: %w", err)
			}
			ports[i] = l.Addr().(*net.TCPAddr).Port
			defer l.Close() //nolint:errcheck // it took no connection
		}
		conf.Services[service] = config.Service{RPC: config.RPC{GRPCPort: ports[0], MembershipPort: ports[1], BindOnLocalHost: true}}
	}
	conf.PublicClient = config.PublicClient{HostPort: address(conf, string(primitives.FrontendService))}
	conf.ClusterMetadata = &cluster.Config{
		FailoverVersionIncrement: 10, MasterClusterName: cluster0, CurrentClusterName: cluster0,
		ClusterInformation: map[string]cluster.ClusterInformation{
			cluster0: {Enabled: true, InitialFailoverVersion: 1, RPCAddress: conf.PublicClient.HostPort},
		},
	}
	return nil
}

func address(conf *config.Config, service string) string {
	return fmt.Sprintf("127.0.0.1:%d", conf.Services[service].RPC.GRPCPort)
}

// Connections to the two databases: as many as the other peers have.
const (
	connections           = 36
	visibilityConnections = 4
)

// database makes a database with the newest of the schemas that the server
// brings along, in the steps that its documentation gives: version tables
// first, then each version's changes.
func database(ctx context.Context, site *peer.Site, name string, width int) (*config.SQL, error) {
	at, err := site.Create(ctx, name)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(at)
	if err != nil {
		return nil, err
	}
	conf := &config.SQL{
		PluginName: postgresql.PluginNamePGX, ConnectProtocol: "tcp", ConnectAddr: u.Host,
		User: u.User.Username(), DatabaseName: u.Path[1:],
		MaxConns: width, MaxIdleConns: width, MaxConnLifetime: time.Hour,
	}
	conf.Password, _ = u.User.Password()
	conn, err := sql.NewConnection(conf, log.NewNoopLogger())
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", name, err)
	}
	defer conn.Close()
	if err := schema.NewSetupSchemaTask(conn, &schema.SetupConfig{InitialVersion: "0.0"}, log.NewNoopLogger()).Run(); err != nil {
		return nil, fmt.Errorf("schema of %s: %w", name, err)
	}
	update := &schema.UpdateConfig{DBName: conf.DatabaseName, SchemaName: "postgresql/v12/" + name}
	if err := schema.NewUpdateSchemaTask(conn, update, log.NewNoopLogger()).Run(); err != nil {
		return nil, fmt.Errorf("schema of %s: %w", name, err)
	}
	return conf, nil
}

// serve starts all services of the server
// (https://docs.temporal.io/self-hosted-guide/embedded-server), which find each
// other without a membership protocol.
func serve(conf *config.Config) (temporal.Server, error) {
	hosts := map[primitives.ServiceName]static.Hosts{}
	for _, service := range temporal.DefaultServices {
		at := address(conf, service)
		hosts[primitives.ServiceName(service)] = static.Hosts{All: []string{at}, Self: at}
	}
	s, err := temporal.NewServer(
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithConfig(conf),
		temporal.WithStaticHosts(hosts),
		temporal.WithLogger(log.NewNoopLogger()),
		temporal.WithCustomMetricsHandler(metrics.NoopMetricsHandler),
		temporal.WithAuthorizer(authorization.NewNoopAuthorizer()),
		temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper { return authorization.NewNoopClaimMapper() }),
		temporal.WithDynamicConfigClient(settings()),
	)
	if err != nil {
		return nil, err
	}
	return s, s.Start()
}

// settings are the dynamic ones. One partition a task queue is for the one node
// that there is: with the four of the default a task and a poller that wait in
// different partitions find each other by forwarding only.
func settings() dynamicconfig.StaticClient {
	one := []dynamicconfig.ConstrainedValue{{Value: 1}}
	return dynamicconfig.StaticClient{
		dynamicconfig.MatchingNumTaskqueueReadPartitions.Key():  one,
		dynamicconfig.MatchingNumTaskqueueWritePartitions.Key(): one,
	}
}
