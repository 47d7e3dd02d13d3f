"""What every process needs and no domain cares for. It knows the event log and the SDK, and no service.

settings.py    WATCHWORD_<SERVICE>_<NAME> and …_FILE → a service's settings; the key-encryption key's file
telemetry.py   logs, the correlation id, metrics
readiness.py   whether the process is ready, and why not
heap.py        when memory that was freed goes back to the system
process.py     start in order, supervise, drain; `python -m services.X`
migration.py   the database of this release, before a service starts
tracing/       requests, calls and events as spans over OTLP, where a collector is set
http.py        uvicorn under the process's control: bounded request heads, a start and an end that cost nobody a request
database.py    the pool of connections to the service's own database
clock.py       the log's time here, and since when the process is ready
positions.py   Watchword-Position: its grammar, waiting for it, naming what was written
auth.py        bearer → claims, scopes, administrators
trust.py       what every process believes of token's log: revocations, grants, certificates
origins.py     the web origins that clients registered
foundation.py  what every service stands on: database, log, time, peers, readers
administration.py  policy's word on what administrators do

rpc/           gRPC between processes
  callers.py   certificate → caller, allow-lists, as whom a call acts
  server.py    the server and the door that every call passes; health, reflection
  client.py    channels to peers, and asking them
  status.py    Refusal ↔ google.rpc.Status
  tls.py       the files of mutual TLS

web/           HTTP
  application.py  FastAPI behind the gate, its errors
  edge.py      the outermost layer: correlation id, client's address, headers, metrics, last resort
  gate.py      what every request passes: address, CORS, body, same-site, media type, positions; hot handlers
  body.py      reading a body, bounded in size and time
  strict.py    JSON that every reader takes for the same
  forms.py     OAuth forms
  cors.py      who may read across origins
  problem.py   RFC 9457 and RFC 6749 errors
  operations.py   /livez, /readyz, /metrics
  docs.py      /docs, offline
"""
