import type { Answer, Asked } from "./types.ts";

const methods = "GET, HEAD, POST, PATCH, PUT, DELETE, OPTIONS";
const exposed =
  "Content-Range, Content-Location, Location, ETag, Preference-Applied, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate";

/** What a browser is told of who may read an answer; nothing where the origin is not declared. */
export function corsHeaders(
  cors: readonly string[],
  { headers }: Pick<Asked, "headers">,
): Readonly<Record<string, string>> {
  const { origin } = headers;
  if (cors.length === 0) return {};
  if (cors.includes("*")) return { "access-control-allow-origin": "*", "access-control-expose-headers": exposed };
  if (origin === undefined || !cors.includes(origin.toLowerCase())) return { vary: "Origin" };
  return { "access-control-allow-origin": origin, "access-control-expose-headers": exposed, vary: "Origin" };
}

/** Before a browser sends the real one. Wakes nothing, and is not counted. */
export function preflight(cors: readonly string[], asked: Pick<Asked, "method" | "headers">): Answer | undefined {
  const { "access-control-request-method": method, "access-control-request-headers": wanted } = asked.headers;
  if (asked.method !== "OPTIONS" || method === undefined || cors.length === 0) return undefined;
  const allowed = corsHeaders(cors, asked);
  const more =
    "access-control-allow-origin" in allowed
      ? {
          "access-control-allow-methods": methods,
          "access-control-allow-headers": /^[\w\-, ]{1,2000}$/.test(wanted ?? "")
            ? (wanted ?? "")
            : "authorization, apikey, content-type",
          "access-control-max-age": "600",
        }
      : {};
  return { status: 204, headers: { ...allowed, ...more }, body: Buffer.alloc(0) };
}
