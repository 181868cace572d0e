// Package deploy holds no code: it is what surrounds the binary where it runs,
// and the tests that hold it to what it says.
//
//	../../docker-compose.yml, ../../Dockerfile   every part of the system as containers
//	compose.operators.yml                        consoles on the operator's own machine
//	development.sh                               certificates, keys and passwords for a development machine
//	nginx/ → kong/ → gateway                     the way of a request
//	prometheus/ → alertmanager/, grafana/        what is measured, who is told, what is shown
//	services.sh, services/                       real servers for tests
//	fleet.sh                                     two processes of every role, and a simulator, on one machine
//
// README.md says how to bring it up.
package deploy
