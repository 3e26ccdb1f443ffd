import { readGate } from "../../platform/compute/index.ts";
import { guardedFetch, hostPolicy, systemClock } from "../../platform/core/index.ts";
import { type Changes, makeChanges, type WebhookHttp } from "../changes/index.ts";
import type { Keeper } from "../keeper/index.ts";
import { makeSqlTokens, type SqlHttp, type SqlTokenOptions, type VerifySqlToken } from "../statements/index.ts";
import { askPortal, type DataWeb, type DataWebOptions, makeDataWeb, makeKeys } from "../web/index.ts";
import type { Outside } from "./outside.ts";
import { portalOf, type Settings } from "./settings.ts";

/** The portal's public keys, from the portal. */
export function openSqlTokens(config: Settings): VerifySqlToken {
  const url = `${portalOf(config)}/.well-known/jwks.json`;
  const ask = async () => {
    const response = await fetch(url, { signal: AbortSignal.timeout(5_000), redirect: "error" });
    if (!response.ok) throw new Error(`the portal answered ${response.status}`);
    return (await response.json()) as Awaited<ReturnType<SqlTokenOptions["ask"]>>;
  };
  return makeSqlTokens({ dataDir: config.NEBULA_DATA, ask, clock: systemClock });
}

/** The SQL endpoint and webhooks stand beside a database's data API, also where it has none. */
export const eitherBelow =
  (webhooks: WebhookHttp, sql: SqlHttp): NonNullable<DataWebOptions["elsewhere"]> =>
  async (request, response, { named, path }) => {
    const route = { path, database: named.by === "id" ? named.id : undefined };
    return (await webhooks(request, response, route)) || sql(request, response, route);
  };

/** Receivers are asked like every address that a declaration names: in public, by https. */
export function openChanges(
  config: Settings,
  { keeper, observe }: Pick<DataWebParts, "observe"> & { keeper: Keeper },
): Changes {
  const { inside } = hostPolicy({ hosts: "", inside: config.NEBULA_PRIVATE_HOSTS });
  return makeChanges({
    ...{ dataDir: config.NEBULA_DATA, keeper, observe, clock: systemClock },
    gateOf: (id) => readGate(config.NEBULA_DATA, id),
    fetch: guardedFetch({ inside }, { timeoutMs: 15_000, maxBytes: 64 * 1024 }),
  });
}

type DataWebParts = Pick<DataWebOptions, "directory" | "keeper" | "account" | "observe" | "tracer"> & {
  readonly changes: Changes;
  readonly elsewhere: NonNullable<DataWebOptions["elsewhere"]>;
  readonly outside: Outside;
};

export function openDataWeb(config: Settings, { outside: { portal, ...tls }, ...parts }: DataWebParts): DataWeb {
  const { NEBULA_DATA: dataDir, NEBULA_GATEWAY_DOMAIN: domain } = config;
  return makeDataWeb({
    ...{ ...parts, ...tls, dataDir, domain, clock: systemClock },
    keys: makeKeys({ ask: askPortal(portal), clock: systemClock }),
    policy: { inside: hostPolicy({ hosts: "", inside: config.NEBULA_PRIVATE_HOSTS }).inside },
  });
}
