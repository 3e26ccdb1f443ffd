/**
 * Start, stop, change and observe one database: the port `ComputeDriver` and its local placement, real PostgreSQL servers in
 * folders of this machine. Owns instance folders, their settings, roles and processes, the prepared template, and final copies.
 * Does not own: what the ledger says about an instance (platform/store), when one should exist (the plan), usage, sleep and backups.
 *
 * 1. The machine is the truth (`postmaster.pid`, `instance.json`, pg_catalog); nothing is remembered between two calls.
 * 2. Everything appears by rename; a kill -9 at any point leaves the old state, the new one, or litter that the next call clears.
 * 3. A postmaster needs nobody: it outlives who started it, and anybody adopts or stops it.
 * 4. A tenant is never superuser, and gets no files, no programs and no other database; plain passwords never reach a server.
 * 5. Data goes away only by `purge`. `remove` puts aside; a failed `ensure` takes back only what nobody was ever given.
 */

export { scheduleAsBatch } from "./batch.ts";
export type { Groups, GroupUsage } from "./cgroups.ts";
export { findGroups, noGroups } from "./cgroups.ts";
export { changesLogin } from "./change-capture.ts";
export { type DeployTrace, markWoken, readDeployTrace } from "./deploy-trace.ts";
export * from "./errors.ts";
export type { ConnectionLimits, Gate, GateRole, PreviousPassword } from "./gate.ts";
export { gatesIn, openClientKey, previousOf, readGate, sealClientKey } from "./gate.ts";
export type { GateSettings } from "./gate-write.ts";
export type { JournalLine, JournalState } from "./journal.ts";
export type { LocalDriver, LocalDriverOptions, MachineDriver } from "./local-driver.ts";
export { makeLocalDriver } from "./local-driver.ts";
export type { InstanceRunner, LocalRunnerOptions } from "./local-runner.ts";
export { makeLocalRunner } from "./local-runner.ts";
export { withLock } from "./lock.ts";
export type { Asking, Lent, Machinery, ScratchInput } from "./machinery.ts";
export { isRetired } from "./manifest.ts";
export type { Origin, OriginNote } from "./origin.ts";
export type { OsUser } from "./os-user.ts";
export { mustReach, resolveOsUser } from "./os-user.ts";
export type { PostgresServer, PostgresServerOptions } from "./postgres-server.ts";
export { makePostgresServer } from "./postgres-server.ts";
export { isPortFree } from "./postmaster.ts";
export type { Programs } from "./programs.ts";
export { adminPurposes } from "./running.ts";
export { findServerUsers, giveTree, ownerOf } from "./server-user.ts";
export { readApiSecrets, readServiceKey } from "./service-key.ts";
export { apiLogin, sqlLogins } from "./service-roles.ts";
export type { Settings, Shape } from "./settings.ts";
export { computeSettings, limitsFor, restartSettings, restartsBetween } from "./settings.ts";
export { makeStateDriver } from "./state-driver.ts";
export { unclaimed } from "./template.ts";
export type {
  Activity,
  ComputeDriver,
  CpuUse,
  Deviation,
  Ensured,
  FinalCopy,
  InstanceFacts,
  InstanceInside,
  InstanceMeasured,
  InstanceObserved,
  InstancePhase,
  InstanceRole,
  InstanceWanted,
  Load,
  RoleInside,
  StandbyObserved,
  StopMode,
  StorageMode,
  StorageTended,
  Trace,
  Woken,
} from "./types.ts";
export { unitStep, unitsFor, unitsForMemory } from "./unit-limits.ts";
export { allowedExtensions } from "./validate.ts";
