package events

// A DefinitionRef names one version of a definition.
type DefinitionRef struct {
	Name    string `json:"name"`
	Version int    `json:"version"`
}
