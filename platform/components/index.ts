/**
 * Pulumi components and the resource classes of the `nebula` provider. Owns names, parents, protection. Does not own how a database
 * comes to be (platform/provider), nor who may declare what (policy).
 *
 * 1. Deterministic: the same spec registers the same resources with the same names and inputs.
 * 2. Inputs are plain values; no secret is an input or an output.
 * 3. A database that is not retired is protected.
 */
export { type DatabaseInputs, type DatabaseOutputs, NebulaDatabase } from "./database.ts";
export { placementMissing } from "./errors.ts";
export { Project } from "./project.ts";
