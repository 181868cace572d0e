// Package simulator is payment providers and carriers that live beside the
// system and keep a ledger of their own, so that a run can be judged by what
// the outside world saw and not by what the system says of itself.
//
//	caller ── Capture(key) ──▶ choose behaviour ─▶ provider's rules ─▶ ledger.jsonl, fsync ─▶ reply ── or not
//	                             │                                        │
//	                             ├ hang, fail, unavailable: no effect     ├ lose_reply: the effect stands, the caller learns nothing
//	                             └ twice: the rules run twice             └ late: the reply comes LateBy after the effect
//
// Every call that arrives is one row of the ledger (a call delivered twice is
// two), and a call is answered only when its row is on the disk. Opening the
// ledger again brings back every key the provider ever answered.
//
// # The providers
//
// There are two gateways and two carriers, named by [Names], so that a change from
// one to another can be tried. Each has keys, tombstones, outages, rates and scripts
// of its own: a key that one has seen is new to the other. All of them write to one
// ledger, which therefore shows an order that was charged at both. Package remote
// serves them to other processes, so that a fleet has one ledger too.
//
// # The provider's rules
//
// A key is answered as it was answered before and has one effect. Another
// amount, order or token under the same key is Rejected as
// idempotency_mismatch. Refunds of a charge never exceed what was captured. A
// void leaves a tombstone: a capture that arrives after it is Rejected as
// voided; a void of a captured charge is Rejected as already_captured. A
// cancellation likewise leaves a tombstone against a late booking.
//
// # How it is made to misbehave
//
// The first of these that says something decides about a call:
//
//  1. [Simulator.Next]: the script for one operation and key, one call per entry.
//
//  2. [Simulator.SetOutage]: every call to one provider.
//
//  3. The token of a capture: "tok_" and a [Behaviour]. With "_once" behind it
//     only the first capture under the key misbehaves:
//
//     tok_decline  tok_insufficient_funds  tok_hang  tok_fail  tok_lose_reply
//     tok_late  tok_twice  tok_unavailable  tok_fail_once  tok_hang_once  …
//
//     Any other token works, tok_visa among them.
//
//  4. With [Options.Magic], the last four digits of the minor amount of a
//     capture or refund, or of the units of a booking:
//
//     9001 decline  9002 insufficient_funds (booking: decline)  9003 hang  9004 fail
//     9005 lose_reply  9006 late  9007 twice  9008 unavailable
//
//     It is off by default: the amounts of real invoices end in anything.
//
//  5. [Options.Payment] and [Options.Shipping], or [Options.Named]: by chance, drawn
//     from the seed, the operation, the name, the key and the number of the attempt,
//     so that a seed misbehaves alike in every run whatever the order of the calls.
package simulator
