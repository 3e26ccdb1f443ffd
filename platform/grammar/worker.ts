/** The thread of `makeParser`: a text comes, its statements go back. */
import { parentPort, workerData } from "node:worker_threads";
import { parse } from "./parse.ts";

const { maxLength } = workerData as { readonly maxLength: number };

parentPort?.on("message", async (sql: string) => {
  const parsed = await parse(sql, { maxLength });
  const statements = parsed.kind === "parsed" ? parsed.statements.map(({ tree: _, ...outline }) => outline) : [];
  parentPort?.postMessage(parsed.kind === "parsed" ? { kind: "parsed", statements } : parsed);
});
