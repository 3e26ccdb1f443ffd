/**
 * Drift: what runs against what is declared, found by looking and never by applying. Owns the comparison, the pass that looks at
 * everything, what is noted of it, and orphans on the machine. Does not own how a machine is looked at (platform/compute), starts of
 * servers that died (reconciler/observe), nor how a difference is brought back (a deployment, reconciler/deploy).
 *
 * 1. A look changes nothing, starts nothing and wakes nobody; what sleeps is looked at as far as its files tell.
 * 2. A false alarm is a defect: what is compared is typed and canonical, and a difference is noted only when two looks show it while
 *    nobody deployed in between.
 * 3. What the declaration does not speak of is no drift: a tenant's tables, roles that were made by SQL, further extensions.
 * 4. Nothing is deleted here, neither a foreign object nor an orphan. Data that is missing or another's is for a person to decide.
 */
export { type Declared, type Difference, driftOf, type Observed } from "./drift-of.ts";
export { registerDriftGauges } from "./gauges.ts";
export { type Looked, type LookParts, lookAt } from "./look.ts";
export { findOrphans, orphansAmong } from "./orphans.ts";
export { type DriftOptions, type DriftPass, type DriftReport, makeDriftPass } from "./pass.ts";
