import type { InstanceRole } from "../compute/index.ts";
import type { Secret } from "../core/index.ts";
import { objectNames } from "../spec/index.ts";
import type { Sql } from "../sql/index.ts";
import { credentialContext, ensureCredential, getCredential, replaceCredential } from "../store/index.ts";
import type { Sealing, SecretOf } from "./direct.ts";
import type { DatabaseInputs } from "./effects.ts";
import { secretMissing } from "./errors.ts";
import { idOf } from "./inputs.ts";

export type Passwords = { readonly owner: Secret; readonly roles: readonly InstanceRole[] };

/** The passwords of a database's roles: made and sealed on first need, the owner's taken from the tenant's secret if it names one. */
export const makePasswords =
  (vault: Sealing, secretOf: SecretOf) =>
  async (sql: Sql, inputs: DatabaseInputs): Promise<Passwords> => {
    const id = idOf(inputs);
    const owner = await ownerPassword(sql, vault, secretOf, inputs);
    const roles: InstanceRole[] = [];
    for (const { name, login, access } of inputs.roles)
      roles.push({ name, login, access, password: login ? await ensureCredential(sql, vault, id, name) : null });
    return { owner, roles };
  };

/** Kept as the credential too, so that whoever connects looks in one place. */
async function ownerPassword(sql: Sql, vault: Sealing, secretOf: SecretOf, inputs: DatabaseInputs): Promise<Secret> {
  const id = idOf(inputs);
  const { ownerRole } = objectNames(inputs.tenant, inputs.project, inputs.name);
  if (inputs.passwordSecret === null) return ensureCredential(sql, vault, id, ownerRole);
  const own = await secretOf(inputs.tenant, inputs.passwordSecret);
  if (own === undefined) throw secretMissing(`${id}: ${inputs.tenant} has no secret "${inputs.passwordSecret}"`);
  const kept = await getCredential(sql, vault, id, ownerRole);
  if (kept?.reveal() !== own.reveal())
    await replaceCredential(sql, id, ownerRole, vault.seal(own, credentialContext(id, ownerRole)));
  return own;
}
