// Package node composes one process: it opens the log, the stores and the providers
// that its roles need, runs sagas, views, relay and API, says when it is ready, and
// closes all of it. See [App].
package node
