import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { encodePath, type Signable, unsigned } from "../../platform/files/index.ts";
import type { Admitted } from "./admit.ts";
import { copySource } from "./request.ts";
import { BodyRefused, capped, Unchunk } from "./unchunk.ts";
import type { Upstream } from "./upstream.ts";

/** What a client may say to the server behind us. Not: ACLs, locks, storage classes, encryption keys, redirects. */
const passedOn =
  /^(content-(type|length|md5|encoding|disposition|language)|cache-control|expires|range|if-[a-z-]+|x-amz-(meta-.+|checksum-.+|sdk-checksum-algorithm|copy-source(-range|-if-[a-z-]+)?|metadata-directive|tagging|tagging-directive|content-sha256|decoded-content-length|trailer|mp-object-size|object-attributes))$/;

/** What the server behind us may say to a client. */
const passedBack =
  /^(content-(type|length|encoding|disposition|language|range)|cache-control|expires|etag|last-modified|accept-ranges|x-amz-(meta-.+|checksum-.+|request-id|mp-parts-count|tagging-count|missing-meta|copy-source-.+|delete-marker))$/;

/**
 * Sends an admitted request on, as the bucket's own account. The answer is there, its body not read.
 * @param whole its body, where it was read to be judged.
 */
export function relay(
  upstream: Upstream,
  request: IncomingMessage,
  signable: Signable,
  { bucket, key, query, signed }: Admitted,
  whole?: Buffer,
): Promise<IncomingMessage> {
  const headers = headersOf(signable);
  const path = encodePath(key === "" ? `/${bucket.label}` : `/${bucket.label}/${key}`);
  const { method } = signable;
  if (method === "GET" || method === "HEAD" || method === "DELETE") {
    const { "content-length": _, "x-amz-content-sha256": __, ...plain } = headers;
    return upstream.send({ method, path, query, headers: plain, as: bucket.owner });
  }
  const payload = signed?.claimed.payload ?? unsigned;
  if (whole !== undefined) {
    const sent = { ...headers, "x-amz-content-sha256": payload, "content-length": String(whole.length) };
    return upstream.send({ method, path, query, headers: sent, as: bucket.owner, body: Readable.from([whole]) });
  }
  const says = Number(headers["x-amz-decoded-content-length"] ?? 0);
  const checked = signed !== undefined && payload.startsWith("STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
  const through = checked
    ? new Unchunk(signed.claimed, signed.signingKey, says)
    : payload.startsWith("STREAMING-")
      ? capped(says)
      : undefined;
  if (through !== undefined) {
    // not a pipeline: what is wrong with the body ends the body, and its client hears why
    request.pipe(through);
    request.once("close", () => request.complete || through.destroy(new BodyRefused("the body broke off")));
  }
  const sent = checked ? unchunked(headers) : { ...headers, "x-amz-content-sha256": payload };
  return upstream.send({ method, path, query, headers: sent, as: bucket.owner, body: through ?? request });
}

/** What is said with it. The source of a copy is written anew, so that there is one way left to read it. */
function headersOf(signable: Signable): Record<string, string> {
  const headers = Object.fromEntries(Object.entries(signable.headers).filter(([name]) => passedOn.test(name)));
  const said = headers["x-amz-copy-source"];
  if (said === undefined) return headers;
  const source = copySource(said);
  return { ...headers, "x-amz-copy-source": source === undefined ? "" : encodePath(`${source.bucket}/${source.key}`) };
}

/** Of a stream whose pieces are checked here: the object is what is left of it. */
function unchunked(headers: Readonly<Record<string, string>>): Record<string, string> {
  const { "x-amz-decoded-content-length": length = "0", "x-amz-trailer": _, ...rest } = headers;
  const encoding = (rest["content-encoding"] ?? "")
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "" && one !== "aws-chunked")
    .join(",");
  const { "content-encoding": __, "x-amz-sdk-checksum-algorithm": ___, ...kept } = rest;
  return {
    ...kept,
    ...(encoding === "" ? {} : { "content-encoding": encoding }),
    ...{ "content-length": length, "x-amz-content-sha256": unsigned },
  };
}

/** Passes the answer on, and tells of each piece of its body how long it was. */
export async function passBack(
  answer: IncomingMessage,
  response: ServerResponse,
  more: Readonly<Record<string, string>>,
  count: (bytes: number) => void,
  status = answer.statusCode ?? 502,
): Promise<void> {
  const headers: Record<string, string> = { "x-content-type-options": "nosniff" };
  for (const [name, value] of Object.entries(answer.headers))
    if (typeof value === "string" && passedBack.test(name)) headers[name] = value;
  response.writeHead(status, { ...headers, ...more });
  answer.on("data", (piece: Buffer) => count(piece.length));
  await pipeline(answer, response);
}
