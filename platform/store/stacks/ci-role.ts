import { randomBytes } from "node:crypto";
import { Secret, type Vault } from "../../core/index.ts";
import { makeVerifier, type Sql } from "../../sql/index.ts";

export type CiRole = { readonly user: string; readonly password: Secret };

/**
 * The login of `pulumi up` outside, for one tenant: it reaches the state of that tenant's stacks and nothing else. Gives it a new
 * password each time; this is the only place where it is seen.
 */
export async function ensureCiRole(sql: Sql, tenant: string): Promise<CiRole> {
  const password = new Secret(randomBytes(24).toString("base64url"));
  const { user } = await sql.one<{ user: string }>("select ci_role($1) as user from ensure_ci_role($1, $2)", [
    tenant,
    await makeVerifier(password),
  ]);
  return { user, password };
}

/**
 * What Pulumi asks for as PULUMI_CONFIG_PASSPHRASE: the same for all stacks of a tenant, so that its CI needs one. It protects nothing
 * of ours: no secret ever stands in the state.
 */
export const statePassphrase = (vault: Pick<Vault, "derive">, tenant: string): Secret =>
  vault.derive(statePurpose(tenant));

export const statePurpose = (tenant: string): string => `pulumi:${tenant}`;
