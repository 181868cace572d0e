package client

// OutcomeWait is how long a customer waits for an outcome, in seconds.
const OutcomeWait = "10"
