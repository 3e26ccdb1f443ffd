/**
 * The pooled endpoint: a real PgBouncer in transaction mode on a port of its own. Owns its configuration, its process, the answers to
 * its questions about passwords, and the doors by which it reaches the servers. Does not own the direct endpoint (gateway/wire),
 * when an instance runs (gateway/keeper), and what a gate holds (platform/compute).
 *
 * 1. Bytes of pooled sessions do not pass Node: PgBouncer listens itself and connects to the servers' own sockets (decision 0018).
 * 2. Nobody is woken to check a password, and nobody wakes a database without one.
 * 3. A role is a role of one database; equal names in two databases never meet.
 * 4. PgBouncer outlives the gateway, and is started again when it dies.
 * 5. Pooled clients stay connected while their database sleeps; no server connection of theirs keeps it awake.
 */
export type { Traffic } from "./census.ts";
export * from "./errors.ts";
export { pooledName } from "./names.ts";
export { findPid, stopPgBouncer } from "./pid.ts";
export { openPooledEndpoint, type PooledEndpoint, type PooledEndpointOptions } from "./pool.ts";
export type { TlsFiles } from "./roster.ts";
export type { Entered, PoolKeeper } from "./types.ts";
