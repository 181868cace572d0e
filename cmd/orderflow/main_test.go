package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"orderflow": main}) }

// TestScript runs the binary as its users do; see testdata/script.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("ORDERFLOW_LOG_LEVEL", "warn")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"await":        await,
			"capture":      capture,
			"certificates": certificates,
			"code":         code,
			"flip":         flip,
			"hide":         hide,
			"scavenged":    scavenged,
		},
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
	})
}
