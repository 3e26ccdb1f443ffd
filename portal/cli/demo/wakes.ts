import type { Credentials } from "../types.ts";

/** Milliseconds of each phase, by how it was woken. */
export type Wakes = Readonly<Record<string, Readonly<Record<string, number>>>>;

const line = /^nebuladb_gateway_wake_phase_duration_seconds_sum\{([^}]*)\} (\S+)$/;

/** What the gateway has counted of its wakes. Its HTTP stands beside the endpoints, on the platform's machine; elsewhere it is nothing. */
export async function readWakes({ host, port }: Pick<Credentials, "host" | "port">): Promise<Wakes> {
  const text = await fetch(`http://${host}:${port + 2}/metrics`)
    .then((response) => response.text())
    .catch(() => "");
  const wakes: Record<string, Record<string, number>> = {};
  for (const one of text.split("\n")) {
    const [, labels = "", value] = line.exec(one) ?? [];
    const { how, phase } = Object.fromEntries(
      [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, said]) => [key, said]),
    );
    if (how === undefined || phase === undefined || value === undefined) continue;
    wakes[how] = { ...wakes[how], [phase]: Number(value) * 1000 };
  }
  return wakes;
}

/** What came since: one wake, when nobody else connected. */
export function wakesBetween(before: Wakes, after: Wakes): Wakes {
  const differences = Object.entries(after).map(([how, phases]) => {
    const since = Object.entries(phases).map(([phase, ms]) => [phase, ms - (before[how]?.[phase] ?? 0)] as const);
    return [how, Object.fromEntries(since)] as const;
  });
  return Object.fromEntries(differences.filter(([, phases]) => Object.values(phases).some((ms) => ms > 0)));
}
