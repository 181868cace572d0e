// Package orderflow is the map of the system; it holds no code.
//
// Facts flow in one direction:
//
//	client → httpapi → commands → domain (decide) → event log ─┬→ projections → readmodels → queries
//	                                                           └→ sagas: fulfilment → charging → dispatching → commands
//
//	domain/             identifiers, money, kinds of error; standard library only, no clock, no chance
//	domain/decider/     the shape of every aggregate: fold and decide; decidertest/ is given/when/then
//	domain/eventlog/    the contract of the log; eventlogtest/ is the suite every store passes
//	domain/order/ inventory/ payment/ shipment/ catalog/ fulfilment/   one aggregate each: events, state, decisions
//	commands/           one file per request; commandstest/ is the suite of its ports
//	commands/aggregate/ how a decision becomes an append: cached states, batches, snapshots; aggregatetest/ has logs that fail or hang
//	following/          reading the log for what must keep up with it: what becomes of a failure, and when nothing comes
//	sagas/              the driver; fulfilling/ charging/ dispatching/ do the work that spans aggregates; sagastest/ is the suite of feeds,
//	                    and below those of the ports: chargingtest/ for payment gateways, dispatchingtest/ for carriers, providertest/ what both share
//	readmodels/         what readers see: one file per view, with its columns and questions; viewsql/ makes SQL from them;
//	                    readmodelstest/ is the suite every store of views passes
//	projections/        event → change of a view; runner, rebuild, verify; projectionstest/ makes histories and tries stores
//	internal/           leaves, one idea each, for all but the domain: backoff/ policies of tries; pause/ waits that may be cut short;
//	                    broadcast/ wakes all who wait; pool/ reuses goroutines; priority/ a queue with items that move;
//	                    bloom/ a filter of keys; breaker/ skips calls that would fail; strictjson/ what encoding/json lets pass
//	infra/memory/       every port in memory: the fake of all tests
//	infra/pebblelog/    the event log on Pebble: the embedded default; scrub/ verifies the checksums of its tables
//	infra/esdbserver/   an EventStoreDB node on any log; internal/ has engine/, what it does, and groups/, persistent subscriptions;
//	                    userspb/ operationspb/ two protocols that the official client lacks, userclient/ asks about users,
//	                    strict/ what a real server answers, as questions to any, fitness/ whether
//	                    a server fits the product, servers/ the connections of both, conformance/ the official client's own suite,
//	                    clustertest/ three nodes on one log, for tests, nodetest/ one node, for examples
//	infra/eventstoredb/ the event log in EventStoreDB, or in any node that speaks its protocol
//	infra/kafka/        events to other processes: relay, feeds of sagas, retry queue, poison (AsyncAPI 3)
//	infra/sqlite/       views and checkpoints in SQLite
//	infra/postgres/     views, checkpoints, snapshots and leases in PostgreSQL, for a fleet
//	infra/redis/        what a fleet shares to be fast: copies of rows, limiter, results, stock, counters; never the truth
//	infra/simulator/    two payment gateways and two carriers that can misbehave, with one ledger of their own; remote/ serves
//	                    them to other processes
//	infra/resilience/   breaker, bulkhead and timeout around every outside call
//	infra/httpapi/      the public API (OpenAPI 3.1)
//	infra/edge/         what stands before it: bearer tokens, CORS, security headers, limits on rate
//	infra/peers/        commands from process to process of a fleet
//	infra/telemetry/    metrics and the private listener
//	infra/retail/       real invoices as orders and returns
//	infra/deploy/       what surrounds the binary where it runs: containers, proxies, monitoring; servicestest/ gives tests real servers
//	infra/baseline/     the databases alone, for benchmarks to compare with
//	infra/tools/        the linters' versions, in a module of its own
//	cmd/orderflow/      the binary: the frame of the command line, and one file per subcommand; below it, in internal/:
//	  node/             one process: what its roles need is opened, run, watched and closed
//	  client/  admin/   clients of the public API and of administration
//	  target/           which system a subcommand works on
//	  audit/            the sums of a whole log, and its holes
//	  demo/  bench/     the demonstration and the measurements
//	  terminal/  build/ what is printed, exit codes; which build this is
//	docs/glossary.md    the words of this code base, and where each lives
//	docs/architecture.md   one order through the code, step by step
//	docs/adr/           decisions that were not obvious, and why
//
// Who may import whom is listed in arch_test.go, which fails when a package strays.
package orderflow
