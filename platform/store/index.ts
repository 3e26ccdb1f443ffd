/**
 * The ledger: what NebulaDB knows beside Git, in Postgres. Owns the schema and every statement over it, one file an operation.
 * Does not own connections (platform/sql), nor what the rows mean to their room.
 *
 * 1. Times come from the database's clock, so that hosts need not agree on theirs.
 * 2. A stack has one lease (`stacks`); its fence only grows. Whoever writes under a lease shows the fence, and the database
 *    refuses every fence but the newest - also in Pulumi's state, by trigger.
 * 3. A notification is a hint, the table is the truth.
 * 4. Secrets stand here sealed (platform/core's vault); nobody stores one in clear.
 */

export * from "./audit/index.ts";
export * from "./backups/index.ts";
export * from "./budgets/index.ts";
export * from "./credentials/index.ts";
export * from "./data-keys/index.ts";
export * from "./deliveries/index.ts";
export * from "./drift/index.ts";
export * from "./effects/index.ts";
export * from "./email-tokens/index.ts";
export { leaseLost, schemaTooOld } from "./errors.ts";
export * from "./factors/index.ts";
export * from "./fleets/index.ts";
export * from "./holds/index.ts";
export * from "./idempotency/index.ts";
export * from "./instances/index.ts";
export * from "./invoices/index.ts";
export * from "./leases/index.ts";
export * from "./limits/index.ts";
export * from "./mail/index.ts";
export * from "./metrics/index.ts";
export { migrate, requireSchema } from "./migrate.ts";
export * from "./notifications/index.ts";
export * from "./operations/index.ts";
export * from "./passkeys/index.ts";
export * from "./payments/index.ts";
export { appRole, archiveRole, forgeRole, prepareArchive, prepareForge, prepareLedger } from "./prepare.ts";
export * from "./principals/index.ts";
export * from "./projects/index.ts";
export * from "./pulls/index.ts";
export type { Reach, ReachPart } from "./reach.ts";
export * from "./recovery/index.ts";
export * from "./replicas/index.ts";
export * from "./repositories/index.ts";
export * from "./reviews/index.ts";
export * from "./schemas/index.ts";
export * from "./secrets/index.ts";
export * from "./service-accounts/index.ts";
export * from "./sessions/index.ts";
export * from "./settings/index.ts";
export * from "./sign-in/index.ts";
export * from "./signing-keys/index.ts";
export * from "./sql-statements/index.ts";
export * from "./stacks/index.ts";
export * from "./status/index.ts";
export * from "./subjects/index.ts";
export * from "./traces/index.ts";
export * from "./usage/index.ts";
export * from "./users/index.ts";
