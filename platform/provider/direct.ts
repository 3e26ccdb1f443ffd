import type { ComputeDriver, InstanceObserved, InstanceWanted } from "../compute/index.ts";
import { failpoint, inSpan, type Secret, type Vault } from "../core/index.ts";
import { connectionLimits, type DatabaseId, databaseId, objectNames, stackName } from "../spec/index.ts";
import type { Sql } from "../sql/index.ts";
import {
  admitQuota,
  expiryOf,
  getInstance,
  getSecret,
  holdFence,
  type Instance,
  recordInstance,
  recordRemoved,
  reserveInstance,
} from "../store/index.ts";
import { branchKeepSeconds, furnishBranch, isOver, type MakeBranch, makeBranchOperations } from "./branches.ts";
import type { DatabaseInputs, DatabaseOutputs, DatabaseRead, Effects } from "./effects.ts";
import { dataMissing, foreignStack, notRetired, secretMissing } from "./errors.ts";
import { idOf, specOf } from "./inputs.ts";
import { inputsOf, makeOperations } from "./operate.ts";
import { makePasswords } from "./passwords.ts";
import { type UpgradeInstance, upgradeFirst } from "./upgrades.ts";

/** Under which right an effect is done. */
export type EffectScope = { readonly stack: string; readonly fence: number; readonly commit: string | null };

export type Sealing = Pick<Vault, "seal" | "open">;
/** A tenant's own secret by the name that a declaration gives. */
export type SecretOf = (tenant: string, name: string) => Promise<Secret | undefined>;

export type DirectOptions = {
  readonly sql: Sql;
  readonly vault: Sealing;
  /** Default: those in the ledger. */
  readonly secretOf?: SecretOf;
  readonly driver: ComputeDriver;
  /** How long the final copy of a removed database is kept. Default: 7 days. */
  readonly keepSeconds?: number;
  /** How a branch gets its data; without it none is made. */
  readonly makeBranch?: MakeBranch;
  /** How an instance gets another major version; without it none does. */
  readonly upgrade?: UpgradeInstance;
  /** Whether the logs of databases that declare backups are archived: somebody must take them from there. Default: no. */
  readonly archive?: boolean;
};

/**
 * Effects on this installation's machines, by the compute driver.
 *
 * 1. An effect runs in a transaction that holds the stack's fence: nobody takes the stack over in the middle of it, and an old
 *    fence touches nothing.
 * 2. The ledger knows an instance before the machine has it; a kill in between is repaired by doing it again.
 * 3. A password is sealed before it is used.
 * 4. A database that was made once is never made again over missing or foreign data: that is for a person to decide.
 */
export function makeDirectEffects(options: DirectOptions) {
  const { sql, vault, driver, keepSeconds = 7 * 86_400 } = options;
  const { secretOf = (tenant, name) => getSecret(sql, vault, tenant, name) } = options;
  const passwordsOf = makePasswords(vault, secretOf);

  const reserve = (scope: EffectScope, inputs: DatabaseInputs): Promise<Instance> =>
    sql.tx(async (tx) => {
      await holdFence(tx, scope.stack, scope.fence);
      const id = idOf(inputs);
      const known = await getInstance(tx, id);
      if (known !== undefined && !isGone(known)) return known;
      const { placement } = inputs;
      return reserveInstance(tx, { ...scope, id, placement, spec: specOf(inputs) });
    });

  /** Nothing of it is left: it begins anew. */
  const isGone = ({ phase, dataDir }: Instance): boolean =>
    phase === "Removed" || (phase === "Expired" && dataDir === null);

  /** Invariant 4. Retiring gives the database up, so that it may be deleted. */
  const mustHaveItsData = async ({ id, phase, identity }: Instance, retire: boolean): Promise<void> => {
    if (phase === "Creating" || phase === "Expired" || retire) return;
    const observed = await driver.observe(id);
    if (observed === undefined) throw dataMissing(`${id} was made once, and its folder is gone`);
    // an upgrade that was killed before it could be noted has put another folder in the place of the noted one
    if (identity !== null && identity === observed.formerIdentity) return;
    if (identity !== null && observed.identity !== null && identity !== observed.identity)
      throw dataMissing(
        `${id} has another folder (${observed.identity}) than the one that was made for it (${identity})`,
      );
  };

  const ensure = async (
    scope: EffectScope,
    inputs: DatabaseInputs,
    outgoing: ReadonlyMap<string, Secret> = new Map(),
  ): Promise<DatabaseOutputs> => {
    mustOwn(scope, inputs.tenant, inputs.project);
    const before = await getInstance(sql, idOf(inputs));
    if (before !== undefined && (await isOver(sql, before, inputs))) return leaveOver(scope, before, inputs);
    const known = await reserve(scope, inputs);
    failpoint("provider.reserved");
    const { owner, roles } = await passwordsOf(sql, inputs);
    failpoint("provider.password-kept");
    const end = expiryOf({ ...known, spec: specOf(inputs) });
    const wanted = {
      ...toWanted(inputs, owner, roles),
      ...(await apiOf(inputs, secretOf)),
      archive: options.archive === true && inputs.backups.retentionSeconds > 0,
      ...(end === null ? {} : { expiresAt: end.toISOString() }),
      outgoing,
    };
    return sql.tx(async (tx) => {
      await holdFence(tx, scope.stack, scope.fence);
      await mustHaveItsData(known, inputs.retire);
      await admitQuota(tx, { stack: scope.stack, id: wanted.id, spec: specOf(inputs) });
      await furnishBranch(options, wanted, inputs);
      await upgradeFirst(options, scope, wanted, inputs);
      const facts = { "nebula.database": wanted.id };
      const observed = await inSpan({ name: "compute.ensure", facts }, () => bring(driver, wanted, inputs.retire));
      failpoint("provider.effect-done");
      const { host, dataDir, phase, identity } = observed;
      const spec = specOf(inputs);
      await recordInstance(tx, { ...scope, id: wanted.id, phase: toPhase(phase), spec, host, dataDir, identity });
      failpoint("provider.recorded");
      return toOutputs(observed);
    });
  };

  /** A branch whose time is over is not made again; what is declared of it is noted. */
  const leaveOver = (scope: EffectScope, known: Instance, inputs: DatabaseInputs): Promise<DatabaseOutputs> =>
    sql.tx(async (tx) => {
      await holdFence(tx, scope.stack, scope.fence);
      const { id, phase, host } = known;
      const left = phase === "Creating" || phase === "Removed" ? "Expired" : phase;
      await recordInstance(tx, { ...scope, id, phase: left, spec: specOf(inputs) });
      return outputsOf(inputs, host ?? "");
    });

  const remove = (scope: EffectScope, id: DatabaseId): Promise<void> =>
    sql.tx(async (tx) => {
      const [tenant = "", project = ""] = id.split(".");
      mustOwn(scope, tenant, project);
      await holdFence(tx, scope.stack, scope.fence);
      const branch = (await getInstance(tx, id))?.spec.branch;
      const observed = await driver.observe(id);
      if (observed !== undefined && observed.phase !== "Retired") {
        if (branch === undefined)
          throw notRetired(`${id} is ${observed.phase}; it was not retired first, so it is not removed`);
        await driver.retire(id); // a copy goes with its file
      }
      await driver.remove(id);
      failpoint("provider.removed");
      const kept = branch === undefined ? keepSeconds : Math.min(keepSeconds, branchKeepSeconds);
      await recordRemoved(tx, id, { fence: scope.fence, keepSeconds: kept });
    });

  const read = async (id: DatabaseId): Promise<DatabaseRead | undefined> => {
    const observed = await driver.observe(id);
    if (observed === undefined) return lastKnown(await getInstance(sql, id));
    const { units, storageBytes, phase } = observed;
    return { outputs: toOutputs(observed), seen: { units, storageBytes, retired: phase === "Retired" } };
  };

  return {
    operate: makeOperations(options, ensure),
    branches: makeBranchOperations(options, ensure, inputsOf),
    /** The effects as one operation may do them. */
    under: (scope: EffectScope): Effects => ({
      ensure: (inputs) => ensure(scope, inputs),
      admit: (id, extensions) => driver.mustOffer(id, extensions),
      remove: (id) => remove(scope, id),
      read: (id) => {
        const [tenant = "", project = ""] = id.split(".");
        mustOwn(scope, tenant, project);
        return read(id);
      },
    }),
  };
}

export type DirectEffects = ReturnType<typeof makeDirectEffects>;

function mustOwn({ stack }: EffectScope, tenant: string, project: string): void {
  if (stackName(tenant, project) !== stack)
    throw foreignStack(`stack ${stack} may not touch a database of ${tenant}.${project}`);
}

/**
 * What a machine does not show and the ledger knows as made: lost, not gone. A refresh leaves Pulumi's state as it is, so that
 * nothing new is created in its place.
 */
function lastKnown(known: Instance | undefined): DatabaseRead | undefined {
  if (known === undefined || known.phase === "Creating" || known.phase === "Removed") return undefined;
  const { id, host, spec } = known;
  const [tenant = "", project = ""] = id.split(".");
  return {
    outputs: outputsOf({ tenant, project, name: spec.name }, host ?? ""),
    seen: { units: spec.compute.maxUnits, storageBytes: spec.storageBytes, retired: spec.retire },
  };
}

/** What is answered of a database without looking at a machine. */
function outputsOf({ tenant, project, name }: Pick<DatabaseInputs, "tenant" | "project" | "name">, host: string) {
  const { database, ownerRole } = objectNames(tenant, project, name);
  const credentialRef = `credential:${databaseId(tenant, project, name)}:${ownerRole}`;
  return { host, database, owner: ownerRole, credentialRef };
}

/** A retired database is stopped as it is, whatever else changed; one that does not exist yet is made first. */
async function bring(driver: ComputeDriver, wanted: InstanceWanted, retire: boolean): Promise<InstanceObserved> {
  if (!retire) return driver.ensure(wanted);
  if ((await driver.observe(wanted.id)) === undefined) await driver.ensure(wanted);
  return driver.retire(wanted.id);
}

function toWanted(
  inputs: DatabaseInputs,
  ownerPassword: InstanceWanted["ownerPassword"],
  roles: InstanceWanted["roles"],
): InstanceWanted {
  const names = objectNames(inputs.tenant, inputs.project, inputs.name);
  const { version, extensions, allowFrom, storageBytes, tags, compute } = inputs;
  return {
    ...{ id: idOf(inputs), version, extensions, allowFrom, storageBytes, tags, roles, ownerPassword },
    units: compute.maxUnits,
    minUnits: compute.minUnits,
    databaseName: names.database,
    ownerRole: names.ownerRole,
    replicas: inputs.replicas,
    synchronous: inputs.synchronous === true,
    suspendAfterSeconds: compute.suspendAfterSeconds,
    limits: toLimits(inputs),
    ...(inputs.buckets === undefined ? {} : { buckets: inputs.buckets }),
  };
}

/** How it is served over HTTP, with the tenant's secrets that verify tokens. @throws NEB323 when one is not set. */
async function apiOf({ tenant, name, api }: DatabaseInputs, secretOf: SecretOf) {
  if (api === undefined) return {};
  const apiSecrets = new Map<string, Secret>();
  for (const { secret } of [...api.jwt, ...(api.webhooks ?? [])]) {
    if (secret === undefined) continue;
    const value = await secretOf(tenant, secret);
    if (value === undefined) throw secretMissing(`${name}: ${tenant} has no secret "${secret}"`);
    apiSecrets.set(secret, value);
  }
  return { api, apiSecrets };
}

function toLimits(inputs: DatabaseInputs): InstanceWanted["limits"] {
  const { max, perSecond, idleSeconds, transactionSeconds, statementSeconds } = connectionLimits(inputs);
  return {
    connections: max,
    connectionsPerSecond: perSecond,
    idleSeconds,
    idleInTransactionSeconds: transactionSeconds,
    statementSeconds,
  };
}

const toOutputs = ({ id, host, databaseName, ownerRole }: InstanceObserved): DatabaseOutputs => ({
  ...{ host, database: databaseName, owner: ownerRole },
  credentialRef: `credential:${id}:${ownerRole}`,
});

const toPhase = (phase: InstanceObserved["phase"]) =>
  phase === "Paused" || phase === "Retired" ? phase : ("Ready" as const);
