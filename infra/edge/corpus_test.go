package edge_test

import (
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"maps"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"orderflow/infra/edge"
)

type m = map[string]any

// badToken is one that must not count, and the reason that is written down.
type badToken struct {
	name   string
	reason edge.Reason
	header string // the whole value of Authorization
}

// corpus has every way to be wrong that has been tried on verifiers of JWTs.
func corpus(ed, ec, rs signer) (bad []badToken) {
	add := func(name string, reason edge.Reason, token string) {
		bad = append(bad, badToken{name, reason, "Bearer " + token})
	}
	unsigned := func(alg string) string { return b64(ed.header(m{"alg": alg})) + "." + b64(claims()) + "." }
	parts := strings.Split(ed.good(), ".")
	now := time.Now()

	for _, alg := range []string{"none", "None", "nOnE", "NONE", ""} {
		add("alg "+alg+" without a signature", edge.BadForm, unsigned(alg))
		add("alg "+alg+" with one", edge.BadAlgorithm, ed.token(ed.header(m{"alg": alg}), claims()))
	}
	add("alg missing", edge.BadAlgorithm, ed.token(ed.header(m{"alg": nil}), claims()))
	add("alg is a number", edge.BadAlgorithm, ed.token(ed.header(m{"alg": 5}), claims()))
	add("alg in lower case", edge.BadAlgorithm, ed.token(ed.header(m{"alg": "eddsa"}), claims()))
	for _, secret := range [][]byte{pkix(rs.public), []byte(pemOf(rs.public)), keySet(rs), {}} {
		add("HS256 with the RSA key as the secret", edge.BadAlgorithm, hs256(rs.kid, secret))
	}
	add("HS256 with the EC key as the secret", edge.BadAlgorithm, hs256(ec.kid, pkix(ec.public)))
	add("HS256 with the Ed25519 key as the secret", edge.BadAlgorithm, hs256(ed.kid, pkix(ed.public)))
	add("ES256 claimed for the RSA key", edge.BadAlgorithm, ec.token(rs.header(m{"alg": "ES256"}), claims()))
	add("RS512 claimed for the RSA key", edge.BadAlgorithm, rs.token(rs.header(m{"alg": "RS512"}), claims()))
	add("PS256 claimed for the RSA key", edge.BadAlgorithm, rs.token(rs.header(m{"alg": "PS256"}), claims()))
	add("ES384 claimed for the P-256 key", edge.BadAlgorithm, ec.token(ec.header(m{"alg": "ES384"}), claims()))

	add("signature empty", edge.BadForm, parts[0]+"."+parts[1]+".")
	add("signature of another token", edge.BadSignature, parts[0]+"."+parts[1]+"."+strings.Split(ed.good(m{"sub": "eve"}), ".")[2])
	add("signature one bit off", edge.BadSignature, parts[0]+"."+parts[1]+"."+flipped(parts[2]))
	add("signature cut short", edge.BadSignature, parts[0]+"."+parts[1]+"."+parts[2][:40])
	add("claims changed after signing", edge.BadSignature, parts[0]+"."+b64(claims(m{"customer": "bob"}))+"."+parts[2])
	add("header changed after signing", edge.BadSignature, b64(ed.header(m{"cty": "x"}))+"."+parts[1]+"."+parts[2])
	add("ECDSA signature of zeros", edge.BadSignature, b64(ec.header())+"."+b64(claims())+"."+b64(strings.Repeat("\x00", 64)))
	add("ECDSA signature in DER", edge.BadSignature, b64(ec.header())+"."+b64(claims())+"."+b64("\x30\x06\x02\x01\x01\x02\x01\x01"))
	add("ECDSA signature with r = n", edge.BadSignature, b64(ec.header())+"."+b64(claims())+"."+b64(string(elliptic.P256().Params().N.Bytes())+strings.Repeat("\x01", 32)))
	add("signed by another key under a known kid", edge.BadSignature, newEd25519(ed.kid).good())

	for _, kid := range []string{"../../etc/passwd", "x' OR '1'='1", "https://evil.example/key", "/dev/null", "gone", strings.Repeat("k", 500), "a\x00b"} {
		add("kid "+kid, edge.UnknownKey, ed.token(ed.header(m{"kid": kid}), claims()))
	}
	add("kid missing", edge.UnknownKey, ed.token(ed.header(m{"kid": nil}), claims()))
	add("kid empty", edge.UnknownKey, ed.token(ed.header(m{"kid": ""}), claims()))
	add("kid is a list", edge.UnknownKey, ed.token(ed.header(m{"kid": []string{ed.kid}}), claims()))

	eve := newEd25519("eve")
	add("jwk brought along", edge.BadHeader, eve.token(eve.header(m{"jwk": eve.jwkOf()}), claims()))
	add("jwk brought along under a known kid", edge.BadHeader, eve.token(ed.header(m{"jwk": eve.jwkOf()}), claims()))
	add("jku", edge.BadHeader, eve.token(eve.header(m{"jku": "https://evil.example/jwks.json"}), claims()))
	add("jku of our own issuer", edge.BadHeader, ed.token(ed.header(m{"jku": issuerName + "/jwks.json"}), claims()))
	add("x5u", edge.BadHeader, eve.token(eve.header(m{"x5u": "https://evil.example/cert.pem"}), claims()))
	add("x5c", edge.BadHeader, eve.token(eve.header(m{"x5c": []string{"MIIB"}}), claims()))
	add("crit", edge.BadHeader, ed.token(ed.header(m{"crit": []string{"exp"}, "exp": 1}), claims()))
	add("crit empty", edge.BadHeader, ed.token(ed.header(m{"crit": []string{}}), claims()))
	add("b64 false", edge.BadHeader, ed.token(ed.header(m{"b64": false, "crit": []string{"b64"}}), claims()))
	add("b64 false without crit", edge.BadHeader, ed.token(ed.header(m{"b64": false}), claims()))
	add("zip", edge.BadHeader, ed.token(ed.header(m{"zip": "DEF"}), claims()))

	for _, typ := range []any{nil, "", "JOSE", "dpop+jwt", "logout+jwt", 7, "text/jwt"} {
		add("wrong typ", edge.BadType, ed.token(ed.header(m{"typ": typ}), claims()))
	}

	add("issuer wrong", edge.BadIssuer, ed.good(m{"iss": "https://evil.example"}))
	add("issuer with a slash more", edge.BadIssuer, ed.good(m{"iss": issuerName + "/"}))
	add("issuer missing", edge.BadClaims, ed.good(m{"iss": nil}))
	add("issuer is a list", edge.BadClaims, ed.good(m{"iss": []string{issuerName}}))
	add("audience wrong", edge.BadAudience, ed.good(m{"aud": "another"}))
	add("audience in upper case", edge.BadAudience, ed.good(m{"aud": "ORDERFLOW"}))
	add("audience a list without us", edge.BadAudience, ed.good(m{"aud": []string{"a", "b"}}))
	add("audience an empty list", edge.BadClaims, ed.good(m{"aud": []string{}}))
	add("audience a list of numbers", edge.BadClaims, ed.good(m{"aud": []any{1, audience}}))
	add("audience missing", edge.BadClaims, ed.good(m{"aud": nil}))

	add("expired", edge.Expired, ed.good(m{"exp": now.Add(-time.Minute).Unix()}))
	add("expired by more than the leeway", edge.Expired, ed.good(m{"exp": now.Add(-edge.Leeway - time.Second).Unix()}))
	add("expired for ever", edge.Expired, ed.good(m{"exp": 1}))
	for _, exp := range []any{nil, "1999999999", 1999999999.5, true, []int{1999999999}, m{}, -1, 0} {
		add("exp of a wrong form", edge.BadClaims, ed.good(m{"exp": exp}))
	}
	for _, exp := range []string{"1e10", "9223372036854775808", "99999999999999999999999999", "253402300800", "null", "01999999999", "+1999999999"} {
		reason := edge.BadClaims
		if exp[0] == '0' || exp[0] == '+' {
			reason = edge.BadForm
		}
		add("exp "+exp, reason, ed.token(ed.header(), strings.Replace(claims(m{"exp": "EXP"}), `"EXP"`, exp, 1)))
	}
	add("nbf to come", edge.TooEarly, ed.good(m{"nbf": now.Add(time.Minute).Unix()}))
	add("nbf a text", edge.BadClaims, ed.good(m{"nbf": "0"}))
	add("iat to come", edge.TooEarly, ed.good(m{"iat": now.Add(time.Minute).Unix()}))
	add("iat a float", edge.BadClaims, ed.good(m{"iat": 1.5}))

	for _, sub := range []any{nil, "", " ada", 5, "a\nb", strings.Repeat("s", 129)} {
		add("subject of a wrong form", edge.BadClaims, ed.good(m{"sub": sub}))
	}
	for _, customer := range []any{"", " ", 5, []string{"ada"}, "a\x00", strings.Repeat("c", 129)} {
		add("customer of a wrong form", edge.BadClaims, ed.good(m{"customer": customer}))
	}
	for _, scope := range []any{[]string{"orders"}, 5, "orders  admin", " orders", "orders\tadmin", "ordérs", strings.Repeat("x ", 65) + "x"} {
		add("scope of a wrong form", edge.BadClaims, ed.good(m{"scope": scope}))
	}

	twice := func(s, member string) string { return strings.TrimSuffix(s, "}") + "," + member + "}" }
	add("claim twice", edge.BadForm, ed.token(ed.header(), twice(claims(), `"customer":"bob"`)))
	add("claim twice, once escaped", edge.BadForm, ed.token(ed.header(), twice(claims(), `"c\u0075stomer":"bob"`)))
	add("claim twice, deep within", edge.BadForm, ed.token(ed.header(), twice(claims(), `"act":{"sub":"a","sub":"b"}`)))
	add("header twice", edge.BadForm, ed.token(twice(ed.header(), `"alg":"none"`), claims()))
	add("header twice, the same", edge.BadForm, ed.token(twice(ed.header(), `"typ":"JWT"`), claims()))
	add("claims nest deeply", edge.BadForm, ed.token(ed.header(), twice(claims(), `"x":`+strings.Repeat("[", 50)+strings.Repeat("]", 50))))
	add("claims with very many members", edge.BadForm, ed.token(ed.header(), twice(claims(), `"x":[`+strings.Repeat("1,", 500)+"1]")))
	add("claims with something after them", edge.BadForm, ed.token(ed.header(), claims()+"{}"))
	add("claims a list", edge.BadForm, ed.token(ed.header(), "["+claims()+"]"))
	add("claims null", edge.BadForm, ed.token(ed.header(), "null"))
	add("claims not JSON", edge.BadForm, ed.token(ed.header(), "sub=ada"))
	add("claims empty", edge.BadForm, ed.token(ed.header(), ""))
	add("claims not UTF-8", edge.BadForm, ed.token(ed.header(), strings.Replace(claims(), "ada@", "\xff@", 1)))
	add("claims with a byte order mark", edge.BadForm, ed.token(ed.header(), "\xef\xbb\xbf"+claims()))
	add("header not JSON", edge.BadForm, ed.token("EdDSA", claims()))

	add("too large", edge.TooLarge, ed.good(m{"x": strings.Repeat("x", edge.MaxTokenBytes)}))
	add("padded", edge.BadForm, parts[0]+"=."+parts[1]+"."+parts[2])
	add("standard base64", edge.BadForm, parts[0]+"."+base64.StdEncoding.EncodeToString([]byte(claims(m{"x": "???>>>"})))+"."+parts[2])
	add("bits left over in base64", edge.BadForm, parts[0]+"."+parts[1]+"."+leftover(parts[2]))
	add("a line break within", edge.BadForm, parts[0]+"."+parts[1][:8]+"\n"+parts[1][8:]+"."+parts[2])
	add("a space within", edge.BadForm, parts[0]+" ."+parts[1]+"."+parts[2])
	add("a space before", edge.BadForm, " "+ed.good())
	add("a tab after", edge.BadForm, ed.good()+"\t")
	add("two parts", edge.BadForm, parts[0]+"."+parts[1])
	add("four parts", edge.BadForm, ed.good()+"."+parts[2])
	add("five parts, as a JWE", edge.BadForm, strings.Join([]string{b64(`{"alg":"dir","enc":"A128GCM"}`), "", b64("iv"), b64("text"), b64("tag")}, "."))
	add("JSON serialization", edge.BadForm, `{"payload":"`+parts[1]+`","protected":"`+parts[0]+`","signature":"`+parts[2]+`"}`)
	add("dots alone", edge.BadForm, "..")
	add("a word", edge.BadForm, "token")
	add("a token in a token", edge.BadForm, ed.token(ed.header(m{"cty": "JWT"}), ed.good()))

	for _, value := range []string{"", "Bearer", "Bearer ", "Basic YWRhOmFkYQ==", "Token " + ed.good(), ed.good(), "Bearer\t" + ed.good(), "DPoP " + ed.good()} {
		bad = append(bad, badToken{"Authorization " + value, edge.BadScheme, value})
	}
	return bad
}

// TestBadTokensAreAllRefusedAlike sends the corpus, twice each.
func TestBadTokensAreAllRefusedAlike(t *testing.T) {
	ed, ec, rs := newEd25519("ed"), newECDSA("ec", elliptic.P256()), newRSA("rs", "RS256", 2048)
	f := open(t, publish(ed, ec, rs).options())
	bad := corpus(ed, ec, rs)
	t.Logf("%d bad tokens", len(bad))
	if len(bad) < 45 {
		t.Errorf("the corpus has only %d", len(bad))
	}
	var headers http.Header
	var text string
	for _, c := range bad {
		for range 2 {
			f.reasons = nil
			r := f.ask(http.MethodGet, "/v1/orders", "Authorization", c.header)
			got := body(t, r)
			if r.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s: status %d", c.name, r.StatusCode)
				continue
			}
			if headers == nil {
				headers, text = r.Header, got
			}
			if got != text || !maps.EqualFunc(r.Header, headers, slices.Equal) {
				t.Errorf("%s is told apart:\n%s\n%v\nand not\n%s\n%v", c.name, got, r.Header, text, headers)
			}
			if len(f.reasons) != 1 || f.reasons[0] != c.reason {
				t.Errorf("%s: the reasons are %v, not %s", c.name, f.reasons, c.reason)
			}
		}
	}
	if headers.Get("WWW-Authenticate") != "Bearer" || headers.Get("Content-Type") != "application/problem+json" || !strings.Contains(text, `"/problems/unauthenticated"`) {
		t.Errorf("the refusal is\n%v\n%s", headers, text)
	}
	if f.passed != 0 {
		t.Errorf("%d bad tokens came through", f.passed)
	}
	two := f.ask(http.MethodGet, "/v1/orders", "Authorization", "Bearer "+ed.good(), "Authorization", "Bearer "+ed.good())
	none := f.ask(http.MethodGet, "/v1/orders?access_token="+ed.good())
	if got := body(t, two); two.StatusCode != http.StatusUnauthorized || got != text {
		t.Errorf("two tokens are answered %d %s", two.StatusCode, got)
	}
	if got := body(t, none); none.StatusCode != http.StatusUnauthorized || got != text {
		t.Errorf("a token in the address is answered %d %s", none.StatusCode, got)
	}
}

// TestGoodTokensAreAccepted sends each variant twice: verified, then known.
func TestGoodTokensAreAccepted(t *testing.T) {
	ed, ec, rs := newEd25519("ed"), newECDSA("ec", elliptic.P256()), newRSA("rs", "RS256", 2048)
	f := open(t, publish(ed, ec, rs).options())
	now := time.Now()
	for name, token := range map[string]string{
		"EdDSA": ed.good(), "ES256": ec.good(), "RS256": rs.good(),
		"typ at+jwt":             ed.token(ed.header(m{"typ": "at+jwt"}), claims()),
		"typ application/at+jwt": ed.token(ed.header(m{"typ": "application/at+jwt"}), claims()),
		"typ jwt":                ed.token(ed.header(m{"typ": "jwt"}), claims()),
		"header with x5t":        ed.token(ed.header(m{"x5t": "abc"}), claims()),
		"audience a list":        ed.good(m{"aud": []string{"another", audience}}),
		"no nbf, no iat":         ed.good(m{"iat": nil}),
		"nbf in the past":        ed.good(m{"nbf": now.Add(-time.Minute).Unix()}),
		"nbf within the leeway":  ed.good(m{"nbf": now.Add(edge.Leeway / 2).Unix()}),
		"iat within the leeway":  ed.good(m{"iat": now.Add(edge.Leeway / 2).Unix()}),
		"exp within the leeway":  ed.good(m{"exp": now.Add(-edge.Leeway / 2).Unix()}),
		"no customer":            ed.good(m{"customer": nil}),
		"other claims":           ed.good(m{"act": m{"sub": "x"}, "roles": []string{"a"}}),
		"large":                  ed.good(m{"x": strings.Repeat("x", 5_000)}),
	} {
		f.cached, f.reasons = nil, nil
		if a, b := f.with(token), f.with(token); a != http.StatusNoContent || b != http.StatusNoContent || !slices.Equal(f.cached, []bool{false, true}) {
			t.Errorf("%s: %d, then %d; cached %v, reasons %v", name, a, b, f.cached, f.reasons)
		}
	}
	for scheme, want := range map[string]int{"bearer": http.StatusNoContent, "BEARER": http.StatusNoContent} {
		if got := f.ask(http.MethodGet, "/", "Authorization", scheme+" "+ed.good()).StatusCode; got != want {
			t.Errorf("%s: %d", scheme, got)
		}
	}
}

// TestCallerIsWhatTheTokenSays reads the claims that a request goes on with.
func TestCallerIsWhatTheTokenSays(t *testing.T) {
	ed := newEd25519("ed")
	f := open(t, publish(ed).options())
	expires := time.Now().Add(time.Hour).Truncate(time.Second)
	for _, c := range []struct {
		change   m
		customer string
		scopes   []string
	}{
		{m{}, "ada", []string{"orders"}},
		{m{"scope": "orders support x:y/z"}, "ada", []string{"orders", "support", "x:y/z"}},
		{m{"scope": nil, "customer": nil}, "", nil},
		{m{"scope": ""}, "ada", nil},
		{m{"customer": "Zoë & söhne/1"}, "Zoë & söhne/1", []string{"orders"}},
		{m{"Customer": "bob", "SCOPE": "admin", "EXP": 1}, "ada", []string{"orders"}}, // names are what they are
	} {
		c.change["exp"] = expires.Unix()
		token := ed.good(c.change)
		for range 2 {
			f.callers = nil
			if status := f.with(token); status != http.StatusNoContent {
				t.Fatalf("%v: status %d, %v", c.change, status, f.reasons)
			}
			got := f.callers[0]
			if got.Subject != "ada@example.org" || string(got.Customer) != c.customer || !slices.Equal(got.Scopes, c.scopes) || !got.Expires.Equal(expires) {
				t.Errorf("%v: the caller is %+v", c.change, got)
			}
		}
	}
}

// TestWeakKeysAreNotTaken publishes keys that are not for us beside two that are.
func TestWeakKeysAreNotTaken(t *testing.T) {
	ed := newEd25519("ed")
	weak, p384, k2048 := newRSA("weak", "RS256", 1536), newECDSA("p384", elliptic.P384()), newRSA("strong", "RS256", 2048)
	pss, enc, symmetric, private := newRSA("pss", "PS256", 2048).jwkOf(), newEd25519("enc").jwkOf(), m{"kty": "oct", "k": b64("secret"), "kid": "oct", "alg": "HS256"}, newEd25519("priv").jwkOf()
	enc["use"], private["d"] = "enc", b64(strings.Repeat("d", 32))
	even := k2048.jwkOf()
	even["kid"], even["e"] = "even", b64(string(big.NewInt(65536).Bytes()))
	off := newECDSA("off", elliptic.P256()).jwkOf()
	off["x"] = b64(strings.Repeat("\x01", 32))
	set := keySet(ed, k2048)
	for _, key := range []m{weak.jwkOf(), p384.jwkOf(), pss, enc, symmetric, private, even, off, {"kty": "unknown", "kid": "u"}, {"kid": "n"}} {
		set = appendKey(set, key)
	}
	p := publish()
	p.change(set)
	f := open(t, p.options())
	for token, want := range map[string]int{ed.good(): http.StatusNoContent, k2048.good(): http.StatusNoContent, weak.good(): http.StatusUnauthorized, p384.good(): http.StatusUnauthorized} {
		if got := f.with(token); got != want {
			t.Errorf("%d, not %d: %v", got, want, f.reasons)
		}
	}
	f.reasons = nil
	for _, kid := range []string{"weak", "p384", "pss", "enc", "oct", "priv", "even", "off", "u", "n"} {
		f.with(ed.token(ed.header(m{"kid": kid}), claims()))
	}
	if want := slices.Repeat([]edge.Reason{edge.UnknownKey}, 10); !slices.Equal(f.reasons, want) {
		t.Errorf("the reasons are %v", f.reasons)
	}
}

func appendKey(set []byte, key m) []byte {
	return []byte(strings.TrimSuffix(string(set), "]}") + "," + merged(key) + "]}")
}

func pkix(key any) []byte {
	der, err := x509.MarshalPKIXPublicKey(key)
	must(err)
	return der
}

func pemOf(key any) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pkix(key)}))
}

// hs256 signs with a public key as if it were a secret.
func hs256(kid string, secret []byte) string {
	s := signer{kid: kid, alg: "HS256", sign: func(data []byte) []byte {
		h := hmac.New(sha256.New, secret)
		h.Write(data)
		return h.Sum(nil)
	}}
	return s.good()
}

func flipped(part string) string {
	data, err := base64.RawURLEncoding.DecodeString(part)
	must(err)
	data[10] ^= 1
	return base64.RawURLEncoding.EncodeToString(data)
}

// leftover sets bits that base64 has to leave at zero.
func leftover(part string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, part[len(part)-1])
	return part[:len(part)-1] + string(alphabet[last|1])
}
