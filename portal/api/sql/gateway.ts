/** The way to the gateway's SQL endpoint and its webhooks: a token for one request, JSON there and back, and an end when nobody waits any more. */
import { request as inClear } from "node:http";
import { request as byTls } from "node:https";
import { text } from "node:stream/consumers";
import { currentTraceparent, NebulaError } from "../../../platform/core/index.ts";
import { type SqlGrant, signSqlToken } from "../../../platform/identity/index.ts";
import { sqlUnavailable } from "../errors.ts";
import type { Portal } from "../portal.ts";

type Work = "run" | "page" | "end" | "cancel" | `webhooks/v1/${"list" | "deliveries" | "replay"}`;

/** @throws what the gateway refused it with; NEB789 when there is none or it does not answer. */
export async function askGateway<T>(
  { gateway, auth, clock }: Pick<Portal, "gateway" | "auth" | "clock">,
  grant: SqlGrant,
  work: Work,
  body: unknown,
  signal?: AbortSignal,
): Promise<T> {
  if (gateway === null) throw sqlUnavailable("no gateway runs beside this portal");
  const token = await signSqlToken({ keys: auth.identity.keys, clock }, grant);
  const below = work.includes("/") ? work : `sql/v1/${work}`;
  const url = new URL(`${gateway.apiUrl}/${grant.database.replaceAll(".", "/")}/${below}`);
  const ca = url.protocol === "https:" ? await gateway.rootCertificate() : null;
  const sent = JSON.stringify(body);
  const headers = {
    authorization: `Bearer ${token.reveal()}`,
    "content-type": "application/json",
    "content-length": Buffer.byteLength(sent),
    ...traceHeader(),
  };
  const answer = await exchange("POST", url, { headers, ca, signal }, sent);
  if (answer.status === 200) return JSON.parse(answer.body) as T;
  throw refusal(answer);
}

/** What the gateway does for this request, a wake included, belongs to its trace. */
const traceHeader = (): { readonly traceparent?: string } => {
  const traceparent = currentTraceparent();
  return traceparent === undefined ? {} : { traceparent };
};

type Sending = {
  readonly headers: Record<string, string | number>;
  readonly ca: string | null;
  readonly signal: AbortSignal | undefined;
};
export type GatewayAnswer = { readonly status: number; readonly body: string };

/** @throws NEB789 when nobody answers. */
export function exchange(
  method: string,
  url: URL,
  { headers, ca, signal }: Sending,
  body: string,
): Promise<GatewayAnswer> {
  const options = { method, headers, agent: false as const, ...(signal === undefined ? {} : { signal }) };
  return new Promise((resolve, reject) => {
    const asked =
      url.protocol === "https:" ? byTls(url, { ...options, ...(ca === null ? {} : { ca }) }) : inClear(url, options);
    asked.on("error", (cause) => reject(sqlUnavailable("the gateway does not answer", { cause })));
    asked.on("response", (response) => {
      text(response).then(
        (all) => resolve({ status: response.statusCode ?? 0, body: all }),
        (cause) => reject(sqlUnavailable("the gateway's answer broke off", { cause })),
      );
    });
    asked.end(body);
  });
}

type Problem = { readonly [name: string]: unknown } & { readonly code: string; readonly detail: string };

/** The gateway's own words: it names the place in the text, and what to do. */
function refusal({ status, body }: GatewayAnswer): NebulaError {
  const problem = parse(body);
  if (problem === undefined || status === 401) return sqlUnavailable(`the gateway answered ${status}`);
  const { type: _, status: __, instance: ___, code, title, detail, hint, retry, ...fields } = problem;
  const definition = {
    ...{ code: code as `NEB${number}`, status, retry: retry === true },
    ...{ title: String(title), hint: String(hint) },
  };
  return new NebulaError(definition, detail, { fields });
}

function parse(body: string): Problem | undefined {
  try {
    const value = JSON.parse(body) as Problem;
    return /^NEB\d{3}$/.test(value.code) ? value : undefined;
  } catch {
    return undefined;
  }
}
