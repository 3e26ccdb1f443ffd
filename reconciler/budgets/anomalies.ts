import { tell } from "../../platform/notify/index.ts";
import { dailyCosts, findAnomaly, shortMoney } from "../../platform/spending/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { putAnomaly } from "../../platform/store/index.ts";

const lookBackDays = 28;
/** A day is judged when its last hour is rolled up. */
const afterMs = 3 * 3_600_000;

/** The day before, of every project of a tenant: what cost far more than usual is noted, and told. How many. */
export async function lookForAnomalies(sql: Sql, tenant: string, nowMs: number): Promise<number> {
  const at = new Date(nowMs);
  let found = 0;
  for (const { project, currency, days } of await dailyCosts(sql, {
    tenant,
    endMs: nowMs - afterMs,
    days: lookBackDays,
  })) {
    const [last, unusual] = [days.at(-1), findAnomaly(days)];
    if (last === undefined || unusual === null) continue;
    const { day, micros } = last;
    const { usualMicros } = unusual;
    const isNew = await sql.tx(async (tx) => {
      if (!(await putAnomaly(tx, { tenant, project, day, micros, usualMicros, currency, at }))) return false;
      const data = { day, amount: shortMoney(micros, currency), usual: shortMoney(usualMicros, currency) };
      return tell(tx, { kind: "anomaly.found", about: `${tenant}/${project}/${day}`, tenant, project, at, data });
    });
    if (isNew) found++;
  }
  return found;
}
