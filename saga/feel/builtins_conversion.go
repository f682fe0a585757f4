package feel

func conversionBuiltin(name string) *builtin {
	_ = name
	return nil
}
