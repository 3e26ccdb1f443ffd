/**
 * The size of the databases that are awake: between the `min` and the `max` of their declarations, by what they use. Owns when a size
 * is changed and to what. Does not own how a server is held to it (platform/compute), nor when one sleeps (gateway/keeper).
 *
 * 1. Up at once, to what is needed; down when for a minute far less was used, and never below what memory, clients and long
 *    statements need (decide.ts).
 * 2. The size is the machine's and its journal's, never ours: another process goes on where this one stopped.
 * 3. Where the machine holds nobody to his units there is nothing to decide: a database then has its `max`, and is billed it.
 */
export { type Bounds, decide, type Pace, type Sample, type Standing, standingAt, usualPace } from "./decide.ts";
export { registerSizes } from "./gauges.ts";
export { makeScaler, type Scaler, type ScalerOptions } from "./scaler.ts";
