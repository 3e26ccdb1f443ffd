import { z } from "zod";
import { Secret, type Vault } from "../core/index.ts";
import type { Sql } from "../sql/index.ts";
import { deleteSecret, getSecret, listSecretNames, putSecret } from "../store/index.ts";
import { kmsRefused } from "./errors.ts";
import type { VaultClient } from "./vault-client.ts";

/** Secrets that a tenant's declarations refer to by `secret("name")`, wherever they are kept. A port with one conformance suite. */
export type TenantSecrets = {
  get(tenant: string, name: string): Promise<Secret | undefined>;
  put(tenant: string, name: string, value: Secret): Promise<void>;
  /** Names and ages, never values; by name. */
  list(tenant: string): Promise<readonly { readonly name: string; readonly createdAt: Date }[]>;
  /** Whether there was one. */
  delete(tenant: string, name: string): Promise<boolean>;
};

/** Sealed in the ledger. */
export const makeLedgerSecrets = (sql: Sql, vault: Pick<Vault, "seal" | "open">): TenantSecrets => ({
  get: (tenant, name) => getSecret(sql, vault, tenant, name),
  put: (tenant, name, value) => putSecret(sql, vault, tenant, name, value),
  list: (tenant) => listSecretNames(sql, tenant),
  delete: (tenant, name) => deleteSecret(sql, tenant, name),
});

const value = z.object({ data: z.object({ value: z.string() }).nullable() });
const listing = z.object({ keys: z.array(z.string()) });
const metadata = z.object({
  versions: z.record(z.string(), z.object({ created_time: z.string(), deletion_time: z.string() })),
  current_version: z.number(),
});

/**
 * In a HashiCorp Vault's KV engine, version 2: `place` is `<mount>/<folder>`, a secret is the field `value` of
 * `<mount>/<folder>/<tenant>/<name>`. The portal may write them, or the token may read only and the tenant's own tools write.
 */
export function makeKvSecrets(vault: VaultClient, place: string): TenantSecrets {
  const [mount = "", ...folders] = place.split("/");
  const at = (kind: "data" | "metadata", ...parts: string[]) =>
    [mount, kind, ...folders, ...parts].map(encodeURIComponent).join("/");
  const ageOf = async (tenant: string, name: string) => {
    const found = await vault.ask("GET", at("metadata", tenant, name));
    if (found === undefined) return undefined;
    const { versions, current_version: current } = metadata.parse(found);
    const version = versions[String(current)];
    return version === undefined || version.deletion_time !== "" ? undefined : new Date(version.created_time);
  };
  return {
    async get(tenant, name) {
      const found = await vault.ask("GET", at("data", tenant, name));
      if (found === undefined) return undefined;
      const parsed = value.safeParse(found);
      if (!parsed.success) throw kmsRefused(`${place}/${tenant}/${name} has no field "value" with text`);
      return parsed.data.data === null ? undefined : new Secret(parsed.data.data.value);
    },
    async put(tenant, name, secret) {
      await vault.ask("POST", at("data", tenant, name), { data: { value: secret.reveal() } });
    },
    async list(tenant) {
      const found = await vault.ask("GET", `${at("metadata", tenant)}?list=true`);
      const names =
        found === undefined
          ? []
          : listing
              .parse(found)
              .keys.filter((key) => !key.endsWith("/"))
              .sort();
      const ages = await Promise.all(names.map((name) => ageOf(tenant, name)));
      return names.flatMap((name, i) => {
        const createdAt = ages[i];
        return createdAt === undefined ? [] : [{ name, createdAt }];
      });
    },
    async delete(tenant, name) {
      if ((await ageOf(tenant, name)) === undefined) return false;
      await vault.ask("DELETE", at("metadata", tenant, name));
      return true;
    },
  };
}
