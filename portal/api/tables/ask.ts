/** The data API of a database, asked with the caller's own key: role, policies, limits and meter are those of any other client. */
import { defineError, NebulaError } from "../../../platform/core/index.ts";
import { credentialIn } from "../../../platform/identity/index.ts";
import type { DatabaseId } from "../../../platform/spec/index.ts";
import { apiUrlOf } from "../endpoints.ts";
import { notFound, sqlUnavailable } from "../errors.ts";
import type { Portal } from "../portal.ts";
import { exchange } from "../sql/gateway.ts";
import type { TableSchema } from "./check.ts";

export const keyDemanded = defineError({
  code: "NEB791",
  status: 403,
  title: "Rows are read and written with an API key",
  retry: false,
  hint: "Make one with data:read or data:write (`nebula key create`) and send it as `Authorization: ApiKey ndb_...`.",
});

export const dataRefused = defineError({
  code: "NEB792",
  status: 400,
  title: "The database refused it",
  retry: false,
  hint: "`reason` has the database's own code; docs/data-api.md says what it may be asked.",
});

export type Asking = {
  readonly portal: Pick<Portal, "gateway">;
  readonly id: DatabaseId;
  readonly authorization: string | undefined;
};

export type Wanted = {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** Below the API: `/orders?limit=1`. */
  readonly path: string;
  readonly body?: unknown;
  readonly accept?: string;
  /** Default: what was written comes back. */
  readonly prefer?: string;
};

/**
 * @throws NEB791 without a key, NEB792 for what the database refuses, NEB602 where there is nothing, NEB789 when nobody answers, and what
 * the gateway itself said: that somebody paused the database, or that it does not answer.
 */
export async function askData<T>({ portal: { gateway }, id, authorization }: Asking, wanted: Wanted): Promise<T> {
  const key = credentialIn(authorization);
  if (key === undefined || !key.startsWith("ndb_")) throw keyDemanded("the request carries no API key");
  if (gateway === null) throw sqlUnavailable("no gateway runs beside this portal");
  const url = new URL(`${apiUrlOf(gateway, id)}${wanted.path}`);
  const ca = url.protocol === "https:" ? await gateway.rootCertificate() : null;
  const sent = wanted.body === undefined ? "" : JSON.stringify(wanted.body);
  const headers = {
    ...{ apikey: key, accept: wanted.accept ?? "application/json", prefer: wanted.prefer ?? "return=representation" },
    ...(sent === "" ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(sent) }),
  };
  const { status, body } = await exchange(wanted.method, url, { headers, ca, signal: undefined }, sent);
  if (status < 300) return (body === "" ? null : JSON.parse(body)) as T;
  throw refusal(status, body);
}

type Refusal = {
  readonly code?: string;
  readonly message?: string;
  readonly hint?: string;
  readonly details?: unknown;
};

function refusal(status: number, body: string): NebulaError {
  const said = readRefusal(body);
  const own = said === undefined ? undefined : gatewaysOwn(status, said);
  if (own !== undefined) return own;
  if (said === undefined || status >= 500) return sqlUnavailable(`the data API answered ${status}`);
  if (status === 404) return notFound(said.message ?? "there is nothing by that name here");
  const { definition } = dataRefused;
  const hint = said.hint ?? definition.hint;
  return new NebulaError({ ...definition, status, hint }, said.message ?? `refused with ${status}`, {
    fields: { reason: said.code ?? null, details: said.details ?? null },
  });
}

/** Answers that are the gateway's and not the database's: stopped or out of reach, and a branch whose time is over. */
const gatewayStates: Readonly<Record<number, string>> = { 503: "PGRST001", 410: "3D000" };

/** Somebody paused or retired it (platform/compute, all of which the portal would have in memory for this word). */
const stopped = /^NEB357$/;

/** What the gateway said in words of its own, under our code, which it names in `details`: a paused database is no outage. */
function gatewaysOwn(answered: number, { code, message, hint, details }: Refusal): NebulaError | undefined {
  if (code !== gatewayStates[answered] || typeof details !== "string" || !/^NEB\d{3}$/.test(details)) return undefined;
  const title = message ?? "The database does not answer";
  const isMeant = stopped.test(details);
  const [status, retry] = isMeant ? [409, false] : [answered, answered === 503];
  return new NebulaError({ code: details as `NEB${number}`, status, title, retry, hint: hint ?? "" }, title);
}

function readRefusal(body: string): Refusal | undefined {
  try {
    return JSON.parse(body) as Refusal;
  } catch {
    return undefined;
  }
}

export type Description = {
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly components?: { readonly schemas?: Readonly<Record<string, TableSchema>> };
};

/** What the caller's key may use. */
export const describeData = (asking: Asking): Promise<Description> =>
  askData<Description>(asking, { method: "GET", path: "/", accept: "application/openapi+json" });
