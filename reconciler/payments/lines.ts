import type { InvoiceLine } from "../../platform/pricing/index.ts";
import { type RemoteLine, remoteAmount, smallestUnitMicros } from "../../platform/stripe/index.ts";

/** Fewer than it takes at most: the rest of its page is the customer's. */
const mostLines = 100;

type Line = Pick<InvoiceLine, "position" | "kind" | "project" | "database" | "description" | "micros">;

/**
 * An invoice's lines as the payment service gets them: whole smallest units that add up to the total, exactly. Each line is rounded by
 * what was rounded away before it, so none is off by more than one unit; lines of nothing are left out. Pure.
 * @throws NEB567 when the total is no whole amount there
 */
export function toRemoteLines(lines: readonly Line[], currency: string): readonly RemoteLine[] {
  const total = lines.reduce((sum, { micros }) => sum + micros, 0);
  const whole = remoteAmount(total, currency).amount;
  const unit = smallestUnitMicros(currency);
  let [soFar, sent] = [0, 0];
  const rounded = foldLines(lines).map(({ position, description, micros }, index, all) => {
    soFar += micros;
    const upTo = index === all.length - 1 ? whole : Math.round(soFar / unit);
    const amount = upTo - sent;
    sent = upTo;
    return { position, description, amount: amount || 0 };
  });
  return rounded.filter(({ amount }) => amount !== 0);
}

/** Lines that are too many for one invoice there are one a database, one a project, and at last one for all use. */
export function foldLines(lines: readonly Line[]): readonly Line[] {
  const foldings: readonly ((line: Line) => string)[] = [
    ({ position }) => String(position),
    ({ kind, position, project, database }) => (kind === "usage" ? `Use of ${project}/${database}` : String(position)),
    ({ kind, position, project }) => (kind === "usage" ? `Use of ${project}` : String(position)),
    ({ kind }) => (kind === "usage" ? "Use" : kind),
  ];
  for (const folding of foldings) {
    const groups = [...Map.groupBy(lines, folding)];
    if (groups.length <= mostLines || folding === foldings.at(-1))
      return groups.flatMap(([name, [first, ...rest]]) => {
        if (first === undefined) return [];
        const micros = rest.reduce((sum, line) => sum + line.micros, first.micros);
        return [
          {
            ...first,
            micros,
            description: rest.length === 0 ? first.description : `${name} (${rest.length + 1} lines)`,
          },
        ];
      });
  }
  return lines;
}
