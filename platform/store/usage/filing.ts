/**
 * How anything that was used comes into the ledger: added to what waits of its hour, in the statement that keeps what it comes from.
 * So an hour adds up what is new and nothing else, and what was kept already adds nothing.
 */

/** Grains: what is summed exactly, and how many of them are one unit of the meter. Those of platform/pricing/meters.ts. */
export const grains = {
  compute_unit_seconds: 1_000,
  frozen_unit_seconds: 1_000,
  storage_byte_hours: 3_600_000,
  branch_storage_byte_hours: 3_600_000,
  backup_byte_hours: 3_600_000,
  connection_seconds: 1_000,
  egress_bytes: 1,
  api_requests: 1,
} as const;
export type FiledMeter = keyof typeof grains;

/**
 * A sum of grains as a quantity, rounded once to six places. Postgres gives a quotient of large numbers fewer places than that, but never
 * fewer than the dividend has.
 */
export const quantityOf = (amount: string, grain: string): string =>
  `round((${amount}) * 1.000000000000000000 / ${grain}, 6)`;

/**
 * Adds rows of `used (instance, at, commit, meter, amount, grain)` to what waits. The rows are locked in the order of their key:
 * whoever files at the same time waits, and never for each other.
 * @param used a query, or the name of a common table expression.
 */
export const fileFrom = (used: string, source: "sampled" | "reported"): string => `
  insert into usage_pending as waiting (hour, instance, meter, commits, amount, grain, source)
  select date_trunc('hour', at, 'UTC'), instance collate "C", meter collate "C", array_remove(array[commit], null), sum(amount), max(grain), '${source}'
  from ${used} used where amount <> 0
  group by 1, 2, 3, 4 order by 1, 2, 3, 4
  on conflict (hour, instance, meter, commits) do update set amount = waiting.amount + excluded.amount`;
