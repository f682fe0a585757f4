package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/docsaga/docsaga/events/audit"
)

// auditFlags say where the evidence is.
type auditFlags struct {
	dir, key, public string
	every            time.Duration
}

func (f *auditFlags) addDir(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.dir, "audit-dir", "", "directory of checkpoints and hashes (default audit in --data)")
}

func (f *auditFlags) addPublic(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.public, "audit-pub", "", "file with the public key")
}

// evidence returns the audit directory and the public key.
func (f *auditFlags) evidence(a *app) (audit.Evidence, error) {
	if f.public == "" {
		return audit.Evidence{}, usage("--audit-pub is missing: the file with the public key, which docsaga audit keygen has made")
	}
	key, err := audit.LoadPublicKey(f.public)
	return audit.Evidence{Dir: f.directory(a), Key: key}, err
}

func (f *auditFlags) directory(a *app) string {
	if f.dir != "" {
		return f.dir
	}
	return filepath.Join(orElse(a.settings.data, defaultData), "audit")
}

func (a *app) auditCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Sign the log, find what was done to it, prove a document's history",
		Long: `Makes the log evidence. Signed checkpoints, kept outside of the log, say which
events it holds; whoever has the public key finds out later whether one was
changed, removed, inserted or moved, or the log rolled back.

Keep the checkpoints, or copies of some, where the one who runs the log cannot
write: against checkpoints that he can replace nothing is proved.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.auditKeygen(), a.auditCheckpoint(), a.auditVerify(), a.auditProve(), a.auditExport(), a.auditChanges())
	return cmd
}

func (a *app) auditKeygen() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:     "keygen FILE",
		Short:   "Make a key pair: the private key in FILE, the public one in FILE.pub",
		Example: "  docsaga audit keygen audit.key --name example.org/docsaga",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			public, err := audit.GenerateKey(args[0], name)
			if errors.Is(err, os.ErrExist) {
				return coded{code: exitConflict, err: err}
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(a.out, public)
			return err
		},
	}
	cmd.Flags().StringVar(&name, "name", "docsaga", "whose log the key speaks for, such as example.org/docsaga")
	return cmd
}
