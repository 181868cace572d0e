package client

const OutcomeWait = "10" // seconds a customer waits for an outcome
