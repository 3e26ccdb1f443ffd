import { apiLogin, type Gate, readApiSecrets, readServiceKey } from "../../platform/compute/index.ts";
import type { Clock, Observe } from "../../platform/core/index.ts";
import type { ApiSpec, DatabaseId } from "../../platform/spec/index.ts";
import type { Entered, Keeper } from "../keeper/index.ts";
import { type DataApi, makeDataApi, type RelationFacts, type RestSettings } from "../rest/index.ts";
import type { KeySets } from "./key-sets.ts";
import { type Limits, makeLimits } from "./limits.ts";
import { makeSessions } from "./sessions.ts";
import { makeTokens, type Tokens } from "./tokens.ts";

/** What the data API keeps of one database: made when it is first asked for, made anew when its gate says something else. */
export type Served = {
  readonly id: DatabaseId;
  readonly gate: Gate;
  readonly api: ApiSpec;
  readonly tokens: Tokens;
  readonly limits: Limits;
  readonly engine: DataApi;
  /** Requests that are being answered. */
  working: number;
  close(): Promise<void>;
};

export type ServedDeps = {
  readonly dataDir: string;
  readonly keeper: Pick<Keeper, "enter">;
  readonly keySets: KeySets;
  readonly clock: Clock;
  readonly observe: Observe;
  readonly onEntered: (id: DatabaseId, entered: Entered, waitedMs: number) => void;
};

export async function makeServed(deps: ServedDeps, gate: Gate, api: ApiSpec): Promise<Served> {
  const { dataDir, keeper, keySets, clock, observe, onEntered } = deps;
  const { id, databaseName } = gate;
  const secrets = await readApiSecrets(dataDir, id);
  const sessions = makeSessions({
    ...{ id, databaseName, keeper, max: connectionsFor(gate) },
    keyOf: () => readServiceKey(dataDir, id, apiLogin),
    onSchema: () => engine.markStale(),
    onEntered: (entered, waitedMs) => onEntered(id, entered, waitedMs),
  });
  const engine = makeDataApi({ lend: sessions.lend, settings: settingsOf(api), observe, clock });
  return {
    ...{ id, gate, api, engine, working: 0 },
    tokens: makeTokens({ id, issuers: api.jwt, secrets, keySets, clock, observe }),
    limits: makeLimits(id, api.limits),
    async close() {
      engine.close();
      await sessions.close();
    },
  };
}

/** A quarter of what the server has room for: its own clients come first. */
const connectionsFor = ({ limits }: Gate): number => Math.min(20, Math.max(2, Math.floor(limits.connections / 4)));

const settingsOf = (api: ApiSpec): RestSettings => ({
  schemas: api.schemas,
  maxRows: api.maxRows,
  statementMs: api.timeoutSeconds * 1000,
  maxBytes: api.maxResponseBytes,
  allowTxEnd: false,
  aggregates: api.aggregates,
  exposed: exposing(api.exposeWithoutRls),
});

/** What row-level security does not guard is served only where the declaration names it. */
export function exposing(named: readonly string[]): (relation: RelationFacts) => boolean {
  const names = new Set(named);
  return ({ schema, name, isGuarded }) => isGuarded || names.has(`${schema}.${name}`) || names.has(`${schema}.*`);
}
