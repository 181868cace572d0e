package simulator

// DecodeRow, EncodeRow and ReadOwn let the fuzzer at the ledger's lines.
var (
	DecodeRow = decodeRow
	EncodeRow = encodeRow
	ReadOwn   = readOwn
)
