package client

const DemoWait = "10" // seconds a customer waits for an outcome
