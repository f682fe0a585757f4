package feel

func contextBuiltin(name string) *builtin {
	_ = name
	return nil
}
