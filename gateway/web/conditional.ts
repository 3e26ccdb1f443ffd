import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { Answer, Asked } from "./types.ts";

const compress = promisify(gzip);
const worthCompressing = 2_048;

/** A strong tag of what an answer says: its body, its type and its range. */
export function tagged(answer: Answer): Answer {
  if (answer.headers.etag !== undefined) return answer;
  const { "content-type": type = "", "content-range": range = "" } = answer.headers;
  const hash = createHash("sha256").update(`${answer.status}\n${type}\n${range}\n`).update(answer.body);
  return { ...answer, headers: { ...answer.headers, etag: `"${hash.digest("base64url").slice(0, 27)}"` } };
}

/** 304 where the client has it already (RFC 9110, 13.1.2: tags are compared weakly there). */
export function unlessKnown(answer: Answer, ifNoneMatch: string | undefined): Answer {
  const { etag } = answer.headers;
  if (ifNoneMatch === undefined || etag === undefined) return answer;
  const known = ifNoneMatch.split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  if (!known.includes("*") && !known.includes(etag) && !known.includes(zipped(etag))) return answer;
  const { "content-type": _type, "content-length": _length, ...headers } = answer.headers;
  return { status: 304, headers, body: Buffer.alloc(0) };
}

const zipped = (etag: string): string => etag.replace(/"$/, '-gz"');

/** Packed where the client takes it and it is long enough; the tag says so, because a strong tag names bytes. */
export async function packed(answer: Answer, { headers }: Pick<Asked, "headers">): Promise<Answer> {
  if (
    answer.body.length < worthCompressing ||
    !/\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/i.test(headers["accept-encoding"] ?? "")
  )
    return answer;
  const body = await compress(answer.body, { level: 1 });
  const { etag, vary } = answer.headers;
  return {
    status: answer.status,
    headers: {
      ...answer.headers,
      "content-encoding": "gzip",
      vary: vary === undefined ? "Accept-Encoding" : `${vary}, Accept-Encoding`,
      ...(etag === undefined ? {} : { etag: zipped(etag) }),
    },
    body,
  };
}
