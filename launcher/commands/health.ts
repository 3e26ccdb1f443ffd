/** How the running processes say they are, for `nebula status`. */
import type { HealthReport } from "../../platform/core/index.ts";

const patienceMs = 3_000;

/** What a main says of itself on its port of this machine; null: it does not answer. */
export async function readHealth(port: number): Promise<HealthReport | null> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(patienceMs) });
    const report = (await response.json()) as Partial<HealthReport>;
    return Array.isArray(report.checks) && report.status !== undefined ? (report as HealthReport) : null;
  } catch {
    return null;
  }
}

type Named = { readonly name: string; readonly health: HealthReport | null };

/** A line for each thing that is not well. */
export const healthLines = (processes: readonly Named[]): readonly string[] =>
  processes.flatMap(({ name, health }) =>
    (health?.checks ?? [])
      .filter(({ state }) => state !== "ok")
      .map(
        ({ name: check, state, code, reason, since }) =>
          `${name}: ${check} is ${state} since ${since}: ${code} ${reason}`,
      ),
  );
