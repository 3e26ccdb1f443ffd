/** Ground for tests of the data API's server: a real instance, the keeper that wakes it, the server on a free port. Keys are answered by
 * the test, as the portal would. */
import { PostgrestClient } from "@supabase/postgrest-js";
import { type Keeper, type KeeperOptions, makeKeeper } from "../../gateway/keeper/index.ts";
import { type DataWeb, type DataWebOptions, type KeyAccess, makeDataWeb, makeKeys } from "../../gateway/web/index.ts";
import { type Account, makeDirectory } from "../../gateway/wire/index.ts";
import {
  gatesIn,
  type InstanceRunner,
  type InstanceWanted,
  makeLocalRunner,
  readGate,
} from "../../platform/compute/index.ts";
import { type Observation, systemClock } from "../../platform/core/index.ts";
import { type ApiSpec, type DatabaseId, resolveDatabase } from "../../platform/spec/index.ts";
import { asTenant, type Ground, makeGround, pgBin, wish } from "../compute/ground.ts";

export type WebGround = {
  readonly ground: Ground;
  readonly wanted: InstanceWanted;
  readonly runner: InstanceRunner;
  readonly keeper: Keeper;
  readonly web: DataWeb;
  readonly port: number;
  readonly observations: Observation[];
  readonly accounts: ReadonlyMap<DatabaseId, Account>;
  /** What the portal says of a key; a test changes it. `"away"`: it does not answer. */
  readonly portal: { keys: Map<string, KeyAccess>; away: boolean; asked: number };
  /** `http://.../acme/shop/orders/rest/v1` */
  readonly url: string;
  close(): Promise<void>;
};

export type WebChanges = {
  /** As a declaration says it. */
  readonly api?: Readonly<Record<string, unknown>>;
  readonly wanted?: Partial<InstanceWanted>;
  readonly keeper?: Partial<KeeperOptions>;
  readonly web?: Partial<DataWebOptions>;
  /** What the keeper gets in place of the machine's own. */
  readonly runner?: (own: InstanceRunner) => InstanceRunner;
  readonly freshMs?: number;
};

export async function makeWebGround(sql: readonly string[], changes: WebChanges = {}): Promise<WebGround> {
  const ground = await makeGround({ spares: 0 });
  const wanted = await wish({ api: apiOf(changes.api ?? {}), ...changes.wanted });
  await ground.driver.ensure(wanted);
  if (sql.length > 0) await asTenant(ground.driver, wanted, (owner) => owner.query(sql.join(";\n")));
  const observations: Observation[] = [];
  const observe = (observation: Observation) => void observations.push(observation);
  const { dataDir } = ground;
  const own = await makeLocalRunner({ dataDir, pgBin: pgBin(), observe });
  const runner = changes.runner?.(own) ?? own;
  const keeper = makeKeeper({ dataDir, runner, observe, pressed: () => false, ...changes.keeper });
  await keeper.start();
  const accounts = new Map<DatabaseId, Account>();
  const portal: WebGround["portal"] = { keys: new Map(), away: false, asked: 0 };
  const web = makeDataWeb({
    ...{ dataDir, keeper, observe, clock: systemClock, domain: "db.localhost" },
    directory: makeDirectory({
      gateOf: (id) => readGate(dataDir, id),
      list: () => gatesIn(dataDir),
      clock: systemClock,
    }),
    account(id) {
      const found = accounts.get(id) ?? { bytesIn: 0, bytesOut: 0, connections: 0, requests: 0 };
      accounts.set(id, found);
      return found;
    },
    keys: makeKeys({
      clock: systemClock,
      freshMs: changes.freshMs ?? 15_000,
      async ask(key) {
        portal.asked += 1;
        if (portal.away) throw new Error("away");
        return portal.keys.get(key);
      },
    }),
    policy: {},
    ...changes.web,
  });
  const port = await web.listen(0, "127.0.0.1");
  return {
    ...{ ground, wanted, runner, keeper, web, port, observations, accounts, portal },
    url: `http://127.0.0.1:${port}/${wanted.id.replaceAll(".", "/")}/rest/v1`,
    async close() {
      await web.close(0);
      await keeper.close();
      await ground.clear();
    },
  };
}

/** A declared `api` with its defaults. */
export function apiOf(api: Readonly<Record<string, unknown>>, roles: readonly object[] = []): ApiSpec {
  const resolved = resolveDatabase({ engine: "postgres", name: "orders", options: { version: "18", api, roles } });
  if (resolved.kind === "invalid") throw new Error(JSON.stringify(resolved.problems));
  if (resolved.spec.api === undefined) throw new Error("no api");
  return resolved.spec.api;
}

/** The client that tenants use, with these headers. */
export const clientOf = ({ url }: Pick<WebGround, "url">, headers: Readonly<Record<string, string>> = {}) =>
  // biome-ignore lint/suspicious/noExplicitAny: the schema of a test is not typed
  new PostgrestClient<any, any, any>(url, { headers: { ...headers } });

let numbers = 0;

/** A key of the right shape that the portal's stand-in knows. */
export function addKey(
  { portal }: Pick<WebGround, "portal">,
  access: KeyAccess["access"],
  more: Partial<KeyAccess> = {},
) {
  numbers += 1;
  const id = String(numbers).padStart(26, "0");
  const key = `ndb_test_${id}_${"x".repeat(49)}`;
  portal.keys.set(key, { id, name: `key ${numbers}`, user: "dev@acme.test", access, expiresAt: null, ...more });
  return key;
}
