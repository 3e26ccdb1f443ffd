/**
 * When a database of this machine runs: wakes it for whoever comes, freezes it when nobody does, stops it later. Owns the state of
 * each instance in the gateway's process, and its moves. Does not own how a server is started, stopped and asked (platform/compute),
 * who may come in (gateway/wire, gateway/pool), nor whether a database is meant to run at all (the declaration).
 *
 * 1. One move at a time for an instance: any number of callers wait for the same start.
 * 2. Who was given a socket and has not said that his session stands keeps the instance as it is: no suspend begins. A suspend that
 *    has begun is called off by the next caller, up to the moment in which its processes stop; from then on he waits for the wake.
 * 3. Idle is what the server says too: no statement or transaction, no receiver of its log, no base backup, nothing that came past
 *    the gateway. Our own sessions never count.
 * 4. Nothing is remembered across a restart: what is frozen or asleep is read from the machine, and who was awake starts to be idle
 *    anew.
 */

export * from "./errors.ts";
export { expiryOf } from "./expiry.ts";
export { type Keeper, type KeeperOptions, makeKeeper } from "./keeper.ts";
export { enterAndOpen, type Opened, unreachedOr } from "./open.ts";
export { outward } from "./outward.ts";
export { underPressure } from "./pressure.ts";
export type { Entered, KeeperState, Reason, Suspension, Vacate, WakePhases } from "./types.ts";
