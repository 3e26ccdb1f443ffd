import type { IncomingMessage } from "node:http";
import { isPlainKey } from "./request.ts";

/**
 * The objects that one request deletes. versitygw 1.8 joins their names to a path as they come, `../` among them, so they are read here, by
 * a grammar that leaves nothing to read in two ways: these elements, no comments, no CDATA, no declarations of entities. What passes goes on
 * as it came.
 */
export function keysToDelete(body: Buffer): readonly string[] | undefined {
  const text = decodedText(body);
  const [, inner] = (text === undefined ? undefined : document.exec(text)) ?? [];
  if (inner === undefined) return undefined;
  const keys: string[] = [];
  let at = 0;
  for (const [whole, key] of inner.matchAll(element)) {
    if (whole.length === 0) break;
    at += whole.length;
    const name = key === undefined ? undefined : unescaped(key);
    if (key !== undefined && (name === undefined || name === "" || !isPlainKey(name))) return undefined;
    if (name !== undefined) keys.push(name);
  }
  return at === inner.length && keys.length > 0 && keys.length <= mostKeys ? keys : undefined;
}

const mostKeys = 1000;
const document =
  /^\s*(?:<\?xml version="1\.0"(?: encoding="utf-8")?\s*\?>\s*)?<Delete(?: xmlns="[a-zA-Z0-9:/.-]{0,100}")?>([\s\S]*)<\/Delete>\s*$/i;
const element = /\s+|<Quiet>(?:true|false)<\/Quiet>|<Object>\s*<Key>([^<>]*)<\/Key>\s*<\/Object>/gy;
const named: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

function decodedText(body: Buffer): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    return undefined;
  }
}

/** undefined: it has a reference that is none. */
function unescaped(text: string): string | undefined {
  let isWhole = true;
  const plain = text.replace(/&([^;&]{0,10});?/g, (reference, inside: string) => {
    const [, hex, decimal] = /^#(?:x([0-9a-f]{1,6})|(\d{1,7}))$/i.exec(inside) ?? [];
    const point = hex !== undefined ? Number.parseInt(hex, 16) : decimal !== undefined ? Number(decimal) : undefined;
    const meant =
      point === undefined
        ? named[inside]
        : point > 0 && point <= 0x10ffff && !(point >= 0xd800 && point < 0xe000)
          ? String.fromCodePoint(point)
          : undefined;
    if (meant === undefined || !reference.endsWith(";")) isWhole = false;
    return meant ?? "";
  });
  return isWhole ? plain : undefined;
}

/** A body that is small: undefined when it is more. */
export async function readWhole(request: IncomingMessage, mostBytes: number): Promise<Buffer | undefined> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    size += piece.length;
    if (size > mostBytes) return undefined;
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
