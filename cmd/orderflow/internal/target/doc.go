// Package target resolves which system a subcommand works on: a server that is asked
// by its API, or a node that runs in this process on a data directory.
package target
