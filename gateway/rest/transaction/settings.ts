import type { ApiRequest } from "../request/request.ts";
import type { RestRequest, RestSession, RestSettings } from "../types.ts";
import type { Settings } from "./run.ts";

/** What a transaction of this request is told, as PostgREST tells it. */
export function settingsOf(
  request: ApiRequest,
  raw: RestRequest,
  { role, claims }: RestSession,
  { statementMs }: RestSettings,
  isReadOnly: boolean,
): Settings {
  const { authorization: _, apikey: __, ...headers } = raw.headers; // what proves who asks is nobody's to read
  const { timezone } = request.prefer;
  return {
    ...{ role, statementMs, isReadOnly, method: raw.method, path: raw.path },
    claims: JSON.stringify(claims),
    headers: JSON.stringify(headers),
    cookies: cookiesOf(raw.headers.cookie),
    schema: request.schema === "public" ? '"public"' : `"${request.schema.replaceAll('"', '""')}", "public"`,
    ...(timezone === undefined ? {} : { timezone }),
  };
}

function cookiesOf(header: string | undefined): string {
  if (header === undefined) return "{}";
  const pairs = header.split(";").map((pair) => pair.trim().split(/=(.*)/s));
  return JSON.stringify(Object.fromEntries(pairs.map(([name = "", value = ""]) => [name, value])));
}
