package events

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"
)

// plainOnward is what Onward must say, by way of decoding everything.
func plainOnward(e *Event) (map[StepID]json.RawMessage, error) {
	d, err := ParseData(e.Data)
	return With(d.Context, e.Slot.Step, d.Output), err
}

// same reports whether two contexts say the same, spaces aside.
func same(t *testing.T, raw json.RawMessage, want map[StepID]json.RawMessage) bool {
	t.Helper()
	var got, wanted any
	marshalled, err := json.Marshal(want)
	if err == nil {
		err = json.Unmarshal(marshalled, &wanted)
	}
	if err != nil {
		t.Fatal(err)
	}
	return json.Unmarshal(raw, &got) == nil && reflect.DeepEqual(got, wanted)
}

func onwardSeeds() []string {
	return []string{
		``, `{}`, `null`, `{"output":{"n":1}}`, `{"context":{"document":{"file":"a.pdf"}}}`,
		`{"output":{"n":1},"context":{"document":{"file":"a,}\"b.pdf"},"first":[1,{"a":"]"}]}}`,
		`{"output":{"n":2},"context":{"step":{"n":1},"document":{}}}`, // done before
		`{"output":null,"context":null}`, `{"output":1,"context":{}}`, `{ "output" : 1 }`, `{"Output":1,"CONTEXT":{"a":2}}`,
		`{"output":1,"output":2}`, `{"output":1,"error":{"code":"c"},"by":{"actor":"a"},"more":true}`, `{"\u006futput":1}`,
		`{"output":1,"context":{"\u0073tep":2}}`, `{"output":1,"context":[]}`, `{"output":1`, `[1]`, `{"output":1,}`, `{"output":}`,
		`{"output":"a\\","context":{"a":"\""}}`, `{"output":1,"context":{"a":1,"a":2}}`, ` {"output":1}`, `{"output":1 }`,
	}
}

func TestOnwardSaysWhatDecodingSays(t *testing.T) {
	for _, data := range onwardSeeds() {
		checkOnward(t, []byte(data))
	}
}

func checkOnward(t *testing.T, data []byte) {
	t.Helper()
	e := Event{Slot: Slot{Step: "step"}, Data: data}
	want, wantErr := plainOnward(&e)
	got, err := e.Onward()
	switch {
	case wantErr != nil && err != nil:
		if !errors.Is(err, ErrBadEvent) {
			t.Errorf("%s: error %v, want one that is %v", data, err, ErrBadEvent)
		}
	case wantErr != nil: // Onward does not look into what it has no use for
		if !json.Valid(data) {
			t.Errorf("%s: %s, want an error as %v", data, got, wantErr)
		}
	case err != nil:
		t.Errorf("%s: %v", data, err)
	case !same(t, got, want):
		t.Errorf("%s: onward is %s, want %s", data, got, want)
	}
}

func TestOnwardPutsNamesInOrder(t *testing.T) {
	for data, want := range map[string]string{
		`{"output":1}`:                                        `{"step":1}`,
		`{"output":1,"context":{}}`:                           `{"step":1}`,
		`{"output":1,"context":{"a":0,"b":{}}}`:               `{"a":0,"b":{},"step":1}`,
		`{"output":1,"context":{"a":0,"zeta":2}}`:             `{"a":0,"step":1,"zeta":2}`,
		`{"context":{"zeta":[1,2]},"output":{"n":[1,{}]}}`:    `{"step":{"n":[1,{}]},"zeta":[1,2]}`,
		`{"context":{"zeta":[1,2]},"error":{"code":"wrong"}}`: `{"zeta":[1,2]}`,
	} {
		e := Event{Slot: Slot{Step: "step"}, Data: []byte(data)}
		if got, err := e.Onward(); string(got) != want || err != nil {
			t.Errorf("%s: onward is %s, want %s (%v)", data, got, want, err)
		}
	}
}

func FuzzOnward(f *testing.F) {
	for _, data := range onwardSeeds() {
		f.Add([]byte(data))
	}
	f.Fuzz(checkOnward)
}

func TestRawDataMarshalsAsDataDoes(t *testing.T) {
	wrong := &Error{Code: "c", Message: "a < b"}
	for _, d := range []Data{
		{},
		{Output: json.RawMessage(`{"n":1}`)},
		{Error: wrong},
		{Output: json.RawMessage(`1`), Context: map[StepID]json.RawMessage{"a": json.RawMessage(`2`)}, Error: wrong},
		{Context: map[StepID]json.RawMessage{}},
	} {
		context, err := json.Marshal(d.Context)
		if err != nil {
			t.Fatal(err)
		}
		if d.Context == nil {
			context = nil
		}
		want, wantErr := d.Marshal()
		got, err := RawData{Output: d.Output, Context: context, Error: d.Error}.Marshal()
		if string(got) != string(want) || err != nil || wantErr != nil {
			t.Errorf("%s, want %s (%v, %v)", got, want, err, wantErr)
		}
	}
}

func BenchmarkOnward(b *testing.B) {
	e := Event{
		Slot: Slot{Step: "security"},
		Data: []byte(`{"output":{"clean":true,"findings":[]},"context":{"document":{"name":"invoice.pdf","location":"upload:sha256:9f86d081884c7d65"},"location":{"size":48213,"sha256":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}}}`),
	}
	for name, next := range map[string]func() error{
		"spliced": func() error {
			context, err := e.Onward()
			if err == nil {
				_, err = RawData{Context: context}.Marshal()
			}
			return err
		},
		"decoded": func() error {
			context, err := plainOnward(&e)
			if err == nil {
				_, err = Data{Context: context}.Marshal()
			}
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := next(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
