import type { Secret } from "../core/index.ts";
import { type DatabaseId, objectNames } from "../spec/index.ts";
import type { Sql } from "../sql/index.ts";
import {
  credentialContext,
  getCredential,
  getInstance,
  holdFence,
  type Instance,
  makePassword,
  recordInstance,
  recordRemoved,
  replaceCredential,
} from "../store/index.ts";
import type { DirectOptions, EffectScope } from "./direct.ts";
import type { DatabaseInputs, DatabaseOutputs } from "./effects.ts";
import { databaseMissing } from "./errors.ts";

/** Things done to a machine that the declaration does not speak of. Each runs under the stack's fence. */
export type MachineOperations = {
  pause(id: DatabaseId): Promise<void>;
  resume(id: DatabaseId): Promise<void>;
  /** Stops and starts the server: connections end. */
  restart(id: DatabaseId): Promise<void>;
  /** New passwords for the owner and every role that logs in; the old ones open the gateway for the overlap, and nothing else. */
  rotate(id: DatabaseId): Promise<void>;
  /** Brings the machine back to what was deployed last, whatever it has become; what was removed stays so. */
  heal(id: DatabaseId): Promise<void>;
  /** Takes away what a killed creation left and nobody was ever given; a finished database is left alone. */
  discard(id: DatabaseId): Promise<void>;
};

type Ensure = (
  scope: EffectScope,
  inputs: DatabaseInputs,
  outgoing?: ReadonlyMap<string, Secret>,
) => Promise<DatabaseOutputs>;

export function makeOperations({ sql, vault, driver }: DirectOptions, ensure: Ensure) {
  const holding = (scope: EffectScope, id: DatabaseId, body: (tx: Sql, known: Instance) => Promise<void>) =>
    sql.tx(async (tx) => {
      await holdFence(tx, scope.stack, scope.fence);
      const known = await getInstance(tx, id);
      if (known === undefined || known.stack !== scope.stack)
        throw databaseMissing(`${scope.stack} has no database ${id}`);
      await body(tx, known);
    });

  const rotate = async (scope: EffectScope, id: DatabaseId): Promise<void> => {
    let inputs: DatabaseInputs | undefined;
    const outgoing = new Map<string, Secret>();
    await holding(scope, id, async (tx, known) => {
      inputs = inputsOf(known);
      const { ownerRole } = objectNames(inputs.tenant, inputs.project, inputs.name);
      const logins = known.spec.roles.filter(({ login }) => login).map(({ name }) => name);
      for (const role of known.spec.passwordSecret === null ? [ownerRole, ...logins] : logins) {
        const old = await getCredential(tx, vault, id, role);
        if (old !== undefined) outgoing.set(role, old);
        await replaceCredential(tx, id, role, vault.seal(makePassword(), credentialContext(id, role)));
      }
    });
    if (inputs !== undefined) await ensure(scope, inputs, outgoing);
  };

  return (scope: EffectScope): MachineOperations => ({
    pause: (id) =>
      holding(scope, id, async (tx) => {
        await driver.pause(id);
        await recordInstance(tx, { id, fence: scope.fence, phase: "Paused" });
      }),
    resume: (id) =>
      holding(scope, id, async (tx) => {
        await driver.resume(id);
        await recordInstance(tx, { id, fence: scope.fence, phase: "Ready" });
      }),
    restart: (id) =>
      holding(scope, id, async (tx) => {
        await driver.stop(id);
        await driver.start(id);
        await recordInstance(tx, { id, fence: scope.fence, phase: "Ready" });
      }),
    rotate: (id) => rotate(scope, id),
    heal: async (id) => {
      let inputs: DatabaseInputs | undefined;
      await holding(scope, id, async (_, known) => {
        if (known.phase !== "Removed" && known.phase !== "Creating") inputs = inputsOf(known);
      });
      if (inputs !== undefined) await ensure(scope, inputs);
    },
    discard: (id) =>
      holding(scope, id, async (tx, { phase }) => {
        if (phase !== "Creating") return;
        await driver.remove(id);
        await recordRemoved(tx, id, { fence: scope.fence, keepSeconds: 0 });
      }),
  });
}

export function inputsOf({ id, placement, spec }: Instance): DatabaseInputs {
  const [tenant = "", project = ""] = id.split(".");
  return { tenant, project, placement, region: "", ...spec };
}
