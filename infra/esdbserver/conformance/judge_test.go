package conformance_test

import (
	"slices"
	"strings"
	"testing"

	"orderflow/infra/esdbserver/conformance"
)

const (
	leaves = `# what there is
TestStreams/Append/one	insecure,tls
TestStreams/Append/wrong password	tls
TestProjections/create	insecure
TestCluster/leader	cluster
`
	excused = `TestProjections/create	there is no projections engine
TestCluster/leader	there is one node
`
)

// A good run of each kind, as test2json prints it.
const (
	insecureRun = `{"Action":"start"}
{"Action":"run","Test":"TestStreams"}
{"Action":"run","Test":"TestStreams/Append"}
{"Action":"run","Test":"TestStreams/Append/one"}
{"Action":"output","Test":"TestStreams/Append/one","Output":"hello\n"}
{"Action":"pass","Test":"TestStreams/Append/one","Elapsed":0.1}
{"Action":"run","Test":"TestStreams/Append/wrong password"}
{"Action":"skip","Test":"TestStreams/Append/wrong password"}
{"Action":"pass","Test":"TestStreams/Append"}
{"Action":"pass","Test":"TestStreams"}
{"Action":"run","Test":"TestProjections"}
{"Action":"run","Test":"TestProjections/create"}
{"Action":"fail","Test":"TestProjections/create"}
{"Action":"fail","Test":"TestProjections"}
{"Action":"fail"}
`
	tlsRun = `{"Action":"run","Test":"TestStreams"}
{"Action":"run","Test":"TestStreams/Append"}
{"Action":"run","Test":"TestStreams/Append/one"}
{"Action":"pass","Test":"TestStreams/Append/one"}
{"Action":"run","Test":"TestStreams/Append/wrong password"}
{"Action":"pass","Test":"TestStreams/Append/wrong password"}
{"Action":"pass","Test":"TestStreams/Append"}
{"Action":"pass","Test":"TestStreams"}
{"Action":"pass"}
`
)

// without drops the lines that hold a text.
func without(stream, text string) string {
	lines := strings.SplitAfter(stream, "\n")
	return strings.Join(slices.DeleteFunc(lines, func(line string) bool { return strings.Contains(line, text) }), "")
}

func TestJudge(t *testing.T) {
	cases := []struct {
		name          string
		insecure, tls string
		want          string // the line
		problem       string // one of them; "" for none
	}{
		{"as expected", insecureRun, tlsRun, "conformance: 2 passed, 0 failed, 2 expected to fail", ""},
		{
			"an unlisted failure", insecureRun, strings.ReplaceAll(tlsRun, `"pass"`, `"fail"`),
			"conformance: 0 passed, 2 failed, 2 expected to fail", "TestStreams/Append/one (tls) failed",
		},
		{
			"an unexpected pass", strings.ReplaceAll(insecureRun, `"fail"`, `"pass"`), tlsRun,
			"conformance: 2 passed, 1 failed, 1 expected to fail",
			"TestProjections/create (insecure) passed, but is listed as one that cannot: there is no projections engine",
		},
		{
			"a test is missing", insecureRun, without(tlsRun, "Append/one"),
			"conformance: 1 passed, 1 failed, 2 expected to fail", "TestStreams/Append/one (tls) did not run",
		},
		{
			"an expected failure did not run", without(insecureRun, "TestProjections/create"), tlsRun,
			"conformance: 2 passed, 1 failed, 2 expected to fail", "TestProjections (insecure) is not in the list of tests (failed)",
		},
		{
			"a test is skipped that must run", insecureRun, strings.Replace(tlsRun, `"pass","Test":"TestStreams/Append/one"`, `"skip","Test":"TestStreams/Append/one"`, 1),
			"conformance: 1 passed, 1 failed, 2 expected to fail", "TestStreams/Append/one (tls) was skipped",
		},
		{
			"a test is new", insecureRun, tlsRun + `{"Action":"run","Test":"TestNew"}` + "\n" + `{"Action":"pass","Test":"TestNew"}` + "\n",
			"conformance: 2 passed, 1 failed, 2 expected to fail", "TestNew (tls) is not in the list of tests (passed)",
		},
		{
			"a panic", insecureRun, tlsRun[:strings.Index(tlsRun, `{"Action":"pass","Test":"TestStreams/Append/wrong`)] + "panic: oh\n" + `{"Action":"fail"}` + "\n",
			"conformance: 1 passed, 1 failed, 2 expected to fail", "TestStreams/Append/wrong password (tls) did not end",
		},
		{
			"the whole is cut short", insecureRun, without(tlsRun, `{"Action":"pass"}`),
			"conformance: 2 passed, 1 failed, 2 expected to fail", "the whole (tls) was cut short",
		},
		{
			"the whole fails for no test", insecureRun, strings.Replace(tlsRun, `{"Action":"pass"}`, `{"Action":"fail"}`, 1),
			"conformance: 2 passed, 1 failed, 2 expected to fail", "the whole (tls) failed, though no test did",
		},
		{
			"a group fails by itself", insecureRun, strings.Replace(tlsRun, `"pass","Test":"TestStreams/Append"`, `"fail","Test":"TestStreams/Append"`, 1),
			"conformance: 2 passed, 1 failed, 2 expected to fail", "TestStreams/Append (tls) failed, though no test in it did",
		},
	}
	e, err := conformance.NewExpectations(leaves, excused)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			v := conformance.Judge(e, read(t, "insecure", c.insecure), read(t, "tls", c.tls))
			if v.String() != c.want {
				t.Errorf("%s; want %s", v, c.want)
			}
			if found := slices.Contains(v.Problems, c.problem); found != (c.problem != "") {
				t.Errorf("problems %q; want %q", v.Problems, c.problem)
			}
			if (len(v.Problems) == 0) != (len(v.Failed) == 0) || (c.problem == "") != (len(v.Failed) == 0) {
				t.Errorf("failed %q, problems %q", v.Failed, v.Problems)
			}
		})
	}
}

func TestJudgeWantsEveryRun(t *testing.T) {
	e, err := conformance.NewExpectations(leaves, excused)
	if err != nil {
		t.Fatal(err)
	}
	v := conformance.Judge(e, read(t, "insecure", insecureRun))
	if v.Passed != 0 || len(v.Failed) != 2 {
		t.Errorf("without a run over TLS: %s %q", v, v.Problems)
	}
	if v := conformance.Judge(e.Only("insecure"), read(t, "insecure", insecureRun)); v.Passed != 1 || v.ExpectedToFail != 1 || len(v.Failed) != 0 {
		t.Errorf("the part without TLS alone: %s %q", v, v.Problems)
	}
	bad := read(t, "tls", strings.Replace(tlsRun, `"pass","Test":"TestStreams/Append/one"`, `"fail","Test":"TestStreams/Append/one"`, 1))
	v = conformance.Judge(e, read(t, "insecure", insecureRun), read(t, "tls", tlsRun), bad, read(t, "tls", tlsRun))
	if want := []string{"TestStreams/Append/one"}; !slices.Equal(v.Failed, want) {
		t.Errorf("failed once in three rounds: %q; want %q", v.Failed, want)
	}
}

// TestJudgeBlamesWhoIsExcusedAndGone counts it, and all others as ever.
func TestJudgeBlamesWhoIsExcusedAndGone(t *testing.T) {
	e, err := conformance.NewExpectations(leaves, excused+"TestGone\tit is no more\n")
	if err != nil {
		t.Fatal(err)
	}
	v := conformance.Judge(e, read(t, "insecure", insecureRun), read(t, "tls", tlsRun))
	if want := "conformance: 2 passed, 1 failed, 2 expected to fail"; v.String() != want {
		t.Errorf("%s; want %s", v, want)
	}
	if want := "TestGone (tls) is excused, but is no test of the suite"; !slices.Contains(v.Problems, want) {
		t.Errorf("problems %q; want %q", v.Problems, want)
	}
}

func TestReadRunKeepsWhatWasPrinted(t *testing.T) {
	run := read(t, "insecure", "# a compiler speaks\n"+insecureRun)
	if got := run.Output["TestStreams/Append/one"]; got != "hello\n" {
		t.Errorf("the test printed %q", got)
	}
	if got := run.Output[""]; got != "# a compiler speaks\n" {
		t.Errorf("nobody printed %q", got)
	}
}

func TestExpectationsMustMakeSense(t *testing.T) {
	for _, c := range []struct{ leaves, excused string }{
		{"TestA\n", ""},
		{"TestA\t \n", ""},
		{leaves, "TestProjections/create\t\n"},
	} {
		if _, err := conformance.NewExpectations(c.leaves, c.excused); err == nil {
			t.Errorf("%q, %q were taken", c.leaves, c.excused)
		}
	}
}

func read(t *testing.T, kind, stream string) conformance.Run {
	t.Helper()
	run, err := conformance.ReadRun(kind, strings.NewReader(stream))
	if err != nil {
		t.Fatal(err)
	}
	return run
}
