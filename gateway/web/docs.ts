/**
 * `/docs` below every database's address: a page that is the same for all of them and says nothing by itself. What it shows, the reader's
 * browser asks the data API, with the reader's own key; so it shows what that key may use, and a stranger learns nothing.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Answer, Asked } from "./types.ts";

const folder = join(import.meta.dirname, "docs");
const types = { "page.html": "text/html", "page.js": "text/javascript", "page.css": "text/css" } as const;
type File = keyof typeof types;

const files: Readonly<Record<string, File>> = {
  "/docs": "page.html",
  "/docs/page.js": "page.js",
  "/docs/page.css": "page.css",
};

const policy = [
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'",
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
].join("; ");

export type Docs = (asked: Pick<Asked, "method" | "path">) => Answer | undefined;

/** undefined: it is not asked for. */
export function makeDocs(): Docs {
  const answers = new Map(Object.entries(files).map(([path, file]) => [path, answerOf(file)]));
  return ({ method, path }) => (method === "GET" || method === "HEAD" ? answers.get(path) : undefined);
}

const answerOf = (file: File): Answer => ({
  status: 200,
  headers: {
    "content-type": `${types[file]}; charset=utf-8`,
    "content-security-policy": policy,
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
  },
  body: readFileSync(join(folder, file)),
});
