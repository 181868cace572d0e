package readmodels

// OrderCursor lets the fuzzer at the cursors that pages give out.
var OrderCursor = orderCursor
