package simulator

// DecodeRow and EncodeRow let the fuzzer at the ledger's lines.
var (
	DecodeRow = decodeRow
	EncodeRow = encodeRow
)
