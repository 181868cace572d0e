package projections

// Older is a digest, and the name that older programs gave to what has it.
type Older struct{ Digest, Name string }

// OlderNames returns the names that programs gave which numbered the fold of a group and
// kept its schema in files, by group and by what is named: the fold, or the schema in a
// store. While they are used, those programs and this one find each other's rows.
//
// A change of a fold or a schema has another digest, and the views are computed again.
// Tests fail then; if it is meant, take the group's line away.
func OlderNames() map[string]map[string]Older {
	return map[string]map[string]Older{
		Stock:    {"fold": {"067cb1c0ec8cdd61", "1"}, "sqlite": {"c0e7007eb4e0ddea", "5e5464495cde41a4"}, "postgres": {"0c987e1a556d4d8f", "6c78e7acbd7eaf14"}},
		Products: {"fold": {"549b2b38feb41e92", "1"}, "sqlite": {"015755b46312bf80", "df54dd76bd00a51c"}, "postgres": {"2c56a6dacaf3dfb7", "6334b5caafcd1268"}},
	}
}

// OlderName returns the name that older programs gave to what has a digest, or the
// digest itself.
func OlderName(of, group, digest string) string {
	if older := OlderNames()[group][of]; older.Digest == digest {
		return older.Name
	}
	return digest
}
