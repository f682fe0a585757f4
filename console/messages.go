package console

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/docsaga/docsaga/api"
	"github.com/docsaga/docsaga/coordinator/flows"
	"github.com/docsaga/docsaga/events"
)

type messagesPage struct {
	Frame
	Waits   []flows.Wait
	Told    *api.Told
	MayTell bool
	Fresh   string // id of what the form tells: sent twice, it is told once
	Next    string // address of the next page, or empty
}

func (c *Console) messages(w http.ResponseWriter, r *http.Request) error {
	return c.showMessages(w, r, nil)
}

func (c *Console) showMessages(w http.ResponseWriter, r *http.Request, told *api.Told) error {
	if c.server.System().Notices == nil {
		return c.nothing(w, r)
	}
	list, next, err := c.server.Waits(r.Context(), "", api.Paging{Limit: 200, PageToken: r.URL.Query().Get("page")})
	if err != nil {
		return err
	}
	page := messagesPage{
		Frame: c.frame(r, "Messages", "Messages and signals"), Waits: list, Told: told, MayTell: api.PersonOf(r.Context()).Role >= api.Submitter,
		Fresh: strings.ToLower(rand.Text()),
	}
	if next != "" {
		page.Next = c.conf.Base + "messages?page=" + url.QueryEscape(next)
	}
	return c.show(w, http.StatusOK, "messages", page)
}

// tell tells a message or signal.
func (c *Console) tell(w http.ResponseWriter, r *http.Request) error {
	if c.server.System().Notices == nil {
		return c.nothing(w, r)
	}
	if api.PersonOf(r.Context()).Role < api.Submitter {
		c.problem(w, r, http.StatusForbidden, "Your key may not tell messages and signals.")
		return nil
	}
	r.Body = http.MaxBytesReader(w, r.Body, 4*events.MaxData) // a form may take three bytes for one
	n := events.Notice{ID: r.FormValue("id"), Name: r.FormValue("name"), Key: r.FormValue("key"), Signal: r.FormValue("kind") == "signal"}
	if n.Signal {
		n.Key = ""
	}
	if text := strings.TrimSpace(r.FormValue("data")); text != "" {
		n.Data = json.RawMessage(text)
	}
	told, err := c.server.Tell(r.Context(), n)
	if err != nil {
		return err
	}
	return c.showMessages(w, r, &told)
}
