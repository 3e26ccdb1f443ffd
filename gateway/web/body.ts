import type { IncomingMessage } from "node:http";
import { encodedBody, tooLarge } from "./refusal.ts";
import type { Answer } from "./types.ts";

export type Body =
  | { readonly kind: "body"; readonly bytes: Buffer }
  | { readonly kind: "refused"; readonly answer: Answer };

const empty: Body = { kind: "body", bytes: Buffer.alloc(0) };

/** All of it, or a refusal as soon as it is known to be too much. @throws when the client goes away in the middle. */
export async function readBody(request: IncomingMessage, mostBytes: number): Promise<Body> {
  const { "content-length": length, "content-encoding": encoding, "transfer-encoding": chunked } = request.headers;
  if (length === undefined && chunked === undefined) return empty;
  if (encoding !== undefined && encoding !== "identity") return { kind: "refused", answer: encodedBody() };
  if (Number(length ?? 0) > mostBytes) return { kind: "refused", answer: tooLarge(mostBytes) };
  const parts: Buffer[] = [];
  let size = 0;
  // Left half-read it must stay open: the refusal is still to be sent.
  for await (const part of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > mostBytes) return { kind: "refused", answer: tooLarge(mostBytes) };
    parts.push(part);
  }
  return { kind: "body", bytes: Buffer.concat(parts) };
}
