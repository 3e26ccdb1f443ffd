import { createHash } from "node:crypto";
import { pagePolicy } from "./headers.ts";

export type Page = { readonly html: string; readonly policy: string };

/** A page of ours: its one style is named by its hash; no other may run, and no script at all. */
export function toPage(html: string): Page {
  const style = /<style>([\s\S]*?)<\/style>/.exec(html)?.[1] ?? "";
  const hash = createHash("sha256").update(style).digest("base64");
  return { html, policy: pagePolicy(`'sha256-${hash}'`) };
}
