package strictjson

import "testing"

func TestHalfCharacters(t *testing.T) {
	for text, half := range map[string]bool{
		`plain`: false, `\\ud800`: false, `\u00e4\n`: false, `\ud83d\ude00`: false, `\ud83d\ude00\ud83d\ude00`: false,
		`\ud800`: true, `\udc00`: true, `\ud83dx\ude00`: true, `\ud83d\u0041`: true, `\ude00\ud83d`: true, `\\\ud800`: true,
	} {
		if halfCharacter([]byte(text)) != half {
			t.Errorf("%s: half a character is %v", text, !half)
		}
	}
}
