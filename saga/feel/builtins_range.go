package feel

func rangeBuiltin(name string) *builtin {
	_ = name
	return nil
}
