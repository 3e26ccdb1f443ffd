/**
 * Storage limits: how full each database is, measured as often as it may become full, and what follows (platform/compute does it). Owns
 * when who is looked at, the ledger's note of it, and who is told. Runs once in an installation, by a lease.
 *
 * 1. Work is in proportion: what nothing was written to is not measured, and what has much room is looked at rarely.
 * 2. Nothing is woken or started to be measured.
 */
export { registerStorageGauge } from "./gauge.ts";
export { nextLookMs } from "./next-look.ts";
export { makeStoragePass, type StoragePass } from "./pass.ts";
