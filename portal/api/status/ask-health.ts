import { get as inClear } from "node:http";
import { get as byTls } from "node:https";
import { text } from "node:stream/consumers";
import type { HealthReport } from "../../../platform/core/index.ts";
import type { AskHealth } from "./components.ts";

const patienceMs = 3_000;

/**
 * Asks processes of our own, at addresses that they wrote into the ledger themselves or that the operator named. By node's own client,
 * which a portal has loaded: `fetch` would load a second one into a process that needs it for nothing else.
 */
export const askHealth: AskHealth = async (url) => {
  try {
    return parse(await ask(url));
  } catch {
    return undefined;
  }
};

const ask = (url: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const get = url.startsWith("https:") ? byTls : inClear;
    const asked = get(url, { signal: AbortSignal.timeout(patienceMs), agent: false }, (response) => {
      text(response).then(resolve, reject);
    });
    asked.on("error", reject);
  });

/** @throws SyntaxError when it is no JSON. */
function parse(body: string): HealthReport | undefined {
  const report = JSON.parse(body) as Partial<HealthReport>;
  return Array.isArray(report.checks) && report.status !== undefined ? (report as HealthReport) : undefined;
}
