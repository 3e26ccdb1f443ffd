import type { IncomingMessage } from "node:http";
import { encodePath } from "../../platform/files/index.ts";
import { isOpen } from "./admit.ts";
import type { Bucket } from "./buckets.ts";
import { decoded, isPlainKey } from "./request.ts";
import type { Upstream } from "./upstream.ts";

/** What a web site shows at an address: an object, with its own status; or where to go instead. */
export type Page =
  | { readonly kind: "object"; readonly answer: IncomingMessage; readonly status: number }
  | { readonly kind: "moved"; readonly location: string }
  | { readonly kind: "nothing" };

export const isSite = (bucket: Bucket): boolean => isOpen(bucket) && bucket.spec.website !== undefined;

/** `/` and `/a/` are their index, `/a` becomes `/a/` where only that is there; what is not there is the error document. */
export async function pageAt(
  upstream: Upstream,
  bucket: Bucket,
  asked: { readonly method: string; readonly path: string; readonly headers: Readonly<Record<string, string>> },
): Promise<Page> {
  const { index = "index.html", error } = bucket.spec.website ?? {};
  const key = keyOf(asked.path);
  if (key === undefined) return { kind: "nothing" };
  const get = (name: string, method = asked.method, headers = conditions(asked.headers)) =>
    upstream.send({ method, path: encodePath(`/${bucket.label}/${name}`), query: "", headers, as: bucket.owner });
  const answer = await get(key === "" || key.endsWith("/") ? `${key}${index}` : key);
  const status = answer.statusCode ?? 502;
  if (status !== 404 && status !== 403 && status !== 400) return { kind: "object", answer, status };
  answer.resume();
  if (key !== "" && !key.endsWith("/")) {
    const below = await get(`${key}/${index}`, "HEAD", {});
    below.resume();
    if (below.statusCode === 200) return { kind: "moved", location: `${encodePath(`/${key}`)}/` };
  }
  if (error === undefined) return { kind: "nothing" };
  const shown = await get(error, asked.method, {});
  if (shown.statusCode === 200) return { kind: "object", answer: shown, status: 404 };
  shown.resume();
  return { kind: "nothing" };
}

const conditions = (headers: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => /^(range|if-[a-z-]+)$/.test(name)));

function keyOf(path: string): string | undefined {
  const key = decoded(path.slice(1));
  return key !== undefined && isPlainKey(key) ? key : undefined;
}
