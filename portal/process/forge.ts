import {
  hostPolicy,
  makeHealth,
  resolveConfig,
  roomCheck,
  type Scope,
  type Secret,
  say,
  secret,
} from "../../platform/core/index.ts";
import { type Keyring, maintainKeys } from "../../platform/keys/index.ts";
import type { Pool } from "../../platform/sql/index.ts";
import { ledgerCheck } from "../../platform/store/index.ts";
import { type Forge, makeForge } from "../forge/index.ts";
import { install } from "../install/index.ts";
import { taken } from "./listen.ts";
import type { Common } from "./settings.ts";

export type ForgeParts = Common & {
  readonly keyring: Keyring;
  readonly version: string;
  readonly pool: (url: Secret, name: string, max: number) => Pool;
};

/** The embedded Git host on the next port, and what the first start puts into it. */
export async function serveForge(
  scope: Scope,
  { sql, vault, observe, config, keyring, version, pool }: ForgeParts,
): Promise<void> {
  const { NEBULA_DATA: data, NEBULA_PORT: port } = config;
  const { NEBULA_FORGE_DATABASE_URL: url } = resolveConfig(process.env, { NEBULA_FORGE_DATABASE_URL: secret() });
  const forgeSql = pool(url, "forge", 6);
  const { inside } = hostPolicy({ hosts: "", inside: `127.0.0.1:${port + 3},${config.NEBULA_PRIVATE_HOSTS}` });
  const checks = [ledgerCheck(forgeSql, "database"), roomCheck(data, config.NEBULA_DISK_FREE_PERCENT)];
  const health = makeHealth({ process: "forge", version, checks });
  const forge: Forge = await makeForge({
    ...{ dataDir: data, sql: forgeSql, vault, observe, health },
    publicUrl: `http://127.0.0.1:${port + 1}`,
    hookPolicy: { inside },
  });
  scope.add(forge, (opened) => opened.close());
  await forge.listen(port + 1).catch((cause: unknown) => {
    throw taken(port + 1, cause);
  });
  scope.add(maintainKeys({ keyring, ledger: sql, forge: forgeSql, observe }), (it) => it.close());
  const adminToken = await install({ sql, forge, vault, data, hookUrl: `http://127.0.0.1:${port + 3}/hooks/github` });
  if (adminToken !== undefined) say({ adminToken: adminToken.reveal() });
}
