package main

import "github.com/spf13/cobra"

// evidenceCommands are the commands that treat the log as evidence.
func (a *app) evidenceCommands() []*cobra.Command {
	return []*cobra.Command{a.replayCommand(), a.auditCommand(), a.backupCommand(), a.restoreCommand(), a.archiveCommand()}
}
