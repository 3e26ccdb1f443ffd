import { readFileSync } from "node:fs";
import { join } from "node:path";

/** How this command line names itself: a session list, an audit and a log show it. */
export function userAgent(): string {
  const file = join(import.meta.dirname, "../../package.json");
  return `nebula/${(JSON.parse(readFileSync(file, "utf8")) as { readonly version: string }).version}`;
}
