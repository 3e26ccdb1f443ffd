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
    schema: request.schema === "public" ? '"public"' : `"${request.schema.replaceAll('"', '""')}", "public"`,
    ...(timezone === undefined ? {} : { timezone }),
  };
}
