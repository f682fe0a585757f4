package console

import (
	"net/http"
	"runtime"
	"runtime/debug"

	"github.com/docsaga/docsaga/api"
	"github.com/docsaga/docsaga/events"
)

func (c *Console) log(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	page := struct {
		Frame
		Document, Definition, Type string
	}{Frame: c.frame(r, "Log", "Log"), Document: q.Get("document"), Definition: q.Get("definition"), Type: q.Get("type")}
	page.Stream = c.streamOf("document", page.Document, "definition", page.Definition)
	return c.show(w, http.StatusOK, "log", page)
}

type shardRow struct {
	Shard                 int
	Last, Applied, Behind uint64
}

type fact struct {
	Name  string
	Value any
}

func (c *Console) system(w http.ResponseWriter, r *http.Request) error {
	positions, err := c.server.System().Status.Positions(r.Context())
	if err != nil {
		return err
	}
	applied := make(map[int]uint64)
	for _, p := range positions {
		applied[p.Shard] = p.Seq
	}
	page := struct {
		Frame
		Shards []shardRow
		Facts  []fact
	}{Frame: c.frame(r, "System", "System")}
	last := c.server.Hub().Positions()
	for shard := range c.server.System().Log.Shards() {
		row := shardRow{Shard: shard, Last: max(last[shard], applied[shard]), Applied: applied[shard]}
		row.Behind = row.Last - row.Applied
		page.Shards = append(page.Shards, row)
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	version := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		version = info.Main.Version
	}
	page.Facts = []fact{
		{"Partitions", events.Partitions},
		{"Shards", c.server.System().Log.Shards()},
		{"Version", version},
		{"Go", runtime.Version()},
		{"Memory in use (MiB)", memory.HeapInuse >> 20},
		{"Goroutines", runtime.NumGoroutine()},
		{"Logged in as", api.PersonOf(r.Context()).Name},
	}
	return c.show(w, http.StatusOK, "system", page)
}

// login asks for a key, and gives a session for it.
func (c *Console) login(w http.ResponseWriter, r *http.Request) {
	frame := c.frame(r, "", "Log in")
	frame.Stream, frame.Nav = "", nil
	status := http.StatusOK
	if r.Method == http.MethodPost {
		if !c.server.Allowed(r) {
			c.problem(w, r, http.StatusTooManyRequests, "Too many attempts: wait a second.")
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
		if c.server.Login(w, r, r.FormValue("key")) {
			http.Redirect(w, r, c.conf.Base, http.StatusSeeOther)
			return
		}
		status, frame.Notice = http.StatusUnauthorized, "That is not a key of this server."
	}
	if err := c.show(w, status, "login", frame); err != nil {
		c.conf.Logger.Error("console", "error", err)
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
	}
}
