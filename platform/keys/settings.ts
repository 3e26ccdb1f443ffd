import { existsSync } from "node:fs";
import { choice, integer, optional, resolveConfig, type Secret, secret, text, type Vault } from "../core/index.ts";
import type { Sql } from "../sql/index.ts";
import { masterKeyNeeded } from "./errors.ts";
import type { KeyEncryptionKey } from "./key-encryption-key.ts";
import type { KeyringOptions } from "./keyring.ts";
import { makeLocalKey } from "./local-key.ts";
import { makeKvSecrets, makeLedgerSecrets, type TenantSecrets } from "./tenant-secrets.ts";
import { makeTransitKey } from "./transit-key.ts";
import { makeVaultClient, type VaultClient } from "./vault-client.ts";

/** Settings of a main that opens the keyring. */
export const keyFields = {
  NEBULA_KMS: choice(["local", "vault"], "local"),
  NEBULA_MASTER_KEY: optional(secret()),
  NEBULA_KEY_LEAD_SECONDS: integer(60),
  NEBULA_VAULT_ADDR: optional(text()),
  NEBULA_VAULT_NAMESPACE: optional(text()),
  NEBULA_VAULT_TOKEN: optional(secret()),
  NEBULA_VAULT_TRANSIT_KEY: text("transit/nebula"),
  NEBULA_TENANT_SECRETS: choice(["ledger", "vault"], "ledger"),
  NEBULA_VAULT_KV: text("secret/nebula"),
};

type Environment = Readonly<Record<string, string | undefined>>;
type SecretName = "NEBULA_MASTER_KEY" | "NEBULA_MASTER_KEY_PREVIOUS" | "NEBULA_VAULT_TOKEN";

/** A mounted file may be replaced under a process that runs: it is read again when it is needed again. */
const read = (environment: Environment, name: SecretName): Secret | undefined =>
  resolveConfig(environment, { [name]: optional(secret()) })[name];

/** What the environment says of the keyring's keys. @throws NEB901, NEB906 */
export function keysFrom(
  environment: Environment,
): Pick<KeyringOptions, "kek" | "previous" | "masterKey" | "leadSeconds"> {
  const settings = resolveConfig(environment, keyFields);
  const master = () => read(environment, "NEBULA_MASTER_KEY");
  // Its file may come before a change of the key and goes when the change is over.
  const former = () => {
    const file = environment.NEBULA_MASTER_KEY_PREVIOUS_FILE;
    return file && !existsSync(file) ? undefined : read(environment, "NEBULA_MASTER_KEY_PREVIOUS");
  };
  const common = {
    leadSeconds: settings.NEBULA_KEY_LEAD_SECONDS,
    masterKey: () => former() ?? master(),
  };
  if (settings.NEBULA_KMS === "vault") {
    const kek = makeTransitKey(requireVault(environment), settings.NEBULA_VAULT_TRANSIT_KEY);
    return { ...common, kek, previous: [localKey(master), localKey(former)] };
  }
  if (settings.NEBULA_MASTER_KEY === undefined) throw masterKeyNeeded("NEBULA_MASTER_KEY_FILE is not set");
  return { ...common, kek: localKey(master), previous: [localKey(former)] };
}

/** Where the environment says that tenants' own secrets are. */
export function tenantSecretsFrom(environment: Environment, sql: Sql, vault: Vault): TenantSecrets {
  const settings = resolveConfig(environment, keyFields);
  return settings.NEBULA_TENANT_SECRETS === "vault"
    ? makeKvSecrets(requireVault(environment), settings.NEBULA_VAULT_KV)
    : makeLedgerSecrets(sql, vault);
}

/** A key that may not be there: then it opens nothing. */
function localKey(load: () => Secret | undefined): KeyEncryptionKey {
  const inner = makeLocalKey(() => {
    const found = load();
    if (found === undefined) throw masterKeyNeeded("no such key is configured");
    return found;
  });
  return { ...inner, opens: (id) => load() !== undefined && inner.opens(id) };
}

function requireVault(environment: Environment): VaultClient {
  const settings = resolveConfig(environment, keyFields);
  const { NEBULA_VAULT_ADDR: address, NEBULA_VAULT_NAMESPACE: namespace, NEBULA_VAULT_TOKEN: first } = settings;
  if (address === undefined || first === undefined)
    throw masterKeyNeeded("a Vault needs NEBULA_VAULT_ADDR and NEBULA_VAULT_TOKEN_FILE");
  return makeVaultClient({ address, namespace, token: () => read(environment, "NEBULA_VAULT_TOKEN") ?? first });
}
