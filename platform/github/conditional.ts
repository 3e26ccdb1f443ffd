import { createHash } from "node:crypto";
import { LRUCache } from "lru-cache";

type Kept = { readonly etag: string; readonly headers: [string, string][]; readonly body: Buffer };

const longestKept = 1024 * 1024;

/**
 * `fetch` that asks again only for what has changed: an answer with an ETag is kept, the next question names it, and 304 becomes
 * the kept answer. The host is asked every time, so nothing is ever stale; a 304 costs no rate limit there.
 */
export function conditionalFetch(fetching: typeof fetch, { maxBytes = 16 * 1024 * 1024 } = {}): typeof fetch {
  const kept = new LRUCache<string, Kept>({ maxSize: maxBytes, sizeCalculation: ({ body }) => body.length + 1024 });
  return async (input, init) => {
    const request = new Request(input, init);
    if (request.method !== "GET" || request.headers.has("if-none-match")) return fetching(input, init);
    const key = keyOf(request);
    const known = kept.get(key);
    const headers = new Headers(request.headers);
    if (known !== undefined) headers.set("if-none-match", known.etag);
    const response = await fetching(input, { ...init, headers });
    if (response.status === 304 && known !== undefined) return revive(response, known);
    const etag = response.headers.get("etag");
    if (response.status !== 200 || etag === null) return response;
    const body = Buffer.from(await response.clone().arrayBuffer());
    if (body.length <= longestKept) kept.set(key, { etag, headers: [...response.headers], body });
    return response;
  };
}

/** What another credential may see is another answer. */
const keyOf = ({ url, headers }: Request): string =>
  createHash("sha256")
    .update([url, headers.get("accept"), headers.get("authorization")].join("\n"))
    .digest("base64");

/** The kept answer, with what the host says today of its limits and its time. */
function revive(fresh: Response, { headers, body }: Kept): Response {
  const merged = new Headers(headers);
  for (const [name, value] of fresh.headers) if (name !== "content-length") merged.set(name, value);
  return Object.defineProperty(new Response(body, { status: 200, headers: merged }), "url", { value: fresh.url });
}
