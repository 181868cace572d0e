package orderflow_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A name is retired when the field has a better word for it. docs/glossary.md
// has the words that are used.
type retired struct {
	// name is a package-level name ("crew"), a member of a type ("Group.Fold"), or
	// a field or method of any type (".nudge").
	name   string
	folder string // where it is retired, subfolders included; tests too
	now    string // the name to use there, in the same form
}

// retiredNames lists the names that must not come back. Add a line when you
// rename something, sorted by folder.
var retiredNames = []retired{
	{"NewLocalAlone", "commands", "NewLocalSingleWriter"},
	{"about", "commands", ".stream"},
	{".about", "commands", ".stream"},
	{"because", "commands", "deterministicCause"},
	{"once", "commands", "causeWithID"},
	{"NewAggregate", "commands", "New"},
	{"Options.Alone", "commands/aggregate", "Options.SingleWriter"},
	{"cell", "commands/aggregate", "cacheEntry"},
	{"cells", "commands/aggregate", "stateCache"},
	{"crew", "commands/aggregate", "Aggregate.workers"},
	{"head", "commands/aggregate", "committedState"},
	{"kinded", "commands/aggregate", "withKind"},
	{".ask", "commands/aggregate", ".submit"},
	{".blind", "commands/aggregate", ".appendWithoutRead"},
	{".draft", "commands/aggregate", ".uncommitted"},
	{".forget", "commands/aggregate", ".invalidate"},
	{".half", "commands/aggregate", ".partial"},
	{".heat", "commands/aggregate", ".contention"},
	{".loud", "commands/aggregate", ".writes"},
	{".proved", "commands/aggregate", ".verified"},
	{".quiet", "commands/aggregate", ".noops"},
	{".settle", "commands/aggregate", ".processBatch"},
	{".spoil", "commands/aggregate", ".discardUncommitted"},
	{".take", "commands/aggregate", ".nextBatch"},

	{"Backwards", "domain/eventlog", "ReverseReader"},
	{"Ended", "domain/eventlog", "EndReader"},
	{"Located", "domain/eventlog", "PositionFinder"},
	{"Plain", "domain/eventlog", "JSONWriter"},
	{"PlainReader", "domain/eventlog", "JSONReader"},
	{"PlainWriter", "domain/eventlog", "JSONWriterTo"},
	{"Together", "domain/eventlog", "MultiAppender"},
	{".Odd", "domain/eventlog", ".Fallback"},
	{".Room", "domain/eventlog", ".Grow"},
	{".WritePlain", "domain", ".WriteJSONTo"},
	{"undoing", "domain/fulfilment", "compensating"},
	{"Undoing", "domain/fulfilment", "PhaseCompensating"},
	{"Undone", "domain/fulfilment", "PhaseCompensated"},
	{"Absent", "domain/inventory", "ReservationNone"},
	{"Committal", "domain/inventory", "ReservationCommitted"},
	{"Freed", "domain/inventory", "ReservationReleased"},
	{"Held", "domain/inventory", "ReservationHeld"},
	{"Short", "domain/inventory", "ReservationRefused"},
	{"Standing", "domain/inventory", "ReservationStatus"},
	{"Standings", "domain/inventory", "ReservationStatuses"},
	{"Abandoned", "domain/order", "StatusCancelled"},
	{"Open", "domain/order", "StatusPlaced"},
	{"Refused", "domain/order", "StatusRejected"},
	{"Secured", "domain/order", "StatusConfirmed"},
	{"CalledOff", "domain/payment", "StatusVoided"},
	{"Calling", "domain/payment", "StatusAttempting"},
	{"InDoubt", "domain/payment", "StatusUnknown"},
	{"No", "domain/payment", "StatusDeclined"},
	{"Taken", "domain/payment", "StatusCaptured"},
	{"Waiting", "domain/payment", "StatusDeferred"},
	{"Arranged", "domain/shipment", "StatusBooked"},
	{"Arrived", "domain/shipment", "StatusDelivered"},
	{"CalledOff", "domain/shipment", "StatusCancelled"},
	{"Declined", "domain/shipment", "StatusRefused"},
	{"Underway", "domain/shipment", "StatusDispatched"},

	{"LookEvery", "following", "CheckEvery"},
	{"LoudAfter", "following", "WarnAfter"},
	{"act", "following", "decision"},
	{"ahead", "following", "observation"},
	{".judge", "following", ".evaluate"},
	{".loud", "following", ".stallReported"},

	{"Group.Fold", "projections", "Group.FoldVersion"},
	{"Mark", "projections", "Cursor"},
	{"Moved", "projections", "ChangeSource"},
	{"Readied", "projections", "Preparer"},
	{"broken", "projections", "errUnprojectable"},
	{"folder", "projections", "applier"},
	{"follower", "projections", "projector"},
	{"patience", "projections", "waitPolicy"},
	{"told", "projections", "orderFacts"},
	{".nudge", "projections", ".wake"},
	{".resting", "projections", ".evictable"},
	{".settle", "projections", ".markWritten"},
	{".stands", "projections", ".lastLook"},
	{".take", "projections", ".next"},
	{".tell", "projections", ".notify"},
	{".Standing", "projections", ".Stalled"},
	{".Standing", "readmodels", ".Stalled"},

	{"crew", "internal/pool", "Pool"},
	{".home", "internal/pool", ".drained"},

	{"Settler", "sagas", "Acker"},
	{"Standing", "sagas", "StalledFinder"},
	{"Stepped", "sagas", "StepObserver"},
	{"look", "sagas", "run"},
	{"place", "sagas", "resumePoint"},
	{"Giveback", "sagas/charging", "RefundRequest"},
	{"MaxAsks", "sagas/charging", "MaxLookups"},
	{"TurnRound", "sagas/fulfilling", "StepBeginCompensation"},
	{".Hurry", "sagas", ".RetryAll"},
	{".Settled", "sagas", ".Ack"},
	{".Standing", "sagas", ".Stalled"},
	{".Stepped", "sagas", ".Steps"},
	{".ask", "sagas", ".resolveOutcome"},
	{".settled", "sagas", ".acked"},
	{".take", "sagas", ".run"},
	{".tell", "sagas", ".signalChanged"},

	{"corridor", "infra/esdbserver", "connListener"},
	{"door", "infra/esdbserver", "protocolMux"},
	{"newDoor", "infra/esdbserver", "newProtocolMux"},
	{"nobody", "infra/esdbserver/clustertest", "noNode"},
	{"judge", "infra/esdbserver/fitness", "assess"},
	{"existing", "infra/esdbserver/internal/engine", "bloomFilter"},
	{"head", "infra/esdbserver/internal/engine", "streamState"},
	{"headOf", "infra/esdbserver/internal/engine", "stateLookup"},
	{"judge", "infra/esdbserver/internal/engine", "checkExpected"},
	{"judgeBehind", "infra/esdbserver/internal/engine", "checkRepeated"},
	{"lane", "infra/esdbserver/internal/engine", "writeQueue"},
	{"lanes", "infra/esdbserver/internal/engine", "writeQueues"},
	{"newExisting", "infra/esdbserver/internal/engine", "newBloomFilter"},
	{"newLane", "infra/esdbserver/internal/engine", "newWriteQueue"},
	{"newLanes", "infra/esdbserver/internal/engine", "newWriteQueues"},
	{"standing", "infra/esdbserver/internal/engine", "streamInfo"},
	{"standingOf", "infra/esdbserver/internal/engine", "streamInfoOf"},
	{"verdict", "infra/esdbserver/internal/engine", "outcome"},
	{"judge", "infra/eventstoredb", "findLeader"},
	{"leadAgain", "infra/eventstoredb", "unsettledPollInterval"},
	{"lookEvery", "infra/eventstoredb", "pollInterval"},
	{"lookGap", "infra/eventstoredb", "minPollGap"},
	{"lookTimeout", "infra/eventstoredb", "pollTimeout"},
	{"lookout", "infra/eventstoredb", "leaderWatch"},
	{"newLookout", "infra/eventstoredb", "newLeaderWatch"},
	{"verdict", "infra/eventstoredb", "leadership"},
	{"answer", "infra/httpapi", "statusRecorder"},
	{"answerShard", "infra/httpapi", "responseShard"},
	{"answerShards", "infra/httpapi", "responseShards"},
	{"answers", "infra/httpapi", "responseCache"},
	{"faulty", "infra/httpapi", "invalidRequest"},
	{"lean", "infra/httpapi", "fastPath"},
	{"maxAnswerBytes", "infra/httpapi", "maxResponseBytes"},
	{"maxAnswersBytes", "infra/httpapi", "maxResponsesBytes"},
	{"newAnswers", "infra/httpapi", "newResponseCache"},
	{"parseThen", "infra/httpapi", "parseAsOf"},
	{"then", "infra/httpapi", "asOf"},
	{"AskTimeout", "infra/kafka", "QueryTimeout"},
	{"PassTurn", "infra/kafka", "ReleaseNext"},
	{"askTries", "infra/kafka", "queryTries"},
	{"askWait", "infra/kafka", "queryWait"},
	{"flight", "infra/kafka", "inFlight"},
	{"newFlight", "infra/kafka", "newInFlight"},
	{"newTurn", "infra/kafka", "newPartitionOrder"},
	{"newVocabulary", "infra/kafka", "newEventRegistry"},
	{"newWindow", "infra/kafka", "newOffsetTracker"},
	{"patience", "infra/kafka", "retryPolicy"},
	{"pauses", "infra/kafka", "newBackoff"},
	{"turnKey", "infra/kafka", "partitionOrderKey"},
	{"vocabulary", "infra/kafka", "eventRegistry"},
	{"window", "infra/kafka", "offsetTracker"},
	{"withTurn", "infra/kafka", "withPartitionOrder"},
	{"heads", "infra/pebblelog", "headCache"},
	{"holds", "infra/pebblelog", "describeKeys"},
	{"maxTold", "infra/pebblelog", "maxDamages"},
	{"newHeads", "infra/pebblelog", "newHeadCache"},
	{"readWitness", "infra/pebblelog", "readSignedCheckpoint"},
	{"witness", "infra/pebblelog", "signedCheckpoint"},
	{"Damage", "infra/pebblelog/scrub", "DamageError"},
	{"Bare", "infra/postgres", "Baseline"},
	{"bareBatchRows", "infra/postgres", "baselineBatchRows"},
	{"bindStand", "infra/postgres", "bindCheckpoint"},
	{"newSeen", "infra/postgres", "bloomFilters"},
	{"newShelf", "infra/postgres", "newVersions"},
	{"newTexts", "infra/postgres", "tablesIn"},
	{"scanStand", "infra/postgres", "scanCheckpoint"},
	{"seenBits", "infra/postgres", "bloomFilterBits"},
	{"shelf", "infra/postgres", "versions"},
	{"texts", "infra/postgres", "tables"},
	{"floor", "infra/redis", "readWatermark"},
	{"keepWait", "infra/redis", "heartbeatInterval"},
	{"laneCount", "infra/redis", "breakerCount"},
	{"laneOf", "infra/redis", "breakerKeyOf"},
	{"leaveAlone", "infra/redis", "openFor"},
	{"ordersBefore", "infra/redis", "cachedOrders"},
	{"stocksBefore", "infra/redis", "cachedStock"},
	{"comeback", "infra/retail", "pendingReturn"},
	{"ledger", "infra/retail", "orderStates"},
	{"standing", "infra/retail", "orderProgress"},
	{"books", "infra/simulator", "providerState"},
	{"imprint", "infra/simulator", "fingerprint"},
	{"more", "infra/simulator", "countUp"},
	{"newBooks", "infra/simulator", "newProviderState"},
	{"penniless", "infra/simulator", "insufficientFunds"},
	{"standing", "infra/simulator", "keyStatus"},
	{"standingOf", "infra/simulator", "keyStatusOf"},
	{"Bare", "infra/sqlite", "Baseline"},
	{"asBegun", "infra/sqlite", "table.numberOrder"},
	{"bareBatchRows", "infra/sqlite", "baselineBatchRows"},
	{"bindStand", "infra/sqlite", "bindCheckpoint"},
	{"mover", "infra/sqlite", "walCheckpointer"},
	{"moverCacheKiB", "infra/sqlite", "checkpointerCacheKiB"},
	{"newShelf", "infra/sqlite", "newVersions"},
	{"shelf", "infra/sqlite", "versions"},
	{"startMover", "infra/sqlite", "startWALCheckpointer"},
}

// TestRetiredNames refuses every declaration of a retired name, and a line of the
// table whose new name is not in use.
func TestRetiredNames(t *testing.T) {
	declared := declarations(t)
	for _, r := range retiredNames {
		inUse := false
		for _, d := range declared {
			if d.folder != r.folder && !strings.HasPrefix(d.folder, r.folder+"/") {
				continue
			}
			if d.is(r.name) {
				t.Errorf("%s declares %s, which is retired in %s; use %s", d.at, d.name, r.folder, strings.TrimPrefix(r.now, "."))
			}
			inUse = inUse || d.is(r.now)
		}
		if !inUse {
			t.Errorf("the table says that %s in %s is named %s now, and nothing there has that name", r.name, r.folder, r.now)
		}
	}
}

// TestRetiredNamesAreFound has every kind of declaration in it.
func TestRetiredNamesAreFound(t *testing.T) {
	const source = `package p
type crew struct { home, away int; base }
type base interface { take() }
const half = 1
var loud, quiet = 1, 2
func blind() { heat := 1; _ = heat }
func (c *crew) rest() {}
func (c cell[S, E]) spoil() {}
`
	f, err := parser.ParseFile(token.NewFileSet(), "p.go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, n := range declaredIn(f) {
		got = append(got, n.Name)
	}
	for name, want := range membersIn(f) {
		got = append(got, want+"."+name.Name)
	}
	slices.Sort(got)
	if have, want := strings.Join(got, " "), "base base.take blind cell.spoil crew crew.away crew.home crew.rest half loud quiet"; have != want {
		t.Errorf("have %s, want %s", have, want)
	}
}

// declaration is one declared name.
type declaration struct {
	name   string // "crew", or "Group.Fold" for a member
	folder string
	at     string
}

// is reports whether d has a name in one of the forms of [retired].
func (d declaration) is(name string) bool {
	if member, ok := strings.CutPrefix(name, "."); ok {
		return strings.HasSuffix(d.name, "."+member)
	}
	return d.name == name
}

// declarations returns the names that the module's files declare outside of
// functions.
func declarations(t *testing.T) (all []declaration) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != "." && (d.Name() == "testdata" || d.Name()[0] == '.' || d.Name()[0] == '_'):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go"):
			return nil
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		folder := filepath.ToSlash(filepath.Dir(path))
		for _, n := range declaredIn(f) {
			all = append(all, declaration{n.Name, folder, set.Position(n.Pos()).String()})
		}
		for n, of := range membersIn(f) {
			all = append(all, declaration{of + "." + n.Name, folder, set.Position(n.Pos()).String()})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// declaredIn returns the package-level names of a file.
func declaredIn(f *ast.File) (names []*ast.Ident) {
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				names = append(names, d.Name)
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					names = append(names, s.Name)
				case *ast.ValueSpec:
					names = append(names, s.Names...)
				}
			}
		}
	}
	return names
}

// membersIn returns the methods of a file and the named fields and methods of its
// types, each with the name of its type.
func membersIn(f *ast.File) map[*ast.Ident]string {
	members := map[*ast.Ident]string{}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv != nil {
				members[d.Name] = receiver(d.Recv.List[0].Type)
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				s, ok := s.(*ast.TypeSpec)
				if !ok {
					continue
				}
				for _, n := range fieldsOf(s.Type) {
					members[n] = s.Name.Name
				}
			}
		}
	}
	return members
}

func fieldsOf(e ast.Expr) (names []*ast.Ident) {
	var list *ast.FieldList
	switch e := e.(type) {
	case *ast.StructType:
		list = e.Fields
	case *ast.InterfaceType:
		list = e.Methods
	default:
		return nil
	}
	for _, field := range list.List {
		names = append(names, field.Names...)
	}
	return names
}

// receiver returns the name of a receiver's type without pointer and parameters.
func receiver(e ast.Expr) string {
	for {
		switch x := e.(type) {
		case *ast.StarExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.IndexListExpr:
			e = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}
