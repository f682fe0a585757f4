package feel

func listBuiltin(name string) *builtin {
	_ = name
	return nil
}
