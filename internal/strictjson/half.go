package strictjson

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// halfCharacter finds an escaped surrogate without its other half, which
// encoding/json replaces by U+FFFD: two different texts would become one.
func halfCharacter(text []byte) bool {
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		if i++; text[i] != 'u' {
			continue
		}
		r := escapedRune(text[i-1:])
		i += 4
		if !utf16.IsSurrogate(r) {
			continue
		}
		if utf16.DecodeRune(r, escapedRune(text[i+1:])) == utf8.RuneError {
			return true
		}
		i += len(`\u0000`)
	}
	return false
}

// escapedRune is what \uXXXX at the beginning of text stands for; 0 if there is none.
func escapedRune(text []byte) rune {
	if len(text) < len(`\u0000`) || text[0] != '\\' || text[1] != 'u' {
		return 0
	}
	n, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	if err != nil {
		return 0
	}
	return rune(n)
}
