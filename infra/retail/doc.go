// Package retail replays a year of real invoices, the UCI "Online Retail" data
// set, through the commands of this system.
//
//	file ─▶ Read ─▶ History ─▶ Run ─▶ receipts, products
//	                             └──▶ sales, returns ─▶ commands … sagas … events ─▶ Ledger ─▶ Run
//
// [Read] is a pure function from bytes to what happened. [Run] sends it in the
// order of the file and as concurrently as that order allows: an order goes
// out as soon as it is certain how it ends, whatever the orders before it do.
// All ids are derived from the file, so that the same file again, or the rest
// of it after a crash, is no news to the commands.
package retail
