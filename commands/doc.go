// Package commands is the requests that the system takes, one file each. A command
// is decided on the state of one or more streams by package aggregate, which
// appends the events that follow.
//
// A [Bus] carries commands; [Local] decides them in this process. Sending a
// command again is safe: its id is derived from its contents, so the log
// recognises a repeat. A command about a stream that lacks events, because it was
// truncated or deleted in the store, is Incomplete.
package commands
