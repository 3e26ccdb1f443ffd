import express, { type Request, type RequestHandler } from "express";
import { badJson, wrongMedia } from "./errors.ts";

/** Deeper than any body of this API by far, and far from what a recursive reader could not take. */
const deepest = 32;

/**
 * Bodies as JSON that means one thing only. Read as bytes, so that nothing is guessed: UTF-8, an object or a list, no key twice, no
 * `__proto__`, and nested no deeper than `deepest`.
 */
export function readJson(bodyBytes: number): RequestHandler[] {
  return [
    express.raw({ type: ["application/json", "application/*+json"], limit: bodyBytes }),
    (request: Request, _response, next) => {
      if (Buffer.isBuffer(request.body)) {
        if (request.headers["stripe-signature"] !== undefined) signed.set(request, request.body);
        request.body = parseBody(request.body, request.headers["content-type"]);
      }
      next();
    },
  ];
}

const signed = new WeakMap<Request, Buffer>();

/** The bytes as they came, of a request that carries a signature over them. */
export const signedBytes = (request: Request): Buffer | undefined => signed.get(request);

const utf8 = new TextDecoder("utf-8", { fatal: true });

function parseBody(bytes: Buffer, contentType = ""): unknown {
  if (bytes.length === 0) return undefined;
  const charset = /;\s*charset\s*=\s*"?([\w-]+)/i.exec(contentType)?.[1];
  if (charset !== undefined && !/^utf-?8$/i.test(charset))
    throw wrongMedia(`the body's charset is ${charset}, not utf-8`);
  return parseJson(decode(bytes));
}

function decode(bytes: Buffer): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw badJson("the body is not UTF-8", { cause });
  }
}

/** @throws NEB600 when it is not JSON, or JSON that two readers could understand differently. */
export function parseJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw badJson("the body is not valid JSON", { cause });
  }
  if (typeof value !== "object" || value === null) throw badJson("the body is neither an object nor a list");
  demandPlain(text);
  return value;
}

/** Over text that is known to be JSON: only braces, brackets and strings matter. */
function demandPlain(text: string): void {
  /** The keys of each open object; null for a list. */
  const open: (Set<string> | null)[] = [];
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case quote: {
        const end = endOfString(text, at);
        const keys = open.at(-1);
        if (keys && isKey(text, end)) addKey(keys, text.slice(at, end));
        at = end - 1;
        break;
      }
      case brace:
        open.push(new Set());
        break;
      case bracket:
        open.push(null);
        break;
      case closingBrace:
      case closingBracket:
        open.pop();
        break;
    }
    if (open.length > deepest) throw badJson(`the body is nested deeper than ${deepest} levels`);
  }
}

const [quote, backslash, brace, closingBrace, bracket, closingBracket, colon] = [34, 92, 123, 125, 91, 93, 58];

function addKey(keys: Set<string>, literal: string): void {
  const key = JSON.parse(literal) as string;
  if (key === "__proto__") throw badJson("the body has a key __proto__");
  if (keys.has(key)) throw badJson(`the body has the key ${JSON.stringify(key.slice(0, 60))} twice`);
  keys.add(key);
}

/** The place after the closing quote of the string that begins at `start`. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (text.charCodeAt(at) !== quote) at += text.charCodeAt(at) === backslash ? 2 : 1;
  return at + 1;
}

function isKey(text: string, from: number): boolean {
  let at = from;
  while (text.charCodeAt(at) <= 32) at++;
  return text.charCodeAt(at) === colon;
}
