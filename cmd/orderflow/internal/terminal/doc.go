// Package terminal writes what subcommands show: tables, progress, JSON, errors and
// exit codes.
package terminal
