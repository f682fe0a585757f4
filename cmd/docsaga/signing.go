package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/admin"
	"github.com/docsaga/docsaga/events/signed"
)

// signing says how events are signed, and whose signatures are asked for.
type signing struct {
	key      string
	signers  string
	required bool
}

func (s *signing) flags(f *pflag.FlagSet) {
	f.StringVar(&s.key, "sign-key", "", "file with the private key that signs the events this process writes, as docsaga signer new makes it")
	f.StringVar(&s.signers, "signers", "", "file with those whose signatures are trusted, a line each")
	f.BoolVar(&s.required, "require-signed", false, "refuse events that none of --signers has signed")
}

// arguments returns the flags for another process.
func (s *signing) arguments() []string {
	var list []string
	if s.key != "" {
		list = append(list, "--sign-key", s.key)
	}
	if s.signers != "" {
		list = append(list, "--signers", s.signers)
	}
	if s.required {
		list = append(list, "--require-signed")
	}
	return list
}

// guard returns what signs and checks; nil if nothing is asked for.
func (s *signing) guard() (events.Guard, error) {
	if s.key == "" && !s.required {
		return nil, nil
	}
	var signers *signed.Signers
	if s.required {
		all, err := s.trusted()
		if err != nil {
			return nil, err
		}
		signers = all
	}
	if s.key == "" {
		return signed.NewGuard(nil, signers)
	}
	key, err := signed.LoadKey(s.key)
	if err != nil {
		return nil, fmt.Errorf("--sign-key: %w", err)
	}
	return signed.NewGuard(key, signers)
}

// trusted reads the file of signers.
func (s *signing) trusted() (*signed.Signers, error) {
	if s.signers == "" {
		return nil, usage("--signers is missing: the file with those whose signatures are trusted")
	}
	raw, err := os.ReadFile(s.signers)
	if err != nil {
		return nil, fmt.Errorf("--signers: %w", err)
	}
	all, err := signed.ReadSigners(raw)
	if err != nil {
		return nil, usage("--signers %s: %w", s.signers, err)
	}
	return &all, nil
}

// trusted notes whose signatures are asked for, if that is not what it was.
func (s *system) trusted(ctx context.Context) error {
	set := &s.app.settings.signing
	if !set.required {
		return nil
	}
	all, err := set.trusted()
	if err != nil {
		return err
	}
	return s.changed(ctx, admin.Signers, all)
}

func (a *app) signerCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "signer",
		Short: "Keys that sign events, and whose signatures are trusted",
		Long: `With --sign-key a process signs the events that it writes (Ed25519, CloudEvents'
DSSE extension). With --require-signed and --signers a process that reads the log
takes an event which none of the signers has signed for none: an outcome stands
for a failure with the reason "unsigned", a command is not obeyed. Give both to
all processes, or they will not agree on what the log says.`,
		Example: `  docsaga signer new security security.pem --source /docsaga/services/security >> signers.jsonl
  docsaga service security --sign-key security.pem --signers signers.jsonl --require-signed
  docsaga signer revoke security --signers signers.jsonl`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.signerNew(), a.signerList(), a.signerRevoke())
	return cmd
}

func (a *app) signerNew() *cobra.Command {
	var sources []string
	cmd := &cobra.Command{
		Use:   "new NAME FILE",
		Short: "Make a key: the private key in FILE, the line for --signers to standard output",
		Long: `Makes a key pair. The private key is written to FILE, readable by its owner only;
the line that makes others trust it goes to standard output. --source says whose
events it may sign; an asterisk at its end stands for anything.`,
		Example: "  docsaga signer new security security.pem --source /docsaga/services/security >> signers.jsonl",
		Args:    cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := signed.NewKey(args[1], args[0], sources)
			if errors.Is(err, signed.ErrBadKey) || errors.Is(err, events.ErrBadID) {
				return usage("%w", err)
			}
			if errors.Is(err, os.ErrExist) {
				return coded{code: exitConflict, err: err}
			}
			if err != nil {
				return err
			}
			return json.NewEncoder(a.out).Encode(s)
		},
	}
	cmd.Flags().StringSliceVar(&sources, "source", nil, "whose events it may sign, such as /docsaga/services/security (repeatable)")
	return cmd
}

func (a *app) signerList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the signers of the file --signers", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			all, err := a.settings.signing.trusted()
			if err != nil {
				return err
			}
			return printList(a, all.List, func(list []signed.Signer) table {
				t := table{head: []string{"NAME", "KEY", "SOURCES", "REVOKED"}}
				for i := range list {
					revoked := "-"
					if list[i].Revoked != nil {
						revoked = list[i].Revoked.Format(time.RFC3339)
					}
					t.rows = append(t.rows, []string{list[i].Name, list[i].ID(), strings.Join(list[i].Sources, ","), revoked})
				}
				return t
			})
		},
	}
}

func (a *app) signerRevoke() *cobra.Command {
	var at string
	cmd := &cobra.Command{
		Use:   "revoke NAME",
		Short: "Trust a signer no more, for what is stored from now on",
		Long: `Writes the time into the signer's line of the file --signers. What the log stored
before stays trusted. Processes read the file when they start.`,
		Example: "  docsaga signer revoke security --signers signers.jsonl --since 2h",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			since, err := parseTime("since", orElse(at, "0s"))
			if err != nil {
				return err
			}
			all, err := a.settings.signing.trusted()
			if err != nil {
				return err
			}
			for i := range all.List {
				if all.List[i].Name != args[0] {
					continue
				}
				since = since.UTC().Truncate(time.Second)
				all.List[i].Revoked = &since
				raw, err := all.Marshal()
				if err != nil {
					return err
				}
				return replaceFile(a.settings.signing.signers, raw)
			}
			return coded{code: exitNotFound, err: fmt.Errorf("signer %q is not in %s", args[0], a.settings.signing.signers)}
		},
	}
	cmd.Flags().StringVar(&at, "since", "", "a time, or how long ago (default now)")
	return cmd
}
