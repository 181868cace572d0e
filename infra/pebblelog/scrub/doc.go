// Package scrub reads the table files of a Pebble database and compares every
// block with its checksum. It knows nothing of the event log that the tables
// hold; package pebblelog decides when to scrub and what damage means.
//
//	LiveTables ─► NewestFirst ─► New ─► Next ─► Span.Check ─► DamageError
package scrub
