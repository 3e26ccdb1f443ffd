import { createRequire } from "node:module";
import type ts from "typescript";

let loaded: typeof ts | undefined;

/** The TypeScript API, loaded on first use: it takes 60 MB and a sixth of a second, which most processes never need. */
export function typescript(): typeof ts {
  loaded ??= createRequire(import.meta.url)("typescript") as typeof ts;
  return loaded;
}
