package feel

func numberBuiltin(name string) *builtin {
	_ = name
	return nil
}
